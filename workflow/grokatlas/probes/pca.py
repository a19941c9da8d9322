"""PCA dimension of the test hidden states (docs/methods.md, "Measurements"; tables G1 and N4)."""

from __future__ import annotations

import numpy as np

from ..metrics import Measurement
from .base import Snapshot

SHARES = {"pca_dimension_95": 0.95, "pca_dimension_99": 0.99}


def component_variances(centred: np.ndarray) -> np.ndarray:
    """Variances along the principal components of centred rows [rows, width]: float64 [width], largest first."""
    scatter = centred.T @ centred / len(centred)
    return np.clip(np.linalg.eigvalsh(scatter)[::-1], 0, None)


def dimension(variances: np.ndarray, share: float) -> int:
    """Least number of leading components whose summed variance reaches `share` of the total; 0 for no variance."""
    reached = np.cumsum(variances)
    return int(np.searchsorted(reached, share * reached[-1]) + 1) if reached[-1] > 0 else 0


def measure(snapshot: Snapshot) -> list[Measurement]:
    """`pca_dimension_95` and `pca_dimension_99`: components needed for 95% and 99% of the variance."""
    variances = component_variances(snapshot.centred)
    return [Measurement(name, float(dimension(variances, share)), split="test") for name, share in SHARES.items()]
