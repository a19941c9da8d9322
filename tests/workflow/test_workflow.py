"""The workflow from config to figures, extended, interrupted and misconfigured."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import yaml
from conftest import ROOT, Checkout
from grokatlas.checkpoints import RunFolder
from grokatlas.config import read_config

KILL_STEPS = 1000  # more than five kills let a fast machine train


def ledgers(checkout):
    """Run id -> trained pieces (start, stop)."""
    plans = read_config(checkout.folder / "config.yaml").plans
    return {k: [(p.start, p.stop) for p in RunFolder(checkout.results, v.run).ledger()] for k, v in plans.items()}


def amend(checkout, **keys):
    """Change keys of the config's only sweep."""
    path = checkout.folder / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["sweeps"][0] |= keys
    path.write_text(yaml.safe_dump(config))


def job_counts(output):
    """Rule -> number of jobs, from a dry run's table."""
    return {m[1]: int(m[2]) for m in re.finditer(r"^(\w+)\s+(\d+)$", output, re.MULTILINE) if m[1] != "total"}


def test_dry_run_of_both_configs_on_empty_results(tmp_path):
    for config, trains in (("config.yaml", 2), ("paper.yaml", None)):
        checkout = Checkout(tmp_path)
        shutil.copy(ROOT / "config" / config, tmp_path / "config.yaml")
        done = checkout.snakemake("-n", "-q", "rules")
        counts = job_counts(done.stdout + done.stderr)
        assert counts["train"] == counts["checkpoint"] == counts["probe"]
        assert trains is None or counts["train"] == trains


def test_end_to_end_then_nothing_to_be_done(checkout):
    checkout.configure(coset_splits=[[12, 8], [32, 3]])
    checkout.snakemake()
    for name in ("clock", "phase", "timeline_wd1.0", "timeline_wd2.0"):
        for kind in ("png", "svg"):
            assert (checkout.results / "figures" / f"{name}.{kind}").stat().st_size > 1000
    assert "missing" in (checkout.results / "tables" / "N7.md").read_text()
    assert (checkout.results / "report.html").stat().st_size > 10_000
    metrics = pd.read_parquet(checkout.results / "metrics.parquet")
    assert set(metrics.probe) >= {"evaluation", "accuracy", "strides_12x8", "strides_32x3", "spectrum", "pca"}
    assert sorted(metrics[metrics.probe == "pca"].step.unique()) == [50, 100, 150, 200]
    assert list(pd.read_parquet(checkout.results / "sweeps.parquet").sweep) == ["t", "t"]
    again = checkout.snakemake()
    assert "Nothing to be done" in again.stdout + again.stderr
    for graph in ("--dag", "--rulegraph"):
        assert checkout.snakemake(graph).stdout.startswith("digraph")
    config = checkout.folder / "config.yaml"
    config.write_text(config.read_text() + "keep: {checkpoints: last, snapshots: none}\n")
    subprocess.run(
        [sys.executable, "-m", "grokatlas.cli", "prune", "--config", config], cwd=checkout.folder, check=True
    )
    assert not list(checkout.results.rglob("snapshots/*.safetensors"))
    assert "Nothing to be done" in checkout.snakemake("-n").stdout
    checkout.snakemake("--report", "report.zip")


def test_extending_a_sweep_trains_only_what_is_new(checkout):
    checkout.configure(steps=500, every=100, segment_steps=2000)
    checkout.snakemake(*checkout.manifests())
    first = ledgers(checkout)
    assert list(first.values()) == [[(0, 500)], [(0, 500)]]

    checkout.configure(weight_decay=(1.0, 1.5, 2.0), steps=500, every=100, segment_steps=2000)
    assert job_counts(checkout.snakemake("-n", *checkout.manifests()).stdout)["train"] == 1
    checkout.snakemake(*checkout.manifests())
    assert {k: v for k, v in ledgers(checkout).items() if k in first} == first

    checkout.configure(weight_decay=(1.0, 1.5, 2.0), seed=(42, 7), steps=500, every=100, segment_steps=2000)
    assert job_counts(checkout.snakemake("-n", *checkout.manifests()).stdout)["train"] == 3
    checkout.snakemake(*checkout.manifests())
    assert {k: v for k, v in ledgers(checkout).items() if k in first} == first

    checkout.configure(weight_decay=(1.0, 1.5, 2.0), seed=(42, 7), steps=3000, every=100, segment_steps=2000)
    checkout.snakemake(*checkout.manifests())
    assert list(ledgers(checkout).values()) == [[(0, 500), (500, 2000), (2000, 3000)]] * 6


