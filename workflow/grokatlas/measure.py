"""The probe rule's work: from a segment's snapshots and evaluations to rows of the metrics table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from .checkpoints import RunFolder
from .config import Plan, Settings
from .metrics import Measurement, write_metrics
from .model import ModelShape, flatten
from .probes import PairProbe, Snapshot, probes_for
from .stacks import Stack
from .tasks import Task
from .training.evaluation import Evaluator
from .versions import TRAINING_VERSION, code_version

Row = dict[str, object]
EVALUATION = "evaluation"


def snapshot_of(state: Mapping[str, Tensor], shape: ModelShape, task: Task) -> Snapshot:
    """Run a model over all pairs of its task and gather what the probes see."""
    hidden, logits, attention = Evaluator(shape, [task], flatten(state, shape)[None].float()).arrays()[0]
    labels = {"train": task.labels(task.train_pairs), "test": task.labels(task.test_pairs)}
    return Snapshot(task, {name: value.numpy() for name, value in state.items()}, hidden, logits, labels, attention)


def measure_segment(stack: Stack, settings: Settings, manifest: dict, path: Path, threads: int) -> None:
    """Probe every snapshot that the checkpoint manifest promises and write one Parquet file.

    Raises GrokatlasError if a snapshot is missing or is not the one promised.
    """
    torch.set_num_threads(threads)
    plans = {plan.run.id: plan for plan in stack.plans}
    start, stop = manifest["segment"]
    rows: list[Row] = []
    for run_id, promise in manifest["runs"].items():
        plan = plans[run_id]
        folder = RunFolder(settings.results, plan.run)
        rows += _evaluation_rows(plan, folder, promise, start, stop)
        rows += _snapshot_rows(plan, folder, promise, settings, start, stop)
    write_metrics(rows, path)


def _evaluation_rows(plan: Plan, folder: RunFolder, promise: dict, start: int, stop: int) -> Iterator[Row]:
    cadences = plan.evaluations(start, stop)
    ledger = folder.ledger()
    for step, scores in sorted((int(step), row) for step, row in promise["evaluations"].items()):
        piece = next((p for p in ledger if p.start < step <= p.stop), None)
        origin = origin_of(vars(piece.execution) if piece else {})
        for name, value in scores.items():
            split, metric = name.split("_")
            yield tidy_row(plan, step, cadences[step], EVALUATION, Measurement(metric, value, split=split), origin)
    if promise["diverged"] is not None and start < promise["diverged"] <= stop:
        yield tidy_row(plan, promise["diverged"], 1, EVALUATION, Measurement("diverged", 1.0), origin_of({}))


def _snapshot_rows(
    plan: Plan, folder: RunFolder, promise: dict, settings: Settings, start: int, stop: int
) -> Iterator[Row]:
    cadences, task = plan.snapshots(start, stop), plan.run.task
    probes = [p for p in probes_for(settings.probes, settings.coset_splits) if plan.run.operation in p.operations]
    compares = any(isinstance(probe, PairProbe) for probe in probes)
    digests = {int(step): digest for step, digest in promise["snapshots"].items()}

    @lru_cache(maxsize=2)
    def load(step: int) -> tuple[Snapshot, dict[str, str]]:
        state, header = folder.load_snapshot(step, digests.get(step))
        return snapshot_of(state, folder.shape, task), header

    for step in sorted(digests):
        # One cadence before: always a probed step of the run, maybe of the segment before; its file may be pruned.
        earlier = step - cadences[step]
        before = load(earlier)[0] if compares and folder.has_snapshot(earlier) else None
        snapshot, header = load(step)
        origin = origin_of(json.loads(header["execution"]))
        for probe in probes:
            for measurement in probe.measure(snapshot, before):
                yield tidy_row(plan, step, cadences[step], probe.name, measurement, origin)


def origin_of(execution: Mapping[str, object]) -> Row:
    """The provenance columns of a row, from the execution that made the weights."""
    return {
        "code_version": code_version(),
        "training_version": TRAINING_VERSION,
        "device": execution.get("device"),
        "precision": execution.get("precision"),
        "torch_version": execution.get("torch"),
    }


def tidy_row(plan: Plan, step: int, cadence: int, probe: str, measurement: Measurement, origin: Row) -> Row:
    """One row of the metrics table."""
    return {**plan.run.describe(), "step": step, "cadence": cadence, "probe": probe, **vars(measurement), **origin}
