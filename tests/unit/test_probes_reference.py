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
    arrays: dict[str, dict] = {"hidden": {}, "logits": {}, "labels": {}}
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
    pca = probes_for(["pca"], [])[0]
    assert {m.metric: m.value for m in pca.measure(snapshot)} == {"pca_dimension_95": 17, "pca_dimension_99": 21}


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
