"""The plane rule's work: UMAP and PCA planes at a stack's plane steps, and the class means' path through training."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from .atomic import atomic_write
from .checkpoints import RunFolder
from .config import Plan, Settings
from .measure import Row, origin_of, snapshot_of, tidy_row
from .metrics import described_schema, write_metrics
from .probes import Snapshot
from .probes.plane import PROBE, UMAP_SEEDS, coset_of, measure, principal_axes, umap_plane
from .stacks import Stack
from .tasks import Task

_LABELS = [
    ("label", pa.int32(), "the answer, a residue"),
    ("logarithm", pa.int32(), "place of the label on the ring: discrete logarithm, or the residue itself for addition"),
    ("coset", pa.int32(), "logarithm mod 12; null where there are no 12 cosets of 8"),
]
PLANE_COLUMNS = [
    ("run", pa.string(), "run id"),
    ("step", pa.int64(), "optimizer steps taken"),
    ("method", pa.string(), "umap or pca"),
    ("seed", pa.int32(), "UMAP's random state; null for pca"),
    ("a", pa.int32(), "first operand"),
    ("b", pa.int32(), "second operand"),
    *_LABELS,
    ("x", pa.float32(), "first coordinate; all equal rows (a collapsed network) lie at 0"),
    ("y", pa.float32(), "second coordinate"),
]
MEAN_COLUMNS = [
    ("run", pa.string(), "run id"),
    ("step", pa.int64(), "optimizer steps taken"),
    ("test_accuracy", pa.float64(), "share of right answers on the test pairs at this step"),
    ("plane_share", pa.float64(), "share of the class means' variance that lies in the plane; null if they are equal"),
    *_LABELS,
    ("x", pa.float32(), "class mean, relative to the mean of all test rows, in the step's plane of most variance"),
    ("y", pa.float32(), "second coordinate; each step's plane is turned to match the step before"),
]


PLANE_SCHEMA, MEAN_SCHEMA = described_schema(PLANE_COLUMNS), described_schema(MEAN_COLUMNS)


def measure_planes(
    stack: Stack, settings: Settings, manifests: Sequence[dict], outputs: Mapping[str, Path | str], threads: int
) -> None:
    """Measure a stack's planes and write three Parquet files: `outputs` has planes, means and metrics.

    `manifests`: those of the checkpoint rule, up to the segment of the last plane step. The class means are followed
    over all snapshots to there. Raises GrokatlasError if a snapshot is missing or is not the one promised.
    """
    torch.set_num_threads(threads)
    coordinates: list[pa.Table] = []
    means: list[pa.Table] = []
    rows: list[Row] = []
    for plan in (plan for plan in stack.plans if plan.plane_steps):
        path = ClassPath(plan)
        for step, snapshot, origin in _snapshots(plan, settings, manifests):
            path.add(step, snapshot)
            if step in plan.plane_steps:
                started = time.monotonic()
                planes = {seed: umap_plane(snapshot.hidden["test"], seed) for seed in UMAP_SEEDS}
                coordinates += _coordinates(plan, step, snapshot, planes[UMAP_SEEDS[0]])
                rows += [tidy_row(plan, step, _gap(plan, step), PROBE, m, origin) for m in measure(snapshot, planes)]
                print(f"{plan.run.id}: planes of step {step:,} in {time.monotonic() - started:.0f} s", flush=True)
        means.append(path.table())
    _write(coordinates, PLANE_SCHEMA, outputs["planes"])
    _write(means, MEAN_SCHEMA, outputs["means"])
    write_metrics(rows, Path(outputs["metrics"]))


def _snapshots(plan: Plan, settings: Settings, manifests: Sequence[dict]) -> Iterator[tuple[int, Snapshot, Row]]:
    """Step, snapshot and provenance of what the manifests promise up to the last plane step; no diverged ones."""
    folder = RunFolder(settings.results, plan.run)
    for manifest in manifests:
        for name, digest in manifest["runs"].get(plan.run.id, {}).get("snapshots", {}).items():
            step = int(name)
            if step > plan.plane_steps[-1]:
                return
            state, header = folder.load_snapshot(step, digest)
            snapshot = snapshot_of(state, folder.shape, plan.run.task)
            if snapshot.finite:
                yield step, snapshot, origin_of(json.loads(header["execution"]))


def _gap(plan: Plan, step: int) -> int:
    """Steps since the plane step before: the cadence of these rows."""
    return step - max((before for before in plan.plane_steps if before < step), default=0)


class ClassPath:
    """A run's class means at every snapshot, each projected on its own plane of most variance.

    A fixed plane would show next to nothing: the representation moves to other directions as training goes on. Each
    projection is turned, or mirrored, to lie as near as it can on the one before, so that a class can be followed.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._means: list[np.ndarray] = []
        self._rows: list[tuple[int, float]] = []

    def add(self, step: int, snapshot: Snapshot) -> None:
        """Take in the snapshot of a step."""
        self._means.append(snapshot.class_means.means)
        right = snapshot.logits["test"].argmax(axis=1) == snapshot.labels["test"]
        self._rows.append((step, float(right.mean())))

    def table(self) -> pa.Table:
        """MEAN_SCHEMA rows."""
        task = self._plan.run.task
        parts, before = [], None
        for (step, accuracy), means in zip(self._rows, self._means, strict=True):
            flat, total = means @ principal_axes(means), float(np.sum(means**2))
            before = flat = flat if before is None else turned(flat, before)
            fixed = {"run": self._plan.run.id, "step": step, "test_accuracy": accuracy}
            share = float(np.sum(flat**2)) / total if total > 0 else None
            place = np.arange(task.ring_size)
            parts.append(_table(MEAN_SCHEMA, {**fixed, "plane_share": share, **_labels(task, place), **_xy(flat)}))
        return pa.concat_tables(parts) if parts else MEAN_SCHEMA.empty_table()


