"""Strides on the rings of the discrete logarithm: which places are neighbours, by chance or not, and why.

Position k = c + outer * i of the ring has coset c and inner index i. The outer ring has a centre per coset (its mean
hidden state), each with its 2 nearest; the inner ring of a coset has its class means, each with its 1 nearest.
Source: docs/methods.md, "Measurements" and corrections 2 to 5 and 9.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..metrics import Measurement
from ..tasks import CosetSplit
from .base import Snapshot
from .relabelling import null_counts, p_value
from .rings import (
    chance_scores,
    distances,
    nearest,
    offset_distances,
    predicted_stride,
    ring_classes,
    ring_power,
    stride_counts,
)

OUTER_NEIGHBOURS, INNER_NEIGHBOURS = 2, 1


def coset_points(snapshot: Snapshot, split: CosetSplit) -> tuple[np.ndarray, np.ndarray]:
    """Points of the outer ring, float64 [1, outer, width], and of the inner rings, float64 [outer, inner, width].

    A centre is the mean over its coset's test rows, not over its classes, which differ a little in size.
    Raises GrokatlasError if the split does not fit the task's ring.
    """
    split.check(snapshot.task.ring_size)
    classes = snapshot.class_means
    inner = classes.means.reshape(split.inner, split.outer, -1).transpose(1, 0, 2)
    counts = classes.counts.reshape(split.inner, split.outer).T
    centres = np.einsum("ci,ciw->cw", counts, inner) / counts.sum(axis=1)[:, None]
    return centres[None], inner


def score_rows(stride: str, ring_class: str, neighbours: np.ndarray) -> list[Measurement]:
    """Metrics `{stride}`, `{stride}_max`, `{ring_class}` with baselines and p-values; neighbours [groups, n, k]."""
    n, total = neighbours.shape[1], neighbours.size
    observed, null, chance = stride_counts(neighbours), null_counts(neighbours), chance_scores(n)

    def best_of(metric: str, index: int, strides: np.ndarray) -> Measurement:
        counts, draws = observed[strides - 1].max(), null[strides - 1].max(axis=0)
        # The expected maximum has no simple closed form, so it is the mean of the draws; a single stride's is exact.
        baseline = chance[strides[0] - 1] if len(strides) == 1 else draws.mean() / total
        return Measurement(metric, float(counts / total), index, "test", float(baseline), p_value(counts, draws))

    every = np.arange(1, n // 2 + 1)
    rows = [best_of(stride, int(s), np.array([s])) for s in every]
    rows.append(best_of(f"{stride}_max", int(observed.argmax()) + 1, every))
    rows += [best_of(ring_class, g, strides) for g, strides in ring_classes(n).items()]
    return rows


def pair_rows(side: str, apart: np.ndarray, neighbours: np.ndarray) -> list[Measurement]:
    """`{side}_pair_adjacency`, the share of rings where j is among i's nearest, and `_pair_distance`, their mean.

    Index i * n + j: for adjacency every i != j, for distance i < j. `apart`: distances [groups, n, n].
    """
    groups, n, per_place = neighbours.shape
    adjacency = np.zeros((groups, n, n))
    np.put_along_axis(adjacency, neighbours, 1.0, axis=2)
    share, mean, chance = adjacency.mean(axis=0), apart.mean(axis=0), per_place / (n - 1)
    rows = [
        Measurement(f"{side}_pair_adjacency", float(share[i, j]), i * n + j, "test", chance)
        for i in range(n)
        for j in range(n)
        if i != j
    ]
    rows += [
        Measurement(f"{side}_pair_distance", float(mean[i, j]), i * n + j, "test")
        for i in range(n)
        for j in range(i + 1, n)
    ]
    return rows


def _indexed(metric: str, values: Iterable[float], first: int) -> list[Measurement]:
    return [Measurement(metric, float(value), index, "test") for index, value in enumerate(values, first)]


def spectrum_rows(side: str, points: np.ndarray) -> list[Measurement]:
    """`{side}_power`, `_distance` and the stride that they predict with its margin, from points [groups, n, width]."""
    n = points.shape[1]
    power = ring_power(points)
    offsets = offset_distances(power, n)
    stride, margin = predicted_stride(offsets)
    return [
        *_indexed(f"{side}_power", power, 0),
        *_indexed(f"{side}_distance", offsets, 1),
        Measurement(f"{side}_predicted_stride", float(stride), split="test"),
        Measurement(f"{side}_predicted_margin", margin, split="test"),
    ]


def variance_rows(snapshot: Snapshot, centres: np.ndarray, split: CosetSplit) -> list[Measurement]:
    """`variance_share_cosets` and `variance_share_labels`: share of the rows' variance that lies between group means.

    Group means weigh by their rows, so a share is in [0, 1]; NaN if all rows are equal. The baseline is the share
    expected when the rows are dealt to the groups at random, (groups - 1) / (rows - 1).
    """
    classes = snapshot.class_means
    per_coset = classes.counts.reshape(split.inner, split.outer).sum(axis=0)
    rows = []
    for name, counts, means in (("cosets", per_coset, centres[0]), ("labels", classes.counts, classes.means)):
        between = float(counts @ np.einsum("kw,kw->k", means, means))
        share = min(between / classes.total, 1.0) if classes.total > 0 else float("nan")
        baseline = (len(counts) - 1) / (counts.sum() - 1)
        rows.append(Measurement(f"variance_share_{name}", share, split="test", baseline=float(baseline)))
    return rows


def measure(snapshot: Snapshot, split: CosetSplit) -> list[Measurement]:
    """All stride metrics of a coset split on the test hidden states; docs/metrics.md lists them.

    Raises GrokatlasError if the split does not fit the task's ring or a class has no test pair.
    """
    outer, inner = coset_points(snapshot, split)
    rows = variance_rows(snapshot, outer, split)
    for side, points, count in (("outer", outer, OUTER_NEIGHBOURS), ("inner", inner, INNER_NEIGHBOURS)):
        apart = distances(points)
        neighbours = nearest(apart, count)
        rows += score_rows(f"{side}_stride", f"{side}_ring_class", neighbours)
        rows += pair_rows(side, apart, neighbours) + spectrum_rows(side, points)
    return rows