def test_more_steps_make_only_new_segments_due(checkout):
    checkout.configure(weight_decay=(1.0,), steps=200, segment_steps=100)
    checkout.snakemake(*checkout.manifests())
    checkout.configure(weight_decay=(1.0,), steps=400, segment_steps=100)
    assert job_counts(checkout.snakemake("-n", *checkout.manifests()).stdout) == {"checkpoint": 2, "train": 2}


def test_a_denser_cadence_replays_and_trains_nothing(checkout):
    checkout.configure(steps=400, every=200, segment_steps=200, weight_decay=(1.0,))
    checkout.snakemake(*checkout.manifests())
    before = ledgers(checkout)
    checkout.configure(steps=400, every=50, segment_steps=200, weight_decay=(1.0,))
    counts = job_counts(checkout.snakemake("-n", *checkout.manifests()).stdout)
    assert counts == {"checkpoint": 2}
    checkout.snakemake(*checkout.manifests())
    assert ledgers(checkout) == before
    (manifest, _) = (json.loads((checkout.folder / path).read_text()) for path in checkout.manifests())
    (run,) = manifest["runs"].values()
    assert list(run["snapshots"]) == ["50", "100", "150", "200"]


@pytest.mark.slow
def test_plane_steps_asked_for_later_train_nothing_and_give_planes_figures_and_an_animation(checkout):
    pytest.importorskip("umap", reason="umap-learn is not installed: pip install '.[manifold]'")
    checkout.configure(weight_decay=(1.0,), steps=400, segment_steps=200, coset_splits=[[4, 3]])
    amend(checkout, modulus=13)
    checkout.snakemake(*checkout.manifests())
    before = ledgers(checkout)
    amend(checkout, plane_steps=[200, 300])
    run = "mul13-L1d16h2-wd1-s42"
    counts = job_counts(checkout.snakemake("-n").stdout)
    assert counts["plane"] == counts["planes_figure"] == counts["animation"] == 1
    assert not {"train", "checkpoint"} & set(counts)
    checkout.snakemake()
    assert ledgers(checkout) == before
    planes = pd.read_parquet(checkout.results / "planes" / f"{run}.parquet")
    assert set(zip(planes.step, planes.method, strict=True)) == {(s, m) for s in (200, 300) for m in ("umap", "pca")}
    assert planes[["x", "y"]].notna().all().all() and (planes.a * planes.b % 13 == planes.label).all()
    means = pd.read_parquet(checkout.results / "planes" / "means" / f"{run}.parquet")
    assert sorted(means.step.unique()) == [50, 100, 150, 200, 250, 300]  # probed steps up to the last plane step
    metrics = pd.read_parquet(checkout.results / "metrics.parquet")
    found = metrics[metrics.metric == "plane_adjacency"]
    assert sorted(zip(found.step, found["index"], found.cadence, strict=True)) == [
        (step, seed, gap) for step, gap in ((200, 200), (300, 100)) for seed in (1, 2, 42)
    ]
    assert (checkout.results / "figures" / f"planes_{run}.png").stat().st_size > 1000
    assert (checkout.results / "figures" / f"animation_{run}.gif").read_bytes()[:4] == b"GIF8"
    assert "data:image/gif" in (checkout.results / "report.html").read_text()
    assert "Nothing to be done" in checkout.snakemake("-n").stdout
    amend(checkout, plane_steps=[200])
    assert "plane" in job_counts(checkout.snakemake("-n").stdout)


def test_editing_another_sweep_makes_nothing_due(checkout):
    checkout.configure()
    checkout.snakemake(*checkout.manifests())
    targets = checkout.manifests()
    text = (checkout.folder / "config.yaml").read_text()
    extra = "- {name: other, model: large, weight_decay: 9.0, steps: 50, evaluate_every: 50, probe_every: 50}\n"
    (checkout.folder / "config.yaml").write_text(text.replace("sweeps:\n", "sweeps:\n" + extra))
    assert "Nothing to be done" in checkout.snakemake("-n", *targets).stdout


