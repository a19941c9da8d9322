"""What stride scores look like by chance: the same neighbours under random relabellings of the places."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .rings import stride_between

RELABELLINGS = 4_999  # the least p-value is 1 / 5,000
SEED = 97  # fixed: a p-value is part of the record and must not change between two readings of one snapshot


@lru_cache
def relabellings(groups: int, n: int, count: int = RELABELLINGS) -> np.ndarray:
    """`count` random labellings of `groups` rings of `n` places, each ring independently: int16 [groups * n, count].

    One column is one relabelling: the new label of place i of ring g is in row g * n + i. Read-only.
    """
    in_order = np.broadcast_to(np.arange(n, dtype=np.int16), (count, groups, n))
    labels = np.random.default_rng(SEED).permuted(in_order, axis=2)
    labels = np.ascontiguousarray(labels.reshape(count, groups * n).T)
    labels.flags.writeable = False
    return labels


def null_counts(neighbours: np.ndarray, count: int = RELABELLINGS) -> np.ndarray:
    """`stride_counts` of the neighbours [groups, n, k] under each relabelling: int64 [n//2, count].

    Distances do not depend on labels, so the neighbours stay and only their labels are drawn anew. Outer (one group):
    the centres are permuted; inner: the places within each coset, independently. Source: docs/methods.md, correction 3.
    """
    groups, n, per_place = neighbours.shape
    labels = relabellings(groups, n, count)
    start = n * np.arange(groups)[:, None, None]
    own = np.repeat(np.arange(groups * n), per_place)
    strides = stride_between(labels[own], labels[(start + neighbours).ravel()], n)
    return np.stack([np.count_nonzero(strides == s, axis=0) for s in range(1, n // 2 + 1)])


def p_value(observed: float, null: np.ndarray) -> float:
    """(1 + number of null draws at or above `observed`) / (1 + number of draws): never 0, one-sided."""
    return float((1 + np.count_nonzero(null >= observed)) / (1 + len(null)))
