"""Local PCA: how many directions the neighbourhood of a point has (Fukunaga and Olsen 1971)."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import euclidean_distances

from ..metrics import Measurement
from .base import Snapshot
from .pca import dimension

NEIGHBOURS = 100  # more than the pairs of one class (67 test, 29 train at p = 97): it sees how classes lie, too
POINTS = 200  # the first of the split, which is in random order
SHARE = 0.95


def local_dimensions(points: np.ndarray) -> np.ndarray:
    """PCA dimension of the nearest neighbours of each of the first `POINTS` rows [rows, width]: int64 [<= POINTS].

    The point itself is not among its neighbours; with too few rows, all others are.
    """
    apart = euclidean_distances(points[:POINTS], points)
    np.fill_diagonal(apart, np.inf)
    count = min(NEIGHBOURS, len(points) - 1)
    around = points[np.argpartition(apart, count - 1, axis=1)[:, :count]]
    around = around - around[:, :1]  # equal rows then centre to exact zeros
    around -= around.mean(axis=1, keepdims=True)
    variances = np.linalg.eigvalsh(around @ around.transpose(0, 2, 1))[:, ::-1]
    return dimension(np.clip(variances, 0, None), SHARE)


def measure(snapshot: Snapshot) -> list[Measurement]:
    """`local_pca_dimension` of test and train: mean over points of the components for 95% of the variance near them."""
    return [
        Measurement("local_pca_dimension", float(local_dimensions(snapshot.centred[split]).mean()), split=split)
        for split in ("test", "train")
    ]
