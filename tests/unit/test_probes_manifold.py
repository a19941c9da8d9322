"""Dimension, ring, attention and drift on shapes with known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from grokatlas.measure import snapshot_of
from grokatlas.model import ModelShape, initial_parameters, unflatten
from grokatlas.probes import probes_for
from grokatlas.probes.drift import linear_cka, procrustes_distance
from grokatlas.probes.local_pca import local_dimensions
from grokatlas.probes.pca import participation_ratio
from grokatlas.probes.twonn import dimension, neighbour_ratios
from grokatlas.tasks import Task
from plain_loop import PlainTransformer
from snapshots import snapshot_of_classes, snapshot_of_rows, values

TASK = Task(modulus=13)
ROWS = len(TASK.test_pairs)


def one(name: str):
    return probes_for([name], [])[0]


def embedded(points: np.ndarray, width: int = 128) -> np.ndarray:
    """The points in a random plane of `width` dimensions."""
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(width, points.shape[1])))[0]
    return points @ axes.T


def circle(angles: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def random_circle(count: int) -> np.ndarray:
    return embedded(circle(np.random.default_rng(1).uniform(0, 2 * np.pi, count)))


def split_values(probe, snapshot, metric):
    return {row.split: row.value for row in probe.measure(snapshot) if row.metric == metric}


def test_a_circle_in_128_dimensions_has_dimension_1_and_participation_ratio_2():
    task = Task(modulus=31)
    snapshot = snapshot_of_rows(task, 3 + random_circle(len(task.test_pairs)))
    assert split_values(one("twonn"), snapshot, "twonn_dimension")["test"] == pytest.approx(1, abs=0.15)
    assert split_values(one("local_pca"), snapshot, "local_pca_dimension")["test"] == pytest.approx(1, abs=0.6)
    assert split_values(one("pca"), snapshot, "participation_ratio")["test"] == pytest.approx(2, abs=0.02)
    assert split_values(one("pca"), snapshot, "pca_dimension_95")["test"] == 2


@pytest.mark.parametrize("d", [1, 2, 4, 6])
def test_gaussian_noise_has_its_dimension(d: int):
    points = embedded(np.random.default_rng(d).normal(size=(3000, d)))
    assert dimension(neighbour_ratios(points)) == pytest.approx(d, rel=0.12)
    assert local_dimensions(points).mean() == pytest.approx(d, abs=0.5)


@pytest.mark.parametrize(("rows", "width"), [(500, 3), (700, 20), (400, 60)])
def test_twonn_is_that_of_scikit_dimension(rows: int, width: int):
    skdim = pytest.importorskip("skdim")
    points = np.random.default_rng(rows).normal(size=(rows, width)) ** 3
    assert dimension(neighbour_ratios(points)) == pytest.approx(skdim.id.TwoNN().fit(points).dimension_, rel=1e-6)


def test_twonn_counts_equal_rows_once():
    points = random_circle(400)
    assert dimension(neighbour_ratios(np.concatenate([points, points[:300], points[:7]]))) == pytest.approx(
        dimension(neighbour_ratios(points))
    )


def test_twonn_keeps_the_digits_of_points_that_nearly_coincide():
    far = 1e4 * np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, -1.0]])
    triple = np.array([[0.0, 0.0], [1e-6, 0.0], [0.0, 3e-6]])
    ratios = neighbour_ratios((far[:, None] + triple).reshape(-1, 2))
    # From the corner 1 and 3 away, from the near end 1 and sqrt 10, from the far end 3 and sqrt 10.
    assert np.sort(ratios) == pytest.approx(np.repeat([math.sqrt(10) / 3, 3, math.sqrt(10)], 3), rel=1e-5)


@pytest.mark.parametrize("rows", [np.zeros((ROWS, 4)), np.resize(np.eye(2, 4), (ROWS, 4))])
def test_twonn_of_a_collapsed_network_is_undefined(rows: np.ndarray):
    assert math.isnan(split_values(one("twonn"), snapshot_of_rows(TASK, rows), "twonn_dimension")["test"])


def test_twonn_of_a_perfect_lattice_is_undefined():
    assert math.isnan(dimension(np.ones(50)))


def test_local_pca_and_participation_ratio_of_a_collapsed_network():
    collapsed = snapshot_of_rows(TASK, np.full((ROWS, 4), 0.1))
    assert split_values(one("local_pca"), collapsed, "local_pca_dimension") == {"test": 0, "train": 0}
    assert all(math.isnan(v) for v in split_values(one("pca"), collapsed, "participation_ratio").values())


def test_local_pca_sees_a_line_where_all_points_together_fill_a_plane():
    points = random_circle(3000)
    assert local_dimensions(points).tolist() == [1] * 200


def random_clusters(noise: float, directions: int) -> np.ndarray:
    """97 clusters of about 66 points around normal centres in 128 dimensions, with noise along so many directions."""
    rng = np.random.default_rng(0)
    label, centres = rng.integers(97, size=6400), rng.normal(size=(97, 128))
    axes = np.linalg.qr(rng.normal(size=(97, 128, directions)))[0]
    offsets = noise * rng.normal(size=(6400, directions))
    return centres[label] + np.einsum("pwd,pd->pw", axes[label], offsets)


@pytest.mark.parametrize("noise", [0.02, 0.05])
def test_random_clusters_without_a_ring_have_a_local_pca_dimension_of_1_too(noise: float):
    # 100 neighbours are a cluster and part of the next one: one direction, wherever the centres lie.
    points = random_clusters(noise, 128)
    assert local_dimensions(points).mean() < 1.5
    assert dimension(neighbour_ratios(points[:2000])) > 20


def test_the_twonn_dimension_of_random_clusters_is_that_of_the_noise_within_them():
    assert dimension(neighbour_ratios(random_clusters(0.1, 1)[:2000])) == pytest.approx(1, abs=0.15)


def test_participation_ratio_counts_equal_variances():
    assert participation_ratio(np.array([2.0, 2.0, 2.0, 0.0])) == pytest.approx(3)
    assert participation_ratio(np.array([3.0, 1.0])) == pytest.approx(16 / 10)


def test_train_rows_are_measured_on_the_train_hidden_states():
    snapshot = snapshot_of_rows(TASK, np.random.default_rng(0).normal(size=(ROWS, 6)))
    snapshot.hidden["train"][:, 0] = np.arange(TASK.n_train)
    assert split_values(one("pca"), snapshot, "pca_dimension_95") == {"test": 6, "train": 1}


@pytest.mark.parametrize("operation", ["addition", "multiplication"])
def test_class_means_on_a_ring_have_ring_stride_1(operation: str):
    task = Task(operation, 97)
    points = embedded(circle(2 * np.pi * np.arange(task.ring_size) / task.ring_size))
    ring, snapshot = one("ring"), snapshot_of_classes(task, points)
    strides = values(ring, snapshot, "ring_stride")
    assert list(strides) == list(range(1, 49))
    assert strides[1] == pytest.approx(1)
    assert values(ring, snapshot, "ring_stride_max") == {1: pytest.approx(1)}
    assert values(ring, snapshot, "ring_stride_max", "p_value") == {1: 1 / 5000}
    baseline = values(ring, snapshot, "ring_stride", "baseline")
    assert baseline[1] == pytest.approx(2 / (task.ring_size - 1))
    assert baseline[48] == pytest.approx((1 if operation == "multiplication" else 2) / (task.ring_size - 1))
    classes = values(ring, snapshot, "ring_class")
    assert classes[1] == pytest.approx(1)
    assert list(classes) == ([1] if operation == "addition" else [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48])


def test_a_ring_walked_five_residues_at_a_time_has_ring_stride_5_up_to_the_inverse():
    task = Task("addition", 97)
    walked = 2 * np.pi * (np.arange(97) * pow(5, -1, 97) % 97) / 97
    assert values(one("ring"), snapshot_of_classes(task, circle(walked)), "ring_stride_max") == {5: 1.0}


@pytest.mark.parametrize(("layers", "heads", "bottleneck"), [(1, 2, None), (2, 4, 4), (3, 1, None)])
def test_attention_entropy_is_that_of_torchs_own_weights(layers: int, heads: int, bottleneck: int | None):
    task, shape = Task("addition", 13), ModelShape(13, layers, 16, heads, bottleneck)
    torch.manual_seed(1)
    state = unflatten(initial_parameters(shape, 3), shape)
    state = {name: value + torch.randn_like(value) for name, value in state.items()}
    model = PlainTransformer(13, 16, heads, layers, bottleneck)
    model.load_state_dict(state)
    a, b = torch.from_numpy(task.test_pairs).unbind(1)
    x = torch.stack([model.embed_a(a), model.embed_b(b)], dim=1) + model.pos_embed
    expected = []
    with torch.no_grad():
        for i, layer in enumerate(model.transformer.layers):
            weights = layer.self_attn(x, x, x, need_weights=True, average_attn_weights=False)[1].double()
            entropy = -torch.xlogy(weights, weights).sum(-1)  # [pairs, heads, query position]
            expected += (entropy[..., 0] if i == layers - 1 else entropy.mean(-1)).mean(0).tolist()
            x = layer(x)
    found = values(one("attention"), snapshot_of(state, shape, task), "attention_entropy")
    assert list(found) == list(range(layers * heads))
    assert list(found.values()) == pytest.approx(expected, abs=1e-5)
    assert max(found.values()) < math.log(2)


def test_attention_to_one_position_has_entropy_0_and_to_both_ln_2():
    snapshot = snapshot_of_rows(TASK, np.zeros((ROWS, 2)))
    snapshot.attention["test"] = [np.stack([np.zeros((2, ROWS)), np.ones((2, ROWS))], -1), np.full((1, ROWS, 2), 0.5)]
    found = values(one("attention"), snapshot, "attention_entropy")
    assert found == {0: 0, 1: 0, 2: pytest.approx(math.log(2)), 3: pytest.approx(math.log(2))}


def drifted(change) -> dict[str, float]:
    points = np.random.default_rng(5).normal(size=(12, 6))
    before, after = snapshot_of_classes(TASK, points), snapshot_of_classes(TASK, change(points))
    return {row.metric: row.value for row in one("drift").measure(after, before)}


def test_drift_does_not_see_a_rotation_a_scale_or_a_shift():
    turn = np.linalg.qr(np.random.default_rng(6).normal(size=(6, 6)))[0]
    found = drifted(lambda points: 3 * points @ turn + 7)
    assert found == {"cka_drift": pytest.approx(0, abs=1e-6), "procrustes_drift": pytest.approx(0, abs=1e-6)}


def test_drift_grows_with_the_change_and_ends_at_1():
    noise = np.random.default_rng(7).normal(size=(12, 6))
    small, large = (drifted(lambda points, s=s: points + s * noise) for s in (0.1, 1.0))
    assert all(0 < small[name] < large[name] < 1 for name in ("cka_drift", "procrustes_drift"))
    # Orthogonal columns share nothing: cosines of different frequency on the same 12 places.
    x, y = (np.cos(2 * np.pi * f * np.arange(12) / 12)[:, None] for f in (1, 2))
    assert linear_cka(x, y) == pytest.approx(0, abs=1e-12)
    assert procrustes_distance(x, y) == pytest.approx(1)


def test_drift_by_hand():
    x = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    y = x * np.array([1.0, 0.0])  # one of two equal directions lost
    assert linear_cka(x, y) == pytest.approx(1 / math.sqrt(2))  # |diag(2,0)|^2 / (|diag(2,2)| |diag(2,0)|)
    assert procrustes_distance(x, y) == pytest.approx(1 / 2)  # norms 2 and sqrt 2, so 1 - (2 / (2 sqrt 2))^2


def test_drift_needs_a_snapshot_before_and_is_undefined_for_a_collapsed_network():
    points = np.random.default_rng(5).normal(size=(12, 6))
    snapshot, collapsed = snapshot_of_classes(TASK, points), snapshot_of_classes(TASK, np.ones((12, 6)))
    assert one("drift").measure(snapshot) == []
    assert all(math.isnan(row.value) for row in one("drift").measure(snapshot, collapsed))
    assert all(math.isnan(row.value) for row in one("drift").measure(collapsed, snapshot))
