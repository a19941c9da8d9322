"""PCA dimension of the hidden states (docs/methods.md, "Measurements"; tables G1 and N4), and participation ratio."""

from __future__ import annotations

import numpy as np

from ..metrics import Measurement
from .base import Snapshot

SHARES = {"pca_dimension_95": 0.95, "pca_dimension_99": 0.99}


def component_variances(centred: np.ndarray) -> np.ndarray:
    """Variances along the principal components of centred rows [rows, width]: float64 [width], largest first."""
    scatter = centred.T @ centred / len(centred)
    return np.clip(np.linalg.eigvalsh(scatter)[::-1], 0, None)


def dimension(variances: np.ndarray, share: float) -> np.ndarray:
    """Least number of leading components whose summed variance reaches `share` of the total; 0 for no variance.

    `variances` [..., components], largest first; the numbers are int64 [...].
    """
    reached = np.cumsum(variances, axis=-1)
    total = reached[..., -1:]
    return np.where(total[..., 0] > 0, np.sum(reached < share * total, axis=-1) + 1, 0)


def participation_ratio(variances: np.ndarray) -> float:
    """(sum of variances)^2 / sum of their squares: n for n equal variances; NaN for none. Source: Gao 2017."""
    squares = float(variances @ variances)
    return float(variances.sum() ** 2 / squares) if squares > 0 else float("nan")


def measure(snapshot: Snapshot) -> list[Measurement]:
    """`pca_dimension_95` and `_99`, components for 95% and 99% of variance, `participation_ratio`; test and train."""
    rows = []
    for split in ("test", "train"):
        variances = component_variances(snapshot.centred[split])
        rows += [Measurement(name, float(dimension(variances, share)), split=split) for name, share in SHARES.items()]
        rows.append(Measurement("participation_ratio", participation_ratio(variances), split=split))
    return rows
