"""TwoNN: intrinsic dimension from the ratio of the distances to the two nearest neighbours (Facco 2017)."""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors

from ..metrics import Measurement
from .base import Snapshot

DISCARDED = 0.1  # share of the largest ratios left out of the fit (Facco 2017)


def neighbour_ratios(points: np.ndarray) -> np.ndarray:
    """Distance to the second over that to the first nearest neighbour of each distinct point: float64 [distinct].

    Equal rows [rows, width] count once, since a distance of zero has no ratio. Empty for fewer than 3 distinct points.
    """
    distinct = np.unique(points, axis=0)
    if len(distinct) < 3:
        return np.empty(0)
    # Brute force: in 128 dimensions a k-d tree takes up to 9 seconds where this takes half of one.
    found = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(distinct).kneighbors(return_distance=False)
    apart = distinct[found] - distinct[:, None]
    # Afresh from the differences: the search's own distances lose digits where points nearly coincide.
    near = np.sort(np.sqrt(np.einsum("nkw,nkw->nk", apart, apart)), axis=1)
    return near[:, 1] / near[:, 0]


def dimension(ratios: np.ndarray) -> float:
    """Slope through the origin of -ln(1 - F) on ln(ratio), F the empirical distribution function.

    The largest tenth of the ratios is left out. NaN where nothing is left or every ratio is 1 (a perfect lattice).
    """
    kept = int(len(ratios) * (1 - DISCARDED))
    logs = np.log(np.sort(ratios)[:kept])
    squares = logs @ logs
    if not squares > 0:
        return float("nan")
    return float(logs @ -np.log1p(-np.arange(1, kept + 1) / len(ratios)) / squares)


def measure(snapshot: Snapshot) -> list[Measurement]:
    """`twonn_dimension` of the test and of the train hidden states; NaN for a collapsed network (equal rows)."""
    return [
        Measurement("twonn_dimension", dimension(neighbour_ratios(snapshot.centred[split])), split=split)
        for split in ("test", "train")
    ]
