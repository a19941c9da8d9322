"""Strides on the whole ring of classes: 97 residues for addition, 96 discrete logarithms for multiplication."""

from __future__ import annotations

from ..metrics import Measurement
from .base import Snapshot
from .rings import distances, nearest
from .strides import OUTER_NEIGHBOURS, score_rows


def measure(snapshot: Snapshot) -> list[Measurement]:
    """`ring_stride`, `ring_stride_max` and `ring_class` of the class means, each with its 2 nearest others.

    Baselines and p-values as for an outer ring of as many places. Raises GrokatlasError if a class has no test pair.
    """
    apart = distances(snapshot.class_means.means[None])
    return score_rows("ring_stride", "ring_class", nearest(apart, OUTER_NEIGHBOURS))
