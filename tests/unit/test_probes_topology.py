"""Persistent homology of shapes with known loops, and what the bootstrap band lets through."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from grokatlas import extras
from grokatlas.errors import GrokatlasError
from grokatlas.probes import probes_for
from grokatlas.tasks import Task
from scipy.spatial.distance import pdist, squareform
from snapshots import snapshot_of_classes, snapshot_of_rows, values

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ripser") is None, reason="the optional extra 'manifold' (ripser) is not installed"
)
TASK = Task(modulus=31)
RING = TASK.ring_size


def measure(snapshot) -> dict[tuple[str, int | None], float]:
    return {(row.metric, row.index): row.value for row in probes_for(["topology"], [])[0].measure(snapshot)}


def circle(count: int, width: int, radius: float = 1.0) -> np.ndarray:
    points = np.zeros((count, width))
    angles = 2 * np.pi * np.arange(count) / count
    points[:, 0], points[:, 1] = radius * np.cos(angles), radius * np.sin(angles)
    return points


def noisy_classes(points: np.ndarray, seed: int, task: Task = TASK):
    """Pairs around the class means `points` [ring, width], with noise of standard deviation 1 in every direction."""
    place = task.ring_position[task.labels(task.test_pairs)]
    noise = np.random.default_rng(seed).normal(size=(len(place), points.shape[1]))
    return snapshot_of_rows(task, points[place] + noise)


def test_a_circle_in_128_dimensions_has_one_long_bar_in_rows_and_class_means():
    task = Task("addition", 18)
    found, side = measure(snapshot_of_classes(task, circle(18, 128))), 2 * np.sin(np.pi / 18)
    # A regular 18-gon: born with its side, filled by the triangles of side sqrt 3 that span it.
    assert found["class_birth_1", 1] == pytest.approx(side, rel=1e-5)
    assert found["class_death_1", 1] == pytest.approx(np.sqrt(3), rel=1e-5)
    assert ("class_birth_1", 2) not in found
    assert found["class_persistence_1", 2] == 0
    assert (found["betti_0", None], found["betti_1", None]) == (18, 1)  # bars at 0, of equal rows, do not count
    assert found["max_persistence_1", None] == pytest.approx(np.sqrt(3) - side, rel=1e-5)
    assert found["max_persistence_0", None] == pytest.approx(side, rel=1e-5)


def test_a_torus_has_two_long_bars():
    from grokatlas.probes.topology import diagrams, finite_bars

    turns = 2 * np.pi * np.arange(20) / 20
    u, v = (angle.ravel() for angle in np.meshgrid(turns, turns))
    torus = np.stack([np.cos(u), np.sin(u), np.cos(v), np.sin(v)], axis=1)
    bars = finite_bars(diagrams(squareform(pdist(torus)))[1])
    lengths = bars[:, 1] - bars[:, 0]
    assert lengths[:2] == pytest.approx([lengths[0]] * 2)
    assert lengths[1] > 1
    assert len(lengths) == 2 or lengths[2] < 0.2


def test_published_settings_take_500_rows_and_count_bars_above_a_tenth():
    task = Task(modulus=97)
    rows = np.zeros((len(task.test_pairs), 2))
    chosen = np.random.RandomState(42).choice(len(rows), 500, replace=False)
    rows[chosen[0]] = [5, 0]
    rows[chosen[1]] = [0, 0.09]
    not_chosen = np.setdiff1d(np.arange(len(rows)), chosen)[0]
    rows[not_chosen] = [1000, 0]
    found = measure(snapshot_of_rows(task, rows))
    assert found["betti_0", None] == 2  # one infinite bar, one of 5; that of 0.09 and the zeros are too short
    assert found["max_persistence_0", None] == pytest.approx(5)
    assert (found["betti_1", None], found["max_persistence_1", None]) == (0, 0)


@pytest.mark.parametrize("width", [3, 64])
def test_among_pure_noise_bars_stand_out_in_at_most_a_twentieth_of_the_draws(width: int):
    from grokatlas.probes.topology import class_rows

    draws = 100
    loops = pieces = 0
    for seed in range(draws):
        rows = list(class_rows(noisy_classes(np.zeros((RING, width)), seed)))
        loops += any(row.value > row.baseline for row in rows if row.metric == "class_persistence_1")
        pieces += any(row.value > row.baseline for row in rows if row.metric == "class_persistence_0")
    assert loops <= draws / 20
    assert pieces <= draws / 20


def test_a_ring_larger_than_the_spread_of_a_mean_stands_out_and_a_smaller_one_does_not():
    # About 21 pairs a class: a mean spreads by 0.22 in each of 3 directions.
    large, small = (measure(noisy_classes(circle(RING, 3, radius), 1)) for radius in (5, 0.3))
    assert large["class_bars_1", None] == 1
    assert small["class_bars_1", None] == 0


def test_the_band_bounds_the_bottleneck_distance_of_resampled_diagrams():
    persim = pytest.importorskip("persim")
    from grokatlas.probes.topology import diagrams, persistence_band, resampled_means

    snapshot = noisy_classes(circle(RING, 5, 3), 2)
    means, resampled = snapshot.class_means.means, resampled_means(snapshot)
    band = persistence_band(means, resampled)
    own = diagrams(squareform(pdist(means)))[1]
    apart = [persim.bottleneck(own, diagrams(squareform(pdist(points)))[1]) for points in resampled[:60]]
    assert np.mean(np.array(apart) <= band / 2) >= 0.95
    assert band / 2 < 20 * max(apart)


@pytest.mark.parametrize(("width", "covered"), [(3, True), (128, False)])
def test_the_band_is_a_confidence_set_in_few_dimensions_and_only_a_test_for_loops_in_many(width: int, covered: bool):
    persim = pytest.importorskip("persim")
    from grokatlas.probes.topology import diagrams, finite_bars, persistence_band, resampled_means

    task = Task("addition", 61)
    truth = diagrams(squareform(pdist(circle(61, width, 5))))[1]
    for seed in range(10):
        snapshot = noisy_classes(circle(61, width, 5), seed, task)
        means = snapshot.class_means.means
        band, found = persistence_band(means, resampled_means(snapshot)), diagrams(squareform(pdist(means)))[1]
        birth, death = finite_bars(found)[0]
        assert death - birth > band
        assert (persim.bottleneck(truth, found) <= band / 2) == covered
        assert birth > finite_bars(truth)[0, 0]


def test_resampled_means_are_those_of_pairs_drawn_with_replacement():
    from grokatlas.probes.topology import resampled_means

    snapshot = noisy_classes(np.zeros((RING, 4)), 3)
    drawn, means = resampled_means(snapshot), snapshot.class_means
    place = TASK.ring_position[snapshot.labels["test"]]
    for k in (0, 7):
        own = snapshot.centred["test"][place == k]
        error = own.std(axis=0) / np.sqrt(means.counts[k])
        assert np.abs(drawn[:, k].mean(axis=0) - means.means[k]).max() < 5 * error.max() / np.sqrt(len(drawn))
        assert drawn[:, k].std(axis=0) == pytest.approx(error, rel=0.25)


def test_a_collapsed_network_has_one_piece_and_no_loop():
    found = measure(snapshot_of_rows(TASK, np.full((len(TASK.test_pairs), 4), 0.1)))
    assert (found["betti_0", None], found["betti_1", None], found["class_bars_1", None]) == (1, 0, 0)


def test_bands_do_not_change_between_two_readings():
    probe = probes_for(["topology"], [])[0]
    one, other = (
        values(probe, noisy_classes(np.zeros((RING, 4)), 3), "class_persistence_1", "baseline") for _ in range(2)
    )
    assert one == other


def test_a_missing_package_is_one_line_with_the_pip_command(monkeypatch):
    monkeypatch.setitem(extras.PROBE_PACKAGES, "topology", "no_such_module")
    with pytest.raises(GrokatlasError, match=r"probe 'topology' needs no_such_module, .*pip install"):
        probes_for(["accuracy", "topology"], [])
