"""The stride metrics once more, straight from the definitions with plain loops: the oracle of the vectorised probe."""

from __future__ import annotations

import math
from collections.abc import Sequence

Point = list[float]


def mean_point(points: Sequence[Sequence[float]]) -> Point:
    return [math.fsum(column) / len(points) for column in zip(*points, strict=True)]


def squared(x: Sequence[float], y: Sequence[float]) -> float:
    return math.fsum((a - b) ** 2 for a, b in zip(x, y, strict=True))


def nearest_places(ring: Sequence[Point], i: int, count: int) -> list[int]:
    others = sorted((squared(ring[i], ring[j]), j) for j in range(len(ring)) if j != i)
    return [j for _, j in others[:count]]


def ring_metrics(rings: Sequence[Sequence[Point]], count: int) -> dict[str, dict[int, float]]:
    """stride, ring_class, distance, pair_adjacency and pair_distance of rings with `count` neighbours per place."""
    n = len(rings[0])
    strides = range(1, n // 2 + 1)
    score = dict.fromkeys(strides, 0.0)
    distance = dict.fromkeys(strides, 0.0)
    adjacency = {i * n + j: 0.0 for i in range(n) for j in range(n) if i != j}
    apart = {i * n + j: 0.0 for i in range(n) for j in range(n) if i < j}
    for ring in rings:
        for i in range(n):
            near = nearest_places(ring, i, count)
            for j in near:
                adjacency[i * n + j] += 1 / len(rings)
            for s in strides:
                hits = sum(1 for j in near if j in ((i + s) % n, (i - s) % n))
                score[s] += hits / (count * n * len(rings))
                distance[s] += squared(ring[i], ring[(i + s) % n]) / (n * len(rings))
            for j in range(i + 1, n):
                apart[i * n + j] += math.sqrt(squared(ring[i], ring[j])) / len(rings)
    classes: dict[int, float] = {}
    for s in strides:
        g = math.gcd(s, n)
        classes[g] = max(classes.get(g, 0.0), score[s])
    return {
        "stride": score,
        "ring_class": classes,
        "distance": distance,
        "pair_adjacency": adjacency,
        "pair_distance": apart,
    }


def variance_share(rows: Sequence[Sequence[float]], groups: Sequence[int]) -> float:
    centre = mean_point(rows)
    total = math.fsum(squared(row, centre) for row in rows)
    between = 0.0
    for group in set(groups):
        own = [row for row, g in zip(rows, groups, strict=True) if g == group]
        between += len(own) * squared(mean_point(own), centre)
    return between / total


def stride_metrics(
    rows: Sequence[Sequence[float]], position: Sequence[int], outer: int, inner: int
) -> dict[str, dict[int | None, float]]:
    """Metric -> index -> value for hidden rows at the given ring positions."""
    cosets = [k % outer for k in position]
    centres = [mean_point([row for row, own in zip(rows, cosets, strict=True) if own == c]) for c in range(outer)]
    classes = [[row for row, own in zip(rows, position, strict=True) if own == k] for k in range(outer * inner)]
    by_class = [mean_point(own) for own in classes]
    inner_rings = [[by_class[c + outer * i] for i in range(inner)] for c in range(outer)]
    found: dict[str, dict[int | None, float]] = {
        "variance_share_cosets": {None: variance_share(rows, cosets)},
        "variance_share_labels": {None: variance_share(rows, position)},
    }
    for side, rings, count in (("outer", [centres], 2), ("inner", inner_rings, 1)):
        found |= {f"{side}_{metric}": dict(part) for metric, part in ring_metrics(rings, count).items()}
    return found
