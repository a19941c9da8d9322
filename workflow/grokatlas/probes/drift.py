"""How far the class means moved since the probed step before, up to what a rotation or a scale could undo."""

from __future__ import annotations

import numpy as np
from scipy.spatial import procrustes

from ..metrics import Measurement
from .base import Snapshot


def linear_cka(x: np.ndarray, y: np.ndarray) -> float:
    """Linear centred kernel alignment of rows [n, width]: |X'Y|^2 / (|X'X| |Y'Y|), X and Y centred; NaN for equal rows.

    Frobenius norms; 1 if one is a rotation and rescaling of the other. Source: Kornblith 2019.
    """
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    scale = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    return float(np.linalg.norm(x.T @ y) ** 2 / scale) if scale > 0 else float("nan")


def procrustes_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Least sum of squared differences of rows [n, width], centred and of norm 1, when y is rotated and rescaled to x.

    Equal to 1 - (sum of the singular values of X'Y)^2, between 0 and 1; reflections count as rotations. NaN where all
    rows are equal. Source: scipy.spatial.procrustes, its disparity.
    """
    if not (np.ptp(x, axis=0).any() and np.ptp(y, axis=0).any()):
        return float("nan")
    return float(procrustes(x, y)[2])


def compare(snapshot: Snapshot, before: Snapshot) -> list[Measurement]:
    """`cka_drift`, 1 - linear CKA, and `procrustes_drift` of the test class means and those of the snapshot before.

    Raises GrokatlasError if a class has no test pair.
    """
    then, now = before.class_means.means, snapshot.class_means.means
    return [
        Measurement("cka_drift", 1 - linear_cka(then, now), split="test"),
        Measurement("procrustes_drift", procrustes_distance(then, now), split="test"),
    ]
