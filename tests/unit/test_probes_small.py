"""The probes of accuracy, weights, activations and PCA dimension, and finding probes by name."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from grokatlas.config import SCHEMA_PATH
from grokatlas.errors import GrokatlasError
from grokatlas.probes import Snapshot, probes_for
from grokatlas.probes.accuracy import cross_entropy
from grokatlas.probes.registry import SINGLE_PROBES
from grokatlas.tasks import CosetSplit, Task
from snapshots import snapshot_of_rows, values

TASK = Task(modulus=13)
ROWS = len(TASK.test_pairs)
ALL = ["accuracy", "weights", "activations", "pca", "strides", "spectrum", "ring", "twonn", "local_pca", "attention",
       "drift"]  # fmt: skip
if importlib.util.find_spec("ripser"):
    ALL.append("topology")


def one(name: str):
    return probes_for([name], [])[0]


def test_accuracy_is_the_share_of_right_answers_of_each_split():
    snapshot = snapshot_of_rows(TASK, np.zeros((ROWS, 2)))
    wrong = 7
    snapshot.logits["test"][:wrong] = -snapshot.logits["test"][:wrong]
    found = {(m.metric, m.split): m.value for m in one("accuracy").measure(snapshot)}
    assert found["accuracy", "train"] == 1
    assert found["accuracy", "test"] == pytest.approx(1 - wrong / ROWS)
    # Logit 1 for the answer and 0 for the 12 others.
    assert found["loss", "train"] == pytest.approx(math.log(1 + 12 / math.e))


def test_loss_of_large_logits_does_not_overflow():
    logits = np.array([[1000.0, 0.0], [0.0, 1000.0]], dtype=np.float32)
    assert cross_entropy(logits, np.array([0, 0])) == 500
    assert cross_entropy(np.zeros((3, 4), dtype=np.float32), np.array([0, 1, 2])) == pytest.approx(math.log(4))


def test_weight_norms_by_part_make_up_the_total():
    layer = "transformer.layers.1."
    state = {
        "embed_a.weight": [3.0], "embed_b.weight": [4.0], "pos_embed": [12.0],
        layer + "self_attn.in_proj_weight": [1.0, 2.0], layer + "self_attn.out_proj.bias": [2.0],
        layer + "linear1.weight": [2.0], layer + "linear2.bias": [1.5],
        layer + "norm1.weight": [1.0], layer + "norm2.bias": [1.0],
        "output.weight": [6.0], "output.bias": [8.0],
    }  # fmt: skip
    arrays = {name: np.array(value, dtype=np.float32) for name, value in state.items()}
    rows = {m.metric: m.value for m in one("weights").measure(snapshot_of_rows(TASK, np.zeros((ROWS, 2)), arrays))}
    parts = {"embedding": 13, "attention": 3, "feedforward": 2.5, "layernorm": math.sqrt(2), "output": 10}
    total = math.sqrt(sum(norm**2 for norm in parts.values()))
    assert rows == pytest.approx({"weight_norm": total} | {f"weight_norm_{part}": norm for part, norm in parts.items()})


def test_a_bottleneck_has_its_own_norm():
    state = {"bottleneck.0.weight": np.array([3.0]), "bottleneck.2.bias": np.array([4.0])}
    snapshot = snapshot_of_rows(TASK, np.zeros((ROWS, 2)), state)
    assert values(one("weights"), snapshot, "weight_norm_bottleneck") == {None: 5}


def test_activation_statistics_by_hand():
    hidden = np.zeros((ROWS, 4), dtype=np.float32)
    hidden[:, 0], hidden[:, 1] = 3, -4
    hidden[:, 2] = 0.05
    rows = {m.metric: m.value for m in one("activations").measure(snapshot_of_rows(TASK, hidden))}
    assert rows["sparsity"] == 0.5
    assert rows["max_abs"] == 4
    assert rows["mean_norm"] == pytest.approx(math.sqrt(25.0025))
    assert rows["std"] == pytest.approx(np.std([3, -4, 0.05, 0]))


def test_pca_dimension_counts_the_components_that_reach_the_share():
    # Orthogonal columns of variance 90, 8, 1.5 and 0.5 percent: 95% needs 2 of them, 99% needs 3.
    wave = 2 * np.pi * np.arange(ROWS) / ROWS
    columns = [np.cos(j * wave) * math.sqrt(share) for j, share in ((1, 90), (2, 8), (3, 1.5), (4, 0.5))]
    snapshot = snapshot_of_rows(TASK, np.stack(columns, axis=1) + 50)
    assert values(one("pca"), snapshot, "pca_dimension_95") == {None: 2}
    assert values(one("pca"), snapshot, "pca_dimension_99") == {None: 3}


def test_a_collapsed_network_has_pca_dimension_0():
    snapshot = snapshot_of_rows(TASK, np.full((ROWS, 4), 0.1))
    assert values(one("pca"), snapshot, "pca_dimension_95") == {None: 0}


def test_strides_become_one_probe_per_split_in_the_order_asked_for():
    probes = probes_for(["pca", "strides", "accuracy"], [CosetSplit(4, 3), CosetSplit(3, 4)])
    assert [probe.name for probe in probes] == ["pca", "strides_4x3", "strides_3x4", "accuracy"]


def test_an_unknown_probe_is_named_with_the_known_ones():
    with pytest.raises(GrokatlasError, match="'stride' is unknown") as error:
        probes_for(["stride"], [CosetSplit()])
    assert all(name in str(error.value) for name in ALL)


def test_every_probe_that_a_config_may_name_is_known_and_all_but_topology_are_the_default():
    schema = yaml.safe_load(SCHEMA_PATH.read_text())["properties"]["probes"]
    assert set(schema["items"]["enum"]) == {*SINGLE_PROBES, "strides"}
    assert set(schema["items"]["enum"]) - set(schema["default"]) == {"topology"}


def test_strides_do_not_apply_to_addition_and_the_others_do():
    task = Task("addition", 12)
    snapshot = snapshot_of_rows(task, np.random.default_rng(0).normal(size=(len(task.test_pairs), 3)))
    measured = {p.name: len(p.measure(snapshot, snapshot)) for p in probes_for(ALL, [CosetSplit(4, 3)])}
    assert measured["strides_4x3"] == 0
    assert all(rows > 0 for name, rows in measured.items() if name != "strides_4x3")


@pytest.mark.parametrize("field", ["hidden", "logits"])
def test_a_diverged_run_is_missing_not_a_number(field: str):
    snapshot = snapshot_of_rows(TASK, np.random.default_rng(0).normal(size=(ROWS, 3)))
    probes = probes_for(ALL, [CosetSplit(4, 3)])
    assert all(probe.measure(snapshot, snapshot) for probe in probes)
    arrays = {field.name: getattr(snapshot, field.name) for field in dataclasses.fields(Snapshot)}
    arrays[field] = {split: array.copy() for split, array in arrays[field].items()}
    arrays[field]["test"][0, 0] = np.nan
    diverged = Snapshot(**arrays)
    assert not any(probe.measure(diverged, snapshot) for probe in probes)
    assert one("drift").measure(snapshot, diverged) == []


def test_every_metric_is_documented():
    documented = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    state = {"embed_a.weight": np.ones((2, 2)), "bottleneck.0.weight": np.ones((2, 2))}
    snapshot = snapshot_of_rows(TASK, np.random.default_rng(0).normal(size=(ROWS, 3)), state)
    for probe in probes_for(ALL, [CosetSplit(4, 3)]):
        for metric in {row.metric for row in probe.measure(snapshot, snapshot)}:
            general = (
                metric
                if probe.name in ("ring", "topology")
                else metric.replace("outer_", "{side}_").replace("inner_", "{side}_")
            )
            row = f"| `{probe.name.replace('4x3', 'OxI')}` | `{general}` |"
            assert row in documented, f"docs/metrics.md has no row {row}"