@pytest.mark.slow
def test_kill_9_at_five_random_points_gives_the_uninterrupted_bits(checkout):
    """The real small model at p = 97. The process group is killed, and once Snakemake itself with its job."""
    checkout.configure(weight_decay=(2.0,), steps=KILL_STEPS, model="small", every=100, save_seconds=1)
    (plan,) = read_config(checkout.folder / "config.yaml").plans.values()
    cli = [sys.executable, "-m", "grokatlas.cli", "train", "--config", "config.yaml", "--threads", "1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    dice, folder = random.Random(), RunFolder(checkout.results, plan.run)
    for kill in range(5):
        command = checkout.command("--cores", "1", *checkout.manifests("train")) if kill == 2 else cli
        before = (folder.checkpoint_steps() or [0])[-1]
        with open(checkout.folder / "log", "w") as log:
            process = subprocess.Popen(command, cwd=checkout.folder, env=environment, start_new_session=True,
                                       stdout=log, stderr=log)  # fmt: skip
        while (folder.checkpoint_steps() or [0])[-1] == before:
            assert process.poll() is None, (checkout.folder / "log").read_text()
            time.sleep(0.01)
        time.sleep(dice.uniform(0, 2))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    checkout.snakemake("--unlock", *checkout.manifests())
    checkout.snakemake("--cores", "1", *checkout.manifests())
    pieces = [(p.start, p.stop) for p in folder.ledger()]
    assert pieces[0][0] == 0
    assert pieces[-1][1] == KILL_STEPS
    assert all(before[1] == after[0] for before, after in zip(pieces, pieces[1:], strict=False))

    straight = checkout.folder / "straight"
    straight.mkdir()
    text = (checkout.folder / "config.yaml").read_text()
    (straight / "config.yaml").write_text(text)
    subprocess.run(cli, cwd=straight, env=environment, check=True, stderr=subprocess.DEVNULL)
    whole = RunFolder(straight / "results", plan.run)
    for step in range(100, KILL_STEPS + 1, 100):
        assert folder.load_snapshot(step)[1]["content"] == whole.load_snapshot(step)[1]["content"], step
    assert folder.evaluations_path.read_text() == whole.evaluations_path.read_text()
    assert folder.sidecar(KILL_STEPS)["sha256"] == whole.sidecar(KILL_STEPS)["sha256"]


def test_a_misspelt_key_is_one_clear_line_and_nothing_is_touched(checkout):
    checkout.configure()
    path = checkout.folder / "config.yaml"
    path.write_text(path.read_text().replace("weight_decay", "weight_decy"))
    done = checkout.snakemake("-n", check=False)
    assert done.returncode != 0
    assert "unknown key 'weight_decy': did you mean 'weight_decay'?" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr + done.stdout
    assert not checkout.results.exists()


def test_a_tampered_checkpoint_fails_the_job_in_one_line(checkout):
    checkout.configure(weight_decay=(1.0,))
    checkout.snakemake(*checkout.manifests())
    (plan,) = read_config(checkout.folder / "config.yaml").plans.values()
    path = RunFolder(checkout.results, plan.run).checkpoint_path(200)
    path.write_bytes(path.read_bytes()[:-10])
    checkout.configure(weight_decay=(1.0,), steps=300)
    done = checkout.snakemake(*checkout.manifests(), check=False)
    assert done.returncode != 0
    assert re.search(r"grokatlas: .*000000200.safetensors: missing, truncated or changed", done.stderr + done.stdout)
    assert "Traceback" not in done.stderr


def test_a_new_probe_runs_on_kept_snapshots_without_training(checkout):
    settings = {"weight_decay": (1.0,), "seed": (42, 7), "segment_steps": 100}
    checkout.configure(probes=["accuracy", "pca"], **settings)
    target = "results/metrics.parquet"
    checkout.snakemake(target)
    before, trained = pd.read_parquet(checkout.results / "metrics.parquet"), ledgers(checkout)
    assert set(before.probe) == {"evaluation", "accuracy", "pca"}

    checkout.configure(probes=["accuracy", "pca", "attention", "drift"], **settings)
    assert job_counts(checkout.snakemake("-n", target).stdout) == {"aggregate": 1, "probe": 4}
    checkout.snakemake(target)
    after = pd.read_parquet(checkout.results / "metrics.parquet")
    assert set(after.probe) == {"evaluation", "accuracy", "pca", "attention", "drift"}
    assert sorted(after[after.probe == "attention"].step.unique()) == [50, 100, 150, 200]
    # From the second probed step on, over the segments' border at step 100.
    assert sorted(after[after.probe == "drift"].step.unique()) == [100, 150, 200]
    old = after[after.probe.isin(before.probe)].reset_index(drop=True)
    pd.testing.assert_frame_equal(old, before)
    assert ledgers(checkout) == trained


def test_a_probe_whose_package_is_missing_is_one_line_before_anything_runs(checkout):
    checkout.configure(probes=["accuracy", "topology"])
    hidden = "import sys; sys.modules['ripser'] = None\n"  # what `find_spec` takes for not installed
    (checkout.folder / "sitecustomize.py").write_text(hidden)
    done = checkout.snakemake("-n", check=False, environment={"PYTHONPATH": str(checkout.folder)})
    assert done.returncode != 0
    assert re.search(r"probe 'topology' needs ripser, .* pip install '\.\[manifold\]'", done.stdout + done.stderr)
    assert "Traceback" not in done.stderr + done.stdout
    assert not checkout.results.exists()
