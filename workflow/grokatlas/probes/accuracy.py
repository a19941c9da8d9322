"""Accuracy and loss of a snapshot on all train and all test pairs."""

from __future__ import annotations

import numpy as np

from ..metrics import Measurement
from .base import Snapshot


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean cross-entropy in nats of logits [pairs, classes] against labels int64 [pairs], summed in float64."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    right = shifted[np.arange(len(labels)), labels]
    return float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - right))


def measure(snapshot: Snapshot) -> list[Measurement]:
    """`accuracy`, the share of pairs whose largest logit is the answer's, and `loss`, for train and test."""
    rows = []
    for split, logits in snapshot.logits.items():
        labels = snapshot.labels[split]
        right = float(np.mean(logits.argmax(axis=1) == labels))
        rows.append(Measurement("accuracy", right, split=split))
        rows.append(Measurement("loss", cross_entropy(logits, labels), split=split))
    return rows
