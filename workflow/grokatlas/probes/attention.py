"""Entropy of the attention weights, head by head (prediction 5.3)."""

from __future__ import annotations

import numpy as np
from scipy.special import entr

from ..metrics import Measurement
from .base import Snapshot


def measure(snapshot: Snapshot) -> list[Measurement]:
    """`attention_entropy` at index layer * heads + head: nats, at most ln 2, since there are two keys.

    The mean over test pairs and the query positions that reach the output: both; in the last layer position 0 alone.
    """
    rows = []
    for layer, weights in enumerate(snapshot.attention["test"]):
        first = weights.astype(np.float64)
        entropy = (entr(first) + entr(1 - first)).mean(axis=(0, 1))
        first_index = layer * len(entropy)
        rows += [Measurement("attention_entropy", float(e), first_index + h, "test") for h, e in enumerate(entropy)]
    return rows
