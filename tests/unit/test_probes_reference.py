"""The author's trained model through the probes: a probe that disagrees with the published numbers is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from grokatlas.probes import Snapshot, probes_for
from grokatlas.tasks import CosetSplit, Task
from plain_loop import PlainTransformer
from snapshots import values

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "multiplication_wd1.0_150k"
pytestmark = pytest.mark.skipif(
    not (REFERENCE / "model_final.pt").exists(), reason="the author's model is not beside the repository (../shared)"
)
STRIDES = probes_for(["strides"], [CosetSplit()])[0]


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    task = Task()
    state = torch.load(REFERENCE / "model_final.pt", weights_only=True)
    model = PlainTransformer(modulus=97, width=128, heads=4, layers=2).eval()
    model.load_state_dict(state)
    arrays: dict[str, dict] = {"hidden": {}, "logits": {}, "labels": {}, "attention": {}}
    with torch.no_grad():
        for split, pairs in (("train", task.train_pairs), ("test", task.test_pairs)):
            a, b = torch.from_numpy(pairs).unbind(1)
            arrays["hidden"][split] = model.hidden(a, b).numpy()
            arrays["logits"][split] = model(a, b).numpy()
            arrays["labels"][split] = task.labels(pairs)
    return Snapshot(task, {name: value.numpy() for name, value in state.items()}, **arrays)


def test_accuracy_is_perfect_on_6452_pairs(snapshot: Snapshot):
    assert len(snapshot.labels["test"]) == 6452
    found = {m.split: m.value for m in probes_for(["accuracy"], [])[0].measure(snapshot) if m.metric == "accuracy"}
    assert found == {"train": 1.0, "test": 1.0}


def test_pca_dimensions(snapshot: Snapshot):
    found = {(m.metric, m.split): m.value for m in probes_for(["pca"], [])[0].measure(snapshot)}
    assert (found["pca_dimension_95", "test"], found["pca_dimension_99", "test"]) == (17, 21)
    log = json.loads((REFERENCE / "dimension_analysis.json").read_text())
    last = log["steps"].index(150000)
    assert (log["pca_dim_95"][last], log["pca_dim_99"][last]) == (17, 21)


def test_twonn_is_that_of_scikit_dimension(snapshot: Snapshot):
    # The author's log has no number to compare with: its TwoNN column is empty throughout.
    skdim = pytest.importorskip("skdim")
    found = {m.split: m.value for m in probes_for(["twonn"], [])[0].measure(snapshot)}
    for split, value in found.items():
        assert value == pytest.approx(skdim.id.TwoNN().fit(snapshot.centred[split]).dimension_, rel=1e-6)


def test_betti_numbers_are_near_those_of_the_authors_grokked_steps(snapshot: Snapshot):
    # His numbers are of step 14,000 of this run, the weights of step 150,000: near, not equal.
    pytest.importorskip("ripser")
    after = json.loads((REFERENCE / "topology_analysis.json").read_text())["after"]
    found = {m.metric: m.value for m in probes_for(["topology"], [])[0].measure(snapshot) if m.index is None}
    assert found["betti_0"] == after["b0"] == 500
    assert found["betti_1"] == pytest.approx(after["b1"], rel=0.25)
    assert found["max_persistence_0"] == pytest.approx(after["b0_max_persistence"], rel=0.25)
    assert found["max_persistence_1"] == pytest.approx(after["b1_max_persistence"], rel=0.25)


def test_stride_scores(snapshot: Snapshot):
    outer, inner = (values(STRIDES, snapshot, f"{side}_stride") for side in ("outer", "inner"))
    assert [round(outer[s], 3) for s in range(1, 7)] == [0.167, 0.0, 0.083, 0.333, 0.333, 0.083]
    assert [round(inner[s], 3) for s in range(1, 5)] == [0.104, 0.0, 0.896, 0.0]
    assert values(STRIDES, snapshot, "inner_stride_max", "p_value") == {3: 1 / 5000}


def test_activation_statistics_are_those_of_the_authors_log(snapshot: Snapshot):
    log = json.loads((REFERENCE / "activation_analysis.json").read_text())
    found = {m.metric: m.value for m in probes_for(["activations"], [])[0].measure(snapshot)}
    names = {"sparsity": "sparsity", "std": "std", "max_abs": "max", "mean_norm": "l2_norm"}
    for metric, name in names.items():
        assert found[metric] == pytest.approx(log[f"activation_{name}"][log["steps"].index(150000)], rel=1e-5)
