"""UMAP and PCA planes of the test hidden states, and the published readings of them: coset purity and adjacency.

Not one of the probes that see every snapshot: a UMAP takes seconds, so the plane rule measures at `plane_steps` alone.
Beside the readings on the plane stands coset purity in the full width (raw adjacency is the ring and strides probes').
Source: docs/methods.md, "Measurements"; tables G5 and G6.
"""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans

from ..metrics import Measurement
from ..tasks import CosetSplit, Task
from .base import Snapshot
from .relabelling import null_counts, p_value
from .rings import chance_scores, distances, nearest, stride_counts

PROBE = "plane"
SPLIT = CosetSplit(12, 8)  # the published cosets: place k of a ring of 96 has coset k mod 12
UMAP_SEEDS = (42, 1, 2)  # the published seed first; the others show the spread
UMAP_NEIGHBOURS, UMAP_MIN_DIST, UMAP_METRIC = 15, 0.1, "cosine"
CLUSTERS, CLUSTER_STARTS, CLUSTER_SEED = 12, 10, 42  # KMeans as published
NEIGHBOURS = 2  # nearest other centres of each centre, as on the outer ring


def collapsed(rows: np.ndarray, distinct: int = UMAP_NEIGHBOURS) -> bool:
    """Whether rows [n, width] have no more than `distinct` different ones: a dead network has one.

    UMAP would spread even equal rows out, into a cloud that means nothing.
    """
    return len(np.unique(rows, axis=0)) <= distinct


def umap_plane(rows: np.ndarray, seed: int) -> np.ndarray:
    """The published UMAP of rows [n, width]: float32 [n, 2], the same at every call; all zero if the rows collapsed.

    McInnes, Healy, Melville 2018, arXiv:1802.03426. Needs umap-learn.
    """
    if collapsed(rows):
        return np.zeros((len(rows), 2), dtype=np.float32)
    from umap import UMAP  # an optional extra that takes seconds to load

    settings = {"n_neighbors": UMAP_NEIGHBOURS, "min_dist": UMAP_MIN_DIST, "metric": UMAP_METRIC}
    return UMAP(**settings, random_state=seed, n_jobs=1).fit_transform(rows).astype(np.float32)


def principal_axes(centred: np.ndarray, count: int = 2) -> np.ndarray:
    """The first principal axes of centred rows [n, width]: float64 [width, count], each with its largest entry > 0."""
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :count]
    return axes * np.sign(np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0))


def cluster_purity(points: np.ndarray, groups: np.ndarray, seed: int = CLUSTER_SEED) -> np.ndarray:
    """Share of the commonest group in each of KMeans' 12 clusters: float64 [12].

    `points` [n, width]; `groups` int64 [n], 0 or more.
    """
    found = KMeans(CLUSTERS, n_init=CLUSTER_STARTS, random_state=seed).fit_predict(points)
    table = np.zeros((CLUSTERS, groups.max() + 1), dtype=np.int64)
    np.add.at(table, (found, groups), 1)
    return table.max(axis=1) / table.sum(axis=1)


def centres(points: np.ndarray, places: np.ndarray, n: int) -> np.ndarray:
    """Mean point of each place 0..n-1: float64 [n, width], from points [rows, width] and places int64 [rows]."""
    sums = np.zeros((n, points.shape[1]))
    np.add.at(sums, places, points.astype(np.float64))
    return sums / np.bincount(places, minlength=n)[:, None]


def coset_of(task: Task, place: np.ndarray) -> np.ndarray | None:
    """Coset k mod 12 of ring positions; None where the published split does not fit (addition, other moduli)."""
    fits = task.operation == "multiplication" and task.ring_size == SPLIT.outer * SPLIT.inner
    return place % SPLIT.outer if fits else None


def purity_rows(metric: str, points: np.ndarray, cosets: np.ndarray, index: int, seed: int) -> list[Measurement]:
    """`{metric}`, the mean over KMeans' clusters, and `{metric}_min`, the least pure one; NaN if points collapsed."""
    purity = np.array([np.nan]) if collapsed(points, CLUSTERS - 1) else cluster_purity(points, cosets, seed)
    return [
        Measurement(metric, float(purity.mean()), index, "test"),
        Measurement(f"{metric}_min", float(purity.min()), index, "test"),
    ]


def adjacency_rows(plane: np.ndarray, places: np.ndarray, n: int, seed: int) -> list[Measurement]:
    """`plane_adjacency`, the stride 1 score of the n centres on a plane [rows, 2], and `plane_stride_max`, the best.

    Index: the plane's seed. Baselines and p-values as for strides in the full width; NaN if the plane collapsed.
    """
    baseline = float(chance_scores(n)[0])
    if collapsed(plane):
        nan = float("nan")
        return [
            Measurement("plane_adjacency", nan, seed, "test", baseline),
            Measurement("plane_stride_max", nan, seed, "test"),
        ]
    neighbours = nearest(distances(centres(plane, places, n)[None]), NEIGHBOURS)
    counts, null = stride_counts(neighbours), null_counts(neighbours)
    total, best, draws = neighbours.size, counts.max(), null.max(axis=0)
    return [
        Measurement("plane_adjacency", float(counts[0] / total), seed, "test", baseline, p_value(counts[0], null[0])),
        Measurement(
            "plane_stride_max", float(best / total), seed, "test", float(draws.mean() / total), p_value(best, draws)
        ),
    ]


def measure(snapshot: Snapshot, planes: dict[int, np.ndarray]) -> list[Measurement]:
    """All readings of a snapshot's UMAP planes, seed -> float32 [test pairs, 2], and of its raw hidden states.

    Purity is of the 12 cosets (multiplication mod 97); the centres are those of the cosets where there are some, else
    of every label.
    """
    task = snapshot.task
    place = task.ring_position[snapshot.labels["test"]]
    cosets = coset_of(task, place)
    rows: list[Measurement] = []
    for seed, plane in planes.items():
        if cosets is not None:
            rows += purity_rows("plane_coset_purity", plane, cosets, seed, CLUSTER_SEED)
            rows += purity_rows("raw_coset_purity", snapshot.hidden["test"], cosets, seed, seed)
            rows += adjacency_rows(plane, cosets, SPLIT.outer, seed)
        else:
            rows += adjacency_rows(plane, place, task.ring_size, seed)
    return rows
