"""L2 norms of the weights, in total and by part of the model (Liu 2022: weight norm and the Goldilocks zone)."""

from __future__ import annotations

import numpy as np

from ..metrics import Measurement
from .base import Snapshot

# Part -> what a state-dict name contains if it belongs there. Every parameter belongs to exactly one part.
PARTS = {
    "embedding": ("embed_a.", "embed_b.", "pos_embed"),
    "attention": (".self_attn.",),
    "feedforward": (".linear1.", ".linear2."),
    "layernorm": (".norm1.", ".norm2."),
    "bottleneck": ("bottleneck.",),
    "output": ("output.",),
}


def measure(snapshot: Snapshot) -> list[Measurement]:
    """`weight_norm` (all parameters) and `weight_norm_{part}`: the square root of the sum of their squares.

    A part that the model lacks (bottleneck) has no row.
    """
    squares = {name: float(np.sum(np.square(array, dtype=np.float64))) for name, array in snapshot.state.items()}
    rows = [Measurement("weight_norm", sum(squares.values()) ** 0.5)]
    for part, marks in PARTS.items():
        own = [square for name, square in squares.items() if any(mark in name for mark in marks)]
        if own:
            rows.append(Measurement(f"weight_norm_{part}", sum(own) ** 0.5))
    return rows
