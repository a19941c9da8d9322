"""From snapshots to rows: what a probe that compares snapshots finds before it, and what it does without."""

from __future__ import annotations

import threading

import pytest
from grokatlas.checkpoints import RunFolder
from grokatlas.config import parse_config
from grokatlas.measure import measure_segment, snapshot_of
from grokatlas.metrics import read_metrics
from grokatlas.probes import probes_for
from grokatlas.stacks import build_stacks
from grokatlas.training.device import Machine
from grokatlas.training.replay import complete_segment
from grokatlas.training.segment import train_segment

SWEEP = {"name": "t", "model": {"layers": 1, "width": 16, "heads": 2}, "weight_decay": 1.0, "steps": 60,
         "evaluate_every": 30}  # fmt: skip


def measured(folder, prune=(), **top):
    """Config, and the metrics of each segment of a tiny run, the snapshots at the steps `prune` removed before."""
    sweeps = [{**SWEEP, "probe_every": 10}, {**SWEEP, "name": "u", "probe_every": 15, "steps": 30}]
    config = parse_config({"results": str(folder), "sweeps": sweeps, "segment_steps": 30, "probes": ["drift"], **top})
    (stack,) = build_stacks(config).values()
    run = RunFolder(folder, stack.plans[0].run)
    tables = []
    for segment in stack.segments:
        trained = train_segment(stack, segment, config.settings, Machine(), lambda *_: None, threading.Event())
        manifest = complete_segment(stack, segment, config.settings, Machine(), trained)
        if segment.start:
            for step in prune:
                run.snapshot_path(step).unlink()
        path = folder / f"{segment.name}.parquet"
        measure_segment(stack, config.settings, manifest, path, threads=1)
        tables.append(read_metrics([path]))
    return config, run, tables


def drift_rows(table):
    rows = table[(table.probe == "drift") & (table.metric == "cka_drift")]
    return list(zip(rows.step, rows.cadence, strict=True))


def test_drift_is_from_the_snapshot_one_cadence_before_also_across_segments(tmp_path):
    config, run, (first, second) = measured(tmp_path)
    # Probed at 10, 15, 20, 30 and on by 10: steps 10 and 15 have none before, 30 belongs to both sweeps.
    assert drift_rows(first) == [(20, 10), (30, 10)]
    assert drift_rows(second) == [(40, 10), (50, 10), (60, 10)]
    (plan,) = config.plans.values()
    then, now = (snapshot_of(run.load_snapshot(step)[0], run.shape, plan.run.task) for step in (30, 40))
    expected = {row.metric: row.value for row in probes_for(["drift"], [])[0].measure(now, then)}
    rows = second[(second.probe == "drift") & (second.step == 40)]
    assert dict(zip(rows.metric, rows.value, strict=True)) == pytest.approx(expected)


def test_drift_has_no_row_where_the_snapshot_before_was_pruned(tmp_path):
    _, _, (_, second) = measured(tmp_path, prune=(10, 30))
    assert drift_rows(second) == [(50, 10), (60, 10)]
