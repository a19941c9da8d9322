"""Rank correlation of two trajectories, with an interval that allows for neighbouring points being alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..thresholds import CONFIDENCE
from .change import LEAST_POINTS, SEED, circular_blocks


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rank correlation and its 95% interval; NaN if either trajectory is constant."""

    value: float
    low: float
    high: float


def _of_rows(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Spearman's correlation of each row of [m, n] with its partner: float [m]; NaN for a constant row."""
    ranks = [pd.DataFrame(rows).rank(axis=1).to_numpy() for rows in (first, second)]
    a, b = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    with np.errstate(invalid="ignore"):
        return (a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))


def rank_correlation(first: np.ndarray, second: np.ndarray) -> RankCorrelation | None:
    """Spearman's correlation of two trajectories float [n] at the same steps, or None for fewer than 20 points.

    Interval: circular block bootstrap of the pairs (999 draws, fixed seed, blocks of ceil(sqrt(n)) points).
    """
    n = len(first)
    if n < LEAST_POINTS:
        return None
    value = float(_of_rows(first[None, :], second[None, :])[0])
    if np.isnan(value):
        return RankCorrelation(value, value, value)
    draws = circular_blocks(n, np.random.default_rng(SEED))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(_of_rows(first[draws], second[draws]), [tail, 1 - tail])
    return RankCorrelation(value, float(low), float(high))
