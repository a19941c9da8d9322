"""The keep policy: which files of a config's runs can go."""

from __future__ import annotations

from pathlib import Path

from .checkpoints import RunFolder
from .config import Config
from .training.segment import superfluous_checkpoints


def prunable(config: Config) -> list[Path]:
    """Files that the keep policy lets go, sidecars before their checkpoints.

    Checkpoints: all but the newest, and but the segment ends unless `last`. Snapshots: those that no sweep asks for
    any more; with `none` also those whose metrics are written (a new probe then needs a replay from a checkpoint).
    """
    files: list[Path] = []
    for plan in config.plans.values():
        folder = RunFolder(config.settings.results, plan.run)
        for step in superfluous_checkpoints(folder.checkpoint_steps(), config.settings):
            path = folder.checkpoint_path(step)
            files += [path.with_suffix(".json"), path]
        wanted = plan.snapshots(0, plan.steps)
        probed = config.settings.keep_snapshots == "none" and (config.settings.results / "metrics.parquet").exists()
        for path in sorted((folder.path / "snapshots").glob("[0-9]*.safetensors")):
            if probed or int(path.stem) not in wanted:
                files.append(path)
    return [path for path in files if path.exists()]
