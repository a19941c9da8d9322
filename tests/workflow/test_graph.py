"""What the graph says: the time that jobs ask for, and its pictures in the README."""

import json
import re
import shutil

from conftest import ROOT
from grokatlas.config import read_config
from grokatlas.history import RunHistory

PICTURES = ROOT / "docs" / "images"


def runtimes(output):
    """Rule -> minutes asked for by its first job, from a dry run."""
    return {m[1]: int(m[2]) for m in re.finditer(r"rule (\w+):(?:\n .*)*?runtime=(\d+)", output)}


def test_a_measured_speed_changes_what_new_jobs_ask_for_and_makes_nothing_due(checkout):
    checkout.configure(weight_decay=(1.0,), steps=100, segment_steps=100)
    checkout.snakemake(*checkout.manifests())
    (plan,) = read_config(checkout.folder / "config.yaml").plans.values()
    sidecar = RunHistory(checkout.results, plan.run).sidecar_path(100)
    text = sidecar.read_text()
    asked = {}
    for seconds in (30.0, 6000.0):
        data = json.loads(text)
        data["ledger"][-1]["seconds"] = seconds
        sidecar.write_text(json.dumps(data))
        checkout.configure(weight_decay=(1.0,), steps=100, segment_steps=100)
        assert "Nothing to be done" in checkout.snakemake("-n", *checkout.manifests()).stdout
        checkout.configure(weight_decay=(1.0,), steps=200, segment_steps=100)
        asked[seconds] = runtimes(checkout.snakemake("-n", *checkout.manifests()).stdout)
    # 10 minutes to start, and twice the time that 100 steps took before.
    assert asked == {30.0: {"train": 11, "checkpoint": 11}, 6000.0: {"train": 210, "checkpoint": 210}}


def labels(text):
    """The words in the boxes of a picture, or of what Snakemake prints."""
    return sorted(re.findall(r'label = "(\w+)', text) or re.findall(r">(\w+)</text>", text))


def test_the_pictures_show_the_graph_there_is(checkout):
    shutil.copy(PICTURES / "graphs.yaml", checkout.folder / "config.yaml")
    rules = checkout.snakemake("--rulegraph", "dot").stdout
    assert labels((PICTURES / "rules.svg").read_text()) == labels(rules), "draw them again: make graphs"
    stack = checkout.snakemake("--dag", "dot", "--", "results/metrics.parquet").stdout
    assert labels((PICTURES / "stack.svg").read_text()) == labels(stack), "draw them again: make graphs"
