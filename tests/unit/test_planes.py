"""Planes worked by hand: purity of clusters, adjacency of centres, and what a dead network gives."""

from __future__ import annotations

import numpy as np
import pytest
from grokatlas.errors import GrokatlasError
from grokatlas.extras import require
from grokatlas.planes import turned
from grokatlas.probes.plane import (
    UMAP_SEEDS,
    adjacency_rows,
    centres,
    cluster_purity,
    coset_of,
    measure,
    principal_axes,
    purity_rows,
    umap_plane,
)
from grokatlas.tasks import Task
from snapshots import snapshot_of_classes

MULTIPLICATION, ADDITION = Task(), Task("addition")


def on_circle(places, n, turns=1):
    """Points of ring places on a circle, walked `turns` places at a time, with a little noise."""
    angle = 2 * np.pi * turns * np.asarray(places) / n
    noise = np.random.default_rng(0).normal(0, 0.01, (len(angle), 2))
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) + noise


def rows_of(measurements):
    return {(m.metric, m.index): m for m in measurements}


def test_clusters_of_one_coset_each_are_pure_and_a_mixed_one_has_the_share_of_its_commonest():
    cosets = np.repeat(np.arange(12), 20)
    points = 10 * on_circle(cosets, 12)
    assert cluster_purity(points, cosets).tolist() == [1.0] * 12
    mixed = cosets.copy()
    mixed[:5] = 7  # 5 of the 20 points of the first cluster belong elsewhere
    assert sorted(cluster_purity(points, mixed)) == [0.75] + [1.0] * 11
    found = rows_of(purity_rows("plane_coset_purity", points, mixed, 42, 42))
    assert found["plane_coset_purity", 42].value == pytest.approx(11.75 / 12)
    assert found["plane_coset_purity_min", 42].value == 0.75


@pytest.mark.parametrize(("turns", "adjacency"), [(1, 1.0), (5, 0.0)])
def test_centres_in_ring_order_are_adjacent_and_a_ring_of_stride_5_is_a_best_stride_but_not_adjacent(turns, adjacency):
    places = np.tile(np.arange(12), 10)
    found = rows_of(adjacency_rows(on_circle(places, 12, turns), places, 12, 42))
    assert found["plane_adjacency", 42].value == adjacency
    assert found["plane_adjacency", 42].baseline == pytest.approx(2 / 11)
    assert found["plane_stride_max", 42].value == 1.0
    assert found["plane_stride_max", 42].p_value < 0.01


def test_the_baseline_of_97_labels_is_2_in_96():
    places = np.tile(np.arange(97), 3)
    assert rows_of(adjacency_rows(on_circle(places, 97), places, 97, 1))["plane_adjacency", 1].baseline == 2 / 96


def test_a_centre_is_the_mean_of_its_points():
    points = np.array([[0, 0], [2, 4], [5, 5]], dtype=np.float32)
    assert centres(points, np.array([1, 1, 0]), 2).tolist() == [[5, 5], [1, 2]]


def test_cosets_are_those_of_multiplication_mod_97_alone():
    place = np.array([0, 11, 12, 95])
    assert coset_of(MULTIPLICATION, place).tolist() == [0, 11, 0, 11]
    assert coset_of(ADDITION, place) is None
    assert coset_of(Task(modulus=13), np.array([0, 11])) is None


def test_multiplication_reads_12_cosets_on_the_plane_and_in_the_full_width_addition_97_labels():
    for task, n in ((MULTIPLICATION, 12), (ADDITION, 97)):
        ring = np.arange(task.ring_size)
        snapshot = snapshot_of_classes(task, np.pad(on_circle(ring % n, n), ((0, 0), (0, 6))))
        place = task.ring_position[snapshot.labels["test"]]
        found = rows_of(measure(snapshot, {seed: on_circle(place % n, n) for seed in UMAP_SEEDS}))
        assert {index for _, index in found} == set(UMAP_SEEDS)
        assert all(m.split == "test" for m in found.values())
        assert found["plane_adjacency", 42].value == 1.0
        assert found["plane_adjacency", 42].baseline == pytest.approx(2 / (n - 1))
        purities = {metric for metric, _ in found if "purity" in metric}
        if task is ADDITION:
            assert not purities
        else:
            assert all(found[metric, seed].value == 1.0 for metric in purities for seed in UMAP_SEEDS)
            assert purities == {f"{side}_coset_purity{end}" for side in ("plane", "raw") for end in ("", "_min")}


@pytest.mark.filterwarnings("error")
def test_a_dead_network_lies_in_one_point_and_has_no_scores():
    snapshot = snapshot_of_classes(MULTIPLICATION, np.ones((96, 8)))
    plane = umap_plane(snapshot.hidden["test"], 42)
    assert plane.shape == (6452, 2) and not plane.any()
    found = measure(snapshot, {42: plane})
    assert len(found) == 6 and all(np.isnan(m.value) for m in found)


def test_principal_axes_are_the_directions_of_most_variance_with_a_fixed_sign():
    rows = np.array([[3.0, 0, 0], [-3, 0, 0], [0, 0, -1], [0, 0, 1]])
    assert np.allclose(principal_axes(rows), [[1, 0], [0, 0], [0, 1]])
    assert np.allclose(principal_axes(-rows), principal_axes(rows))


def test_a_plane_is_turned_and_mirrored_to_match_the_one_before():
    points = np.array([[1.0, 0], [0, 2], [-3, 1]])
    quarter = np.array([[0.0, 1], [-1, 0]])
    for moved in (points @ quarter, points * [1, -1]):
        assert np.allclose(turned(moved, points), points)
    assert np.allclose(turned(5 * points @ quarter, points), 5 * points)  # sizes stay


@pytest.mark.slow
def test_umap_is_the_same_at_every_call_and_keeps_far_groups_apart():
    pytest.importorskip("umap", reason="umap-learn is not installed: pip install '.[manifold]'")
    dice = np.random.default_rng(0)
    directions = np.repeat(np.eye(3, 10), 40, axis=0)
    rows = (directions + dice.normal(0, 0.05, directions.shape)).astype(np.float32)
    plane = umap_plane(rows, 1)
    assert np.array_equal(plane, umap_plane(rows, 1))
    groups = plane.reshape(3, 40, 2)
    middle = groups.mean(axis=1)
    spread = np.linalg.norm(groups - middle[:, None], axis=2).max()
    apart = min(np.linalg.norm(middle[i] - middle[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert apart > spread


def test_a_missing_extra_is_one_line_with_the_command_that_installs_it():
    require("numpy", "numpy", "manifold", "anything")
    with pytest.raises(GrokatlasError, match=r"plane_steps needs umap-learn.* pip install '.\[manifold\]'") as error:
        require("no_such_module", "umap-learn", "manifold", "plane_steps")
    assert "\n" not in str(error.value)
