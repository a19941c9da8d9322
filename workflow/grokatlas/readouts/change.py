"""One change in the level of a trajectory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PERMUTATIONS = 999
LEAST_POINTS = 20
EDGE = 5  # points that each side must keep: a level read off fewer is noise
SEED = 0


@dataclass(frozen=True)
class ChangePoint:
    """Where the level changes: the first step after it, the median on each side, and a permutation p-value.

    The p-value takes the points as exchangeable; a record with long swings makes it too small.
    """

    step: int
    before: float
    after: float
    p_value: float


def _centred_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of the values float [n], equal values sharing their mean rank, minus the mean of all ranks."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return ranks[place] - (len(values) + 1) / 2


def _gains(ranks: np.ndarray) -> np.ndarray:
    """Squared error saved by a cut before point k, for k = EDGE .. n - EDGE, of each row of centred ranks [m, n]."""
    n = ranks.shape[1]
    sizes = np.arange(EDGE, n - EDGE + 1)
    sums = np.cumsum(ranks, axis=1)[:, sizes - 1]
    return sums**2 * n / (sizes * (n - sizes))


def change_point(steps: np.ndarray, values: np.ndarray) -> ChangePoint | None:
    """The best single change in level of `values` float [n] at `steps` int [n], or None for fewer than 20 points.

    Least squares on ranks: ranks, since an accuracy record is mostly at one level with deep dips, which would drive the
    squares of the values themselves. p-value: share of 999 reorderings (fixed seed) whose best cut gains as much.
    """
    n = len(steps)
    if n < LEAST_POINTS:
        return None
    ranks = _centred_ranks(values)[None, :]
    gains = _gains(ranks)[0]
    cut = EDGE + int(gains.argmax())
    shuffled = np.random.default_rng(SEED).permuted(np.repeat(ranks, PERMUTATIONS, axis=0), axis=1)
    # A constant record saves nothing anywhere; the tolerance keeps rounding from calling its p-value small.
    as_good = int(np.sum(_gains(shuffled).max(axis=1) >= gains.max() * (1 - 1e-12)))
    return ChangePoint(
        step=int(steps[cut]),
        before=float(np.median(values[:cut])),
        after=float(np.median(values[cut:])),
        p_value=(1 + as_good) / (1 + PERMUTATIONS),
    )
