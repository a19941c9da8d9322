"""Rings worked by hand: neighbours, strides, spectra, and what relabelling says about chance."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from grokatlas.probes.relabelling import RELABELLINGS, null_counts, p_value, relabellings
from grokatlas.probes.rings import (
    chance_scores,
    distances,
    nearest,
    offset_distances,
    predicted_stride,
    ring_classes,
    ring_power,
    stride_counts,
)


def circle(n: int, turns: int = 1) -> np.ndarray:
    angle = 2 * np.pi * turns * np.arange(n) / n
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def scores(points: np.ndarray, count: int) -> list[float]:
    neighbours = nearest(distances(points), count)
    return [float(value) for value in stride_counts(neighbours) / neighbours.size]


def test_perfect_ring_of_12_has_stride_1():
    assert scores(circle(12)[None], 2) == [1, 0, 0, 0, 0, 0]


def test_two_rings_of_6_far_apart_have_stride_2():
    points = circle(12)
    points[1::2] += 100
    assert scores(points[None], 2) == [0, 1, 0, 0, 0, 0]


def test_ring_walked_five_places_at_a_time_has_stride_5():
    assert scores(circle(12, turns=5)[None], 2) == [0, 0, 0, 0, 1, 0]


def test_antipodes_have_inner_stride_4():
    points = 10 * np.arange(8.0)[:, None] % 40 + np.repeat([0.0, 1.0], 4)[:, None]  # 0 10 20 30 1 11 21 31
    assert scores(points[None], 1) == [0, 0, 0, 1]


def test_antipodes_cannot_exceed_half_of_two_neighbours():
    points = 10 * np.arange(12.0)[:, None] % 60 + np.repeat([0.0, 1.0], 6)[:, None]
    assert scores(points[None], 2)[5] == 0.5


def test_smallest_rings_are_all_neighbours():
    assert scores(np.array([[[0.0], [1.0], [5.0]]]), 2) == [1]
    assert scores(np.array([[[0.0], [1.0], [5.0]]]), 1) == [1]


def test_equally_near_places_go_by_index_so_collapsed_centres_are_deterministic():
    collapsed = nearest(distances(np.ones((1, 5, 3))), 2)
    assert collapsed[0].tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1]]


def test_ring_classes_of_the_published_rings():
    assert {g: s.tolist() for g, s in ring_classes(12).items()} == {1: [1, 5], 2: [2], 3: [3], 4: [4], 6: [6]}
    assert {g: s.tolist() for g, s in ring_classes(8).items()} == {1: [1, 3], 2: [2], 4: [4]}
    assert {g: s.tolist() for g, s in ring_classes(3).items()} == {1: [1]}


def test_a_pure_frequency_has_its_power_there_and_predicts_its_stride():
    power = ring_power(circle(8, turns=3)[None])
    assert power == pytest.approx([0, 0, 0, 1, 0], abs=1e-15)
    # D(s) = 4 sin^2(3 pi s / 8) = 2 (1 - cos(135 s degrees))
    offsets = offset_distances(power, 8)
    assert offsets == pytest.approx([2 + math.sqrt(2), 2, 2 - math.sqrt(2), 4])
    stride, margin = predicted_stride(offsets)
    assert stride == 3
    assert margin == pytest.approx(math.sqrt(2) / 2)


def test_the_alternating_frequency_has_no_conjugate():
    power = ring_power(np.array([[[3.0], [-3.0], [3.0], [-3.0]]]) + 7)
    assert power == pytest.approx([0, 0, 9])
    assert offset_distances(power, 4) == pytest.approx([36, 0])


@pytest.mark.parametrize("n", [3, 4, 7, 8, 12])
def test_powers_sum_to_the_mean_squared_norm_and_give_the_offset_distances_exactly(n: int):
    points = np.random.default_rng(n).normal(size=(5, n, 6))
    power = ring_power(points)
    centred = points - points.mean(axis=1, keepdims=True)
    assert power.sum() == pytest.approx(np.mean(np.sum(centred**2, axis=2)), abs=1e-12)
    direct = [np.mean(np.sum((np.roll(points, -s, axis=1) - points) ** 2, axis=2)) for s in range(1, n // 2 + 1)]
    assert offset_distances(power, n) == pytest.approx(direct, abs=1e-10, rel=0)


def test_no_margin_without_a_runner_up():
    assert predicted_stride(np.array([2.0]))[0] == 1
    assert math.isnan(predicted_stride(np.array([2.0]))[1])
    assert math.isnan(predicted_stride(np.zeros(4))[1])


def test_relabellings_are_permutations_of_each_ring_alone_and_never_change():
    labels = relabellings(3, 5, 50)
    assert (np.sort(labels.reshape(3, 5, 50), axis=1) == np.arange(5)[None, :, None]).all()
    assert not (labels[:5] == labels[5:10]).all()
    kept = labels.copy()
    relabellings.cache_clear()
    assert (relabellings(3, 5, 50) == kept).all()


def test_baselines_are_the_published_fractions():
    assert chance_scores(12) == pytest.approx([2 / 11] * 5 + [1 / 11])
    assert chance_scores(8) == pytest.approx([2 / 7] * 3 + [1 / 7])
    assert chance_scores(3) == pytest.approx([1])


@pytest.mark.parametrize(("groups", "n", "count"), [(1, 12, 2), (12, 8, 1), (1, 7, 2), (3, 32, 1)])
def test_baselines_are_the_mean_over_relabellings(groups: int, n: int, count: int):
    points = np.random.default_rng(n).normal(size=(groups, n, 4))
    neighbours = nearest(distances(points), count)
    drawn = null_counts(neighbours) / neighbours.size
    error = drawn.std(axis=1) / math.sqrt(RELABELLINGS)
    assert (np.abs(drawn.mean(axis=1) - chance_scores(n)) < 5 * error).all()


def test_p_values_agree_with_all_relabellings_of_a_small_ring():
    neighbours = nearest(distances(np.random.default_rng(4).normal(size=(1, 6, 2))), 2)
    exact = []
    for order in itertools.permutations(range(6)):
        counts = [0, 0, 0]
        for i in range(6):
            for j in neighbours[0, i]:
                apart = abs(order[i] - order[j])
                counts[min(apart, 6 - apart) - 1] += 1
        exact.append(counts)
    exact, drawn = np.array(exact).T, null_counts(neighbours)
    for s in range(3):
        for level in range(13):
            share = np.mean(exact[s] >= level)
            error = math.sqrt(share * (1 - share) / RELABELLINGS)
            assert p_value(level, drawn[s]) == pytest.approx(share, abs=5 * error + 2 / RELABELLINGS)


def test_p_value_counts_draws_at_or_above_and_is_never_zero():
    draws = np.array([1, 2, 3, 4])
    assert p_value(3, draws) == 3 / 5
    assert p_value(9, draws) == 1 / 5


def test_p_values_are_small_no_more_often_than_they_should_be():
    rng = np.random.default_rng(11)
    found = []
    for _ in range(300):
        neighbours = nearest(distances(rng.normal(size=(1, 12, 20))), 2)
        drawn = null_counts(neighbours, 999)
        found.append(p_value(stride_counts(neighbours).max(), drawn.max(axis=0)))
    # Scores are coarse (steps of 1/24), so p is at most, not exactly, uniform: it may be too large, never too small.
    for level in (0.05, 0.1, 0.25, 0.5):
        assert np.mean(np.array(found) <= level) <= level + 3 * math.sqrt(level * (1 - level) / 300)
    assert min(found) < 0.05
