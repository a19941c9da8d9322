"""The keep policy: which files of a config's runs can go."""

from __future__ import annotations

from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from .checkpoints import RunFolder
from .config import Config
from .stacks import build_stacks
from .training.segment import superfluous_checkpoints


def prunable(config: Config) -> list[Path]:
    """Files that the keep policy lets go, sidecars before their checkpoints.

    Checkpoints: all but the newest and, unless `last`, the segment ends. Snapshots: with `none`, those that a metrics
    file of this config shows as probed (a new probe then needs a replay); what other configs asked for stays.
    """
    files: list[Path] = []
    for plan in config.plans.values():
        folder = RunFolder(config.settings.results, plan.run)
        for step in superfluous_checkpoints(folder.checkpoint_steps(), config.settings):
            path = folder.checkpoint_path(step)
            files += [path.with_suffix(".json"), path]
    if config.settings.keep_snapshots == "none":
        files += _probed_snapshots(config)
    return [path for path in files if path.exists()]


def _probed_snapshots(config: Config) -> list[Path]:
    found: list[Path] = []
    for stack in build_stacks(config).values():
        metrics = config.settings.results / "metrics" / stack.id
        if any(plan.plane_steps for plan in stack.plans) and not (metrics / "planes.parquet").exists():
            continue  # the plane rule has still to read them
        folders = {plan.run.id: RunFolder(config.settings.results, plan.run) for plan in stack.plans}
        for path in sorted(metrics.glob("*.parquet")):
            table = pq.read_table(path, columns=["run", "step", "probe"])
            probed = table.filter(pc.not_equal(table["probe"], "evaluation")).group_by(["run", "step"]).aggregate([])
            found += [folders[r["run"]].snapshot_path(r["step"]) for r in probed.to_pylist() if r["run"] in folders]
    return found
