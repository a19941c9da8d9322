"""Persistent homology of the hidden states: published settings, and class means with a bootstrap band.

Vietoris-Rips on Euclidean distances: an edge appears at the distance of its ends, so bars are in units of activation.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial.distance import pdist, squareform

from ..metrics import Measurement
from .base import Snapshot

ROWS, ROW_SEED, THRESHOLD = 500, 42, 0.1  # as published (docs/methods.md, "Measurements")
RANKS = 10
RESAMPLINGS, SEED, COVERAGE = 200, 97, 0.95  # fixed seed: a band is part of the record


def diagrams(apart: np.ndarray) -> list[np.ndarray]:
    """Persistence diagrams of dimensions 0 and 1, each float64 [bars, 2] birth and death, from distances [n, n]."""
    from ripser import ripser  # an optional extra: imported where it is used

    return ripser(apart, maxdim=1, distance_matrix=True)["dgms"]


def finite_bars(diagram: np.ndarray) -> np.ndarray:
    """The finite bars of a diagram, longest first: float64 [bars, 2]."""
    bars = diagram[np.isfinite(diagram[:, 1])]
    return bars[np.argsort(bars[:, 0] - bars[:, 1], kind="stable")]


def published_rows(snapshot: Snapshot) -> Iterator[Measurement]:
    """`betti_0`, `betti_1` (finite bars longer than 0.1; infinite ones counted for 0) and the longest finite bars."""
    hidden = snapshot.hidden["test"].astype(np.float64)
    chosen = np.random.RandomState(ROW_SEED).choice(len(hidden), min(ROWS, len(hidden)), replace=False)
    for k, diagram in enumerate(diagrams(squareform(pdist(hidden[chosen])))):
        bars = finite_bars(diagram)
        lengths = bars[:, 1] - bars[:, 0]
        infinite = len(diagram) - len(bars)
        yield Measurement(f"betti_{k}", float(np.count_nonzero(lengths > THRESHOLD) + infinite), split="test")
        yield Measurement(f"max_persistence_{k}", float(lengths.max(initial=0)), split="test")


def resampled_means(snapshot: Snapshot) -> np.ndarray:
    """Class means after drawing each class's test pairs anew, with replacement: float64 [resamplings, ring, width]."""
    rng = np.random.default_rng(SEED)
    place = snapshot.task.ring_position[snapshot.labels["test"]]
    means = []
    for k, count in enumerate(snapshot.class_means.counts):
        weights = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLINGS) / count
        means.append(weights @ snapshot.centred["test"][place == k])
    return np.stack(means, axis=1)


def persistence_band(means: np.ndarray, resampled: np.ndarray) -> float:
    """The persistence that a bar must exceed to stand out at 95%: twice the bootstrap bound on the bottleneck distance.

    The bottleneck distance of two Rips diagrams of corresponding points is at most the largest difference e between
    their pairwise distances. A bar is farther than e from the diagonal if it is longer than 2 e. The band is twice the
    95% quantile of e over the resamplings. `means` [n, width], `resampled` [resamplings, n, width].
    Source: Fasy 2014, "Confidence sets for persistence diagrams"; docs/metrics.md, "The bootstrap band".
    """
    apart = pdist(means)
    bounds = [np.abs(pdist(points) - apart).max() for points in resampled]
    return 2 * float(np.quantile(bounds, COVERAGE, method="higher"))


def class_rows(snapshot: Snapshot) -> Iterator[Measurement]:
    """The 10 longest finite bars of the class means in dimensions 0 and 1, the band, and the H1 bars longer than it.

    A rank without a bar has persistence 0 and neither birth nor death.
    """
    means = snapshot.class_means.means
    band = persistence_band(means, resampled_means(snapshot))
    for k, diagram in enumerate(diagrams(squareform(pdist(means)))):
        bars = finite_bars(diagram)
        lengths = np.zeros(RANKS)
        lengths[: len(bars)] = (bars[:, 1] - bars[:, 0])[:RANKS]
        for rank, length in enumerate(lengths, 1):
            yield Measurement(f"class_persistence_{k}", float(length), rank, "test", band)
        if k == 1:
            yield Measurement("class_bars_1", float(np.count_nonzero(bars[:, 1] - bars[:, 0] > band)), split="test")
            for rank, (birth, death) in enumerate(bars[:RANKS], 1):
                yield Measurement("class_birth_1", float(birth), rank, "test")
                yield Measurement("class_death_1", float(death), rank, "test")


def measure(snapshot: Snapshot) -> list[Measurement]:
    """All topology metrics of the test hidden states; docs/metrics.md lists them. Needs ripser.

    Raises GrokatlasError if a class has no test pair.
    """
    return [*published_rows(snapshot), *class_rows(snapshot)]
