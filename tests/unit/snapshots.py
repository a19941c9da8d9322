"""Snapshots with hidden states chosen by hand, for the tests of the probes."""

from __future__ import annotations

import numpy as np
from grokatlas.probes import Probe, Snapshot
from grokatlas.tasks import Task


def snapshot_of_rows(task: Task, hidden: np.ndarray, state: dict[str, np.ndarray] | None = None) -> Snapshot:
    """A snapshot whose test hidden states are `hidden` [test pairs, width]; logits are right everywhere."""
    labels = {"train": task.labels(task.train_pairs), "test": task.labels(task.test_pairs)}
    logits = {split: np.eye(task.modulus, dtype=np.float32)[answers] for split, answers in labels.items()}
    train = np.zeros((task.n_train, hidden.shape[1]), dtype=np.float32)
    attention = {split: [np.full((1, len(answers), 1), 0.5, dtype=np.float32)] for split, answers in labels.items()}
    return Snapshot(task, state or {}, {"train": train, "test": hidden.astype(np.float32)}, logits, labels, attention)


def snapshot_of_classes(task: Task, points: np.ndarray) -> Snapshot:
    """A snapshot whose hidden state is a function of the label alone: `points` [ring, width] by ring position."""
    return snapshot_of_rows(task, points[task.ring_position[task.labels(task.test_pairs)]])


def values(probe: Probe, snapshot: Snapshot, metric: str, column: str = "value") -> dict[int | None, float]:
    """Index -> value (or another column) of one metric of a probe, not of the train pairs."""
    rows = [row for row in probe.measure(snapshot) if row.metric == metric and row.split != "train"]
    return {row.index: getattr(row, column) for row in rows}
