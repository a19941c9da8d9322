"""One change in the level of a trajectory, and how well its step is known."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from ..thresholds import CONFIDENCE, SIGNIFICANCE

PERMUTATIONS = 999
LEAST_POINTS = 20
EDGE = 5  # points that each side must keep: a level read off fewer is noise
RESAMPLES = 999
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


def circular_blocks(n: int, rng: np.random.Generator) -> np.ndarray:
    """Places to draw from a record of n points, int [RESAMPLES, n]: consecutive blocks of ceil(sqrt(n)), end to start.

    Blocks keep what neighbouring points share. Source: Politis and Romano 1992, circular block bootstrap.
    """
    length = ceil(sqrt(n))
    starts = rng.integers(n, size=(RESAMPLES, ceil(n / length)))
    return ((starts[:, :, None] + np.arange(length)) % n).reshape(RESAMPLES, -1)[:, :n]


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


def _best_cut(rows: np.ndarray) -> np.ndarray:
    """Place of the cut that leaves the least squares in each row of [m, n]: int [m]."""
    return EDGE + _gains(rows - rows.mean(axis=1, keepdims=True)).argmax(axis=1)


def _p_value(centred: np.ndarray) -> float:
    """Share of reorderings (fixed seed) of centred values [n] whose best cut gains as much."""
    shuffled = np.random.default_rng(SEED).permuted(np.repeat(centred[None, :], PERMUTATIONS, axis=0), axis=1)
    # A constant record saves nothing anywhere; the tolerance keeps rounding from calling its p-value small.
    as_good = np.sum(_gains(shuffled).max(axis=1) >= _gains(centred[None, :]).max() * (1 - 1e-12))
    return (1 + int(as_good)) / (1 + PERMUTATIONS)


def change_point(steps: np.ndarray, values: np.ndarray) -> ChangePoint | None:
    """The best single change in level of `values` float [n] at `steps` int [n], or None for fewer than 20 points.

    Least squares on ranks: ranks, since an accuracy record is mostly at one level with deep dips, which would drive the
    squares of the values themselves. p-value: share of 999 reorderings (fixed seed) whose best cut gains as much.
    """
    if len(steps) < LEAST_POINTS:
        return None
    ranks = _centred_ranks(values)
    cut = int(_best_cut(ranks[None, :])[0])
    return ChangePoint(
        step=int(steps[cut]),
        before=float(np.median(values[:cut])),
        after=float(np.median(values[cut:])),
        p_value=_p_value(ranks),
    )


def can_change_at(steps: np.ndarray, step: int) -> bool:
    """Whether a change in level can be put at `step`: EDGE or more of `steps` int [n] lie before it, and from it on."""
    before = int(np.searchsorted(steps, step))
    return min(before, len(steps) - before) >= EDGE


@dataclass(frozen=True)
class Fall:
    """Where a level falls: the first step after it and its 95% interval, all None if there is no such fall."""

    step: int | None
    low: int | None
    high: int | None


def fall(steps: np.ndarray, values: np.ndarray) -> Fall | None:
    """The best single fall in level of the logarithm of `values` float [n] > 0, or None for fewer than 20 points.

    There is no fall if the level rises, if a straight line leaves less squares than two levels (a steady slope has no
    step at which it falls; its best cut would be the middle of the record), or if 5% of reorderings gain as much.
    Logarithms, because dimensions are compared in ratios; not ranks, by which any falling curve is a steady slope.

    Interval: block bootstrap (fixed seed): deviations from the two levels are drawn in circular blocks, added to the
    levels and cut anew. Assumes one change in level, and deviations whose memory is shorter than a block of
    ceil(sqrt(n)) points. Widened to hold the estimate.
    """
    n = len(steps)
    if n < LEAST_POINTS:
        return None
    logs = np.log(values)
    centred, place = logs - logs.mean(), np.arange(n) - (n - 1) / 2
    cut = int(_best_cut(centred[None, :])[0])
    before, after = centred[:cut].mean(), centred[cut:].mean()
    line_gain = (centred @ place) ** 2 / (place @ place)
    if after >= before or _gains(centred[None, :]).max() <= line_gain or _p_value(centred) >= SIGNIFICANCE:
        return Fall(None, None, None)
    levels = np.where(np.arange(n) < cut, before, after)
    cuts = _best_cut(levels + (centred - levels)[circular_blocks(n, np.random.default_rng(SEED))])
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(cuts, tail, method="lower"), np.quantile(cuts, 1 - tail, method="higher")
    return Fall(int(steps[cut]), int(steps[min(low, cut)]), int(steps[max(high, cut)]))
