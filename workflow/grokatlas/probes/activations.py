"""Statistics of the test hidden states (docs/methods.md, "Measurements"; table G3)."""

from __future__ import annotations

import numpy as np

from ..metrics import Measurement
from .base import Snapshot

SMALL = 0.1  # an activation below this magnitude counts as silent (published definition)


def measure(snapshot: Snapshot) -> list[Measurement]:
    """`sparsity` (share of |h| < 0.1), `std` over all entries, `max_abs`, and `mean_norm` (mean L2 norm of a row)."""
    hidden = snapshot.hidden["test"]
    magnitude = np.abs(hidden)
    values = {
        "sparsity": np.mean(magnitude < SMALL),
        "std": np.std(hidden, dtype=np.float64),
        "max_abs": magnitude.max(),
        "mean_norm": np.mean(np.sqrt(np.einsum("ij,ij->i", hidden, hidden, dtype=np.float64))),
    }
    return [Measurement(metric, float(value), split="test") for metric, value in values.items()]
