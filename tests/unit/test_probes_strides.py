"""The strides and spectrum probes on whole snapshots, against hand-made rings and against plain loops."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest
from grokatlas.errors import GrokatlasError
from grokatlas.probes import Probe, probes_for
from grokatlas.tasks import CosetSplit, Task
from slow_strides import stride_metrics
from snapshots import snapshot_of_classes, snapshot_of_rows, values

STRIDES = probes_for(["strides"], [CosetSplit()])[0]
SPECTRUM = probes_for(["spectrum"], [])[0]
TASK = Task()
POSITION = TASK.ring_position[TASK.labels(TASK.test_pairs)]


def strides_of(split: CosetSplit) -> Probe:
    return probes_for(["strides"], [split])[0]


def ringed_classes(outer_turns: int, inner_turns: int) -> np.ndarray:
    """96 classes: the cosets on one wide circle, the elements of each coset on a narrow one in another plane."""
    k = np.arange(96)
    outer, inner = 2 * np.pi * outer_turns * (k % 12) / 12, 2 * np.pi * inner_turns * (k // 12) / 8
    return np.stack([100 * np.cos(outer), 100 * np.sin(outer), np.cos(inner), np.sin(inner)], axis=1)


def test_a_perfect_outer_ring_and_a_perfect_inner_one():
    snapshot = snapshot_of_classes(TASK, ringed_classes(outer_turns=1, inner_turns=3))
    assert values(STRIDES, snapshot, "outer_stride") == {1: 1, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0}
    assert values(STRIDES, snapshot, "inner_stride") == {1: 0, 2: 0, 3: 1, 4: 0}
    assert values(STRIDES, snapshot, "outer_stride_max") == {1: 1}
    assert values(STRIDES, snapshot, "inner_stride_max") == {3: 1}
    assert values(STRIDES, snapshot, "outer_ring_class") == {1: 1, 2: 0, 3: 0, 4: 0, 6: 0}
    assert values(STRIDES, snapshot, "inner_ring_class") == {1: 1, 2: 0, 4: 0}
    assert values(STRIDES, snapshot, "outer_predicted_stride") == {None: 1}
    assert values(STRIDES, snapshot, "inner_predicted_stride") == {None: 3}
    for metric, index in (("outer_stride", 1), ("outer_stride_max", 1), ("inner_stride", 3), ("inner_ring_class", 1)):
        assert values(STRIDES, snapshot, metric, "p_value")[index] == 1 / 5000


def test_baselines_are_exact_for_single_strides_and_higher_for_the_best_of_several():
    snapshot = snapshot_of_rows(TASK, np.random.default_rng(0).normal(size=(len(POSITION), 8)))
    outer = values(STRIDES, snapshot, "outer_stride", "baseline")
    assert outer == pytest.approx({1: 2 / 11, 2: 2 / 11, 3: 2 / 11, 4: 2 / 11, 5: 2 / 11, 6: 1 / 11})
    classes = values(STRIDES, snapshot, "outer_ring_class", "baseline")
    assert classes[2] == outer[2]
    assert classes[6] == outer[6]
    assert outer[1] < classes[1] < next(iter(values(STRIDES, snapshot, "outer_stride_max", "baseline").values()))
    inner = values(STRIDES, snapshot, "inner_stride", "baseline")
    assert inner == pytest.approx({1: 2 / 7, 2: 2 / 7, 3: 2 / 7, 4: 1 / 7})


def test_pair_indices_run_row_by_row():
    snapshot = snapshot_of_classes(TASK, ringed_classes(outer_turns=1, inner_turns=1))
    adjacency = values(STRIDES, snapshot, "outer_pair_adjacency")
    assert sorted(adjacency) == [i * 12 + j for i in range(12) for j in range(12) if i != j]
    assert {index for index, near in adjacency.items() if near} == {
        i * 12 + j for i in range(12) for j in ((i + 1) % 12, (i - 1) % 12)
    }
    distance = values(STRIDES, snapshot, "inner_pair_distance")
    assert sorted(distance) == [i * 8 + j for i in range(8) for j in range(i + 1, 8)]
    assert distance[0 * 8 + 4] == pytest.approx(2, abs=1e-4)  # antipodes of a circle of radius 1
    assert distance[0 * 8 + 2] == pytest.approx(math.sqrt(2), abs=1e-4)


def test_all_variance_lies_between_cosets_if_their_elements_coincide():
    k = np.arange(96)
    snapshot = snapshot_of_classes(TASK, (k % 12)[:, None] ** 2.0)
    assert values(STRIDES, snapshot, "variance_share_cosets")[None] == pytest.approx(1)
    assert values(STRIDES, snapshot, "variance_share_labels")[None] == pytest.approx(1)


def test_no_variance_lies_between_labels_if_rows_of_a_label_cancel():
    hidden = np.zeros((len(POSITION), 1))
    for k in range(96):
        rows = np.flatnonzero(k == POSITION)
        hidden[rows[: len(rows) // 2]], hidden[rows[len(rows) // 2 : 2 * (len(rows) // 2)]] = 1, -1
    snapshot = snapshot_of_rows(TASK, hidden)
    assert values(STRIDES, snapshot, "variance_share_cosets")[None] == pytest.approx(0, abs=1e-20)
    assert values(STRIDES, snapshot, "variance_share_labels")[None] == pytest.approx(0, abs=1e-20)


def test_variance_baseline_is_the_share_of_rows_dealt_at_random():
    rng = np.random.default_rng(3)
    shares = [
        values(STRIDES, snapshot_of_rows(TASK, rng.normal(size=(len(POSITION), 200))), f"variance_share_{name}")[None]
        for name in ("cosets", "labels")
    ]
    assert shares == pytest.approx([11 / 6451, 95 / 6451], rel=0.1)


@pytest.mark.parametrize(
    ("modulus", "outer", "inner"), [(97, 12, 8), (97, 32, 3), (97, 3, 32), (37, 6, 6), (37, 12, 3), (61, 5, 12)]
)
def test_every_metric_agrees_with_plain_loops(modulus: int, outer: int, inner: int):
    task = Task(modulus=modulus)
    rng = np.random.default_rng(modulus + outer)
    hidden = rng.normal(size=(len(task.test_pairs), 3)).astype(np.float32)
    position = task.ring_position[task.labels(task.test_pairs)]
    slow = stride_metrics(hidden.tolist(), position.tolist(), outer, inner)
    snapshot = snapshot_of_rows(task, hidden)
    fast = strides_of(CosetSplit(outer, inner)).measure(snapshot)
    for metric, expected in slow.items():
        assert {row.index: row.value for row in fast if row.metric == metric} == pytest.approx(expected, abs=1e-9)


@dataclass(frozen=True)
class OtherRootTask(Task):
    """Multiplication whose discrete logarithm has base g^(1/unit): every index is multiplied by the unit."""

    unit: int = 1

    @cached_property
    def ring_position(self) -> np.ndarray:
        published = Task(self.operation, self.modulus).ring_position
        return np.where(published < 0, -1, published * self.unit % self.ring_size)


@pytest.mark.parametrize("unit", [5, 7, 11])
def test_ring_classes_do_not_depend_on_the_primitive_root_though_strides_do(unit: int):
    hidden = np.random.default_rng(1).normal(size=(len(POSITION), 4))
    plain, other = snapshot_of_rows(TASK, hidden), snapshot_of_rows(OtherRootTask(unit=unit), hidden)
    for side in ("outer", "inner"):
        metric = f"{side}_ring_class"
        assert values(STRIDES, plain, metric) == pytest.approx(values(STRIDES, other, metric))
        tested = values(STRIDES, plain, metric, "p_value")
        assert values(STRIDES, other, metric, "p_value") == pytest.approx(tested, abs=0.05)
    moved = {s: min(unit * s % 12, -unit * s % 12) for s in range(1, 7)}
    before, after = values(STRIDES, plain, "outer_stride"), values(STRIDES, other, "outer_stride")
    assert {moved[s]: score for s, score in before.items()} == pytest.approx(after)
    assert before[1] != before[5]  # so that the strides of at least unit 5 and 7 do change


def test_two_readings_of_a_snapshot_give_the_same_rows():
    snapshot = snapshot_of_rows(TASK, np.random.default_rng(2).normal(size=(len(POSITION), 4)))
    assert STRIDES.measure(snapshot) == STRIDES.measure(snapshot)


def test_a_collapsed_network_has_no_structure_and_undefined_shares():
    snapshot = snapshot_of_rows(TASK, np.full((len(POSITION), 4), 0.3))
    assert math.isnan(values(STRIDES, snapshot, "variance_share_cosets")[None])
    assert math.isnan(values(STRIDES, snapshot, "outer_predicted_margin")[None])
    assert values(STRIDES, snapshot, "outer_stride")[1] == 5 / 24  # all neighbours go to the lowest indices
    assert all(p > 0.05 for p in values(STRIDES, snapshot, "outer_stride", "p_value").values())
    assert all(math.isnan(share) for share in values(SPECTRUM, snapshot, "power_share").values())
    assert set(values(SPECTRUM, snapshot, "power").values()) == {0}


def test_a_label_without_test_pairs_is_named():
    task = Task(modulus=11, train_fraction=0.95)
    snapshot = snapshot_of_rows(task, np.zeros((len(task.test_pairs), 2)))
    absent = set(range(1, 11)) - set(snapshot.labels["test"].tolist())
    with pytest.raises(GrokatlasError, match=r"label (\d+) of multiplication mod 11 has no test pair") as error:
        SPECTRUM.measure(snapshot)
    assert int(str(error.value).split()[1]) in absent


def test_a_split_that_does_not_fit_the_ring_is_refused():
    snapshot = snapshot_of_rows(Task(modulus=37), np.zeros((len(Task(modulus=37).test_pairs), 2)))
    with pytest.raises(GrokatlasError, match="12x8 is impossible"):
        STRIDES.measure(snapshot)


@pytest.mark.parametrize(("operation", "modulus"), [("multiplication", 97), ("addition", 97), ("addition", 12)])
def test_the_spectrum_finds_the_frequencies_of_the_class_means(operation: str, modulus: int):
    task = Task(operation, modulus)
    n = task.ring_size
    angle = 2 * np.pi * np.arange(n) / n
    points = np.stack([np.cos(2 * angle), np.sin(2 * angle), math.sqrt(6) * np.cos(5 * angle)], axis=1) + 4
    snapshot = snapshot_of_classes(task, points)
    shares = values(SPECTRUM, snapshot, "power_share")
    assert list(shares) == list(range(n // 2 + 1))
    assert {j for j, share in shares.items() if share > 1e-6} == {2, 5}
    assert shares[2] == pytest.approx(1 / 4, abs=1e-6)  # mean squared norms 1 and 3
    assert sum(values(SPECTRUM, snapshot, "power").values()) == pytest.approx(4, abs=1e-5)


def test_the_outer_ring_sees_multiples_of_8_and_the_inner_ring_folds_the_rest():
    angle = 2 * np.pi * np.arange(96) / 96
    waves = [np.stack([np.cos(j * angle), np.sin(j * angle)], axis=1) for j in (24, 13)]
    snapshot = snapshot_of_classes(TASK, np.hstack(waves))
    outer, inner = values(STRIDES, snapshot, "outer_power"), values(STRIDES, snapshot, "inner_power")
    # Test pairs per class differ a little, so that averaging over a coset leaves a trace of the other frequency.
    assert outer == pytest.approx({0: 0, 1: 0, 2: 0, 3: 1, 4: 0, 5: 0, 6: 0}, abs=0.01)
    assert inner == pytest.approx({0: 0, 1: 0, 2: 0, 3: 1, 4: 0}, abs=1e-6)  # 13 = 5 mod 8, conjugate of 3