def turned(points: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """Points [n, 2] rotated, or mirrored, about the origin to lie as near as they can to `onto` [n, 2]."""
    u, _, vt = np.linalg.svd(points.T @ onto)
    return points @ (u @ vt)


def _coordinates(plan: Plan, step: int, snapshot: Snapshot, umap: np.ndarray) -> list[pa.Table]:
    """PLANE_SCHEMA rows of one step: the published UMAP and the PCA plane, a row a test pair."""
    task, centred = snapshot.task, snapshot.centred["test"]
    pairs = {"a": task.test_pairs[:, 0], "b": task.test_pairs[:, 1]}
    where = {**pairs, **_labels(task, task.ring_position[snapshot.labels["test"]])}
    planes = (("umap", UMAP_SEEDS[0], umap), ("pca", None, centred @ principal_axes(centred)))
    return [
        _table(PLANE_SCHEMA, {"run": plan.run.id, "step": step, "method": method, "seed": seed, **where, **_xy(plane)})
        for method, seed, plane in planes
    ]


def _labels(task: Task, place: np.ndarray) -> dict[str, object]:
    """The columns label, logarithm and coset of ring positions int64 [n]."""
    label_at = np.argsort(np.where(task.ring_position < 0, task.ring_size, task.ring_position), kind="stable")
    return {"label": label_at[place], "logarithm": place, "coset": coset_of(task, place)}


def _xy(points: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": points[:, 0], "y": points[:, 1]}


def _table(schema: pa.Schema, columns: Mapping[str, object]) -> pa.Table:
    """Columns of arrays, and of single values (None: null) that are the same in every row."""
    n = len(columns["x"])
    arrays = []
    for field in schema:
        value = columns[field.name]
        if not isinstance(value, np.ndarray):
            arrays.append(pa.repeat(pa.scalar(value, field.type), n))
        else:
            arrays.append(pa.array(value).cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def _write(tables: list[pa.Table], schema: pa.Schema, path: Path | str) -> None:
    with atomic_write(path) as temporary:
        pq.write_table(pa.concat_tables(tables) if tables else schema.empty_table(), temporary, compression="zstd")
