"""A run's folder: its history, and checkpoints and snapshots with their tensors, each verified when read."""

from __future__ import annotations

import fcntl
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from safetensors.torch import save_file
from torch import Tensor

from .atomic import atomic_write, sha256
from .errors import GrokatlasError
from .history import Execution, Piece, RunHistory
from .model import ModelShape, flatten, unflatten
from .runs import Run
from .state_dicts import content_digest, read_safetensors
from .training.lane import RunState
from .versions import TRAINING_VERSION

PARTS = {"model": "parameters", "adam_first_moment": "first_moment", "adam_second_moment": "second_moment"}


def shape_of_run(run: Run) -> ModelShape:
    """The model shape a run trains."""
    return ModelShape(run.modulus, run.layers, run.width, run.heads, run.bottleneck)


class RunFolder(RunHistory):
    """All files of one run under `results/runs/{run id}`."""

    def __init__(self, results: Path | str, run: Run) -> None:
        super().__init__(results, run)
        self.shape = shape_of_run(run)

    @contextmanager
    def lock(self, stop: threading.Event) -> Iterator[None]:
        """Hold the run for training; wait, saying so, while another process has it. The lock dies with its process.

        Raises GrokatlasError if `stop` is set while waiting.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / ".lock", "w") as file:
            told = False
            while not _try_lock(file):
                if not told:
                    print(f"{self.run.id}: another process is training it; waiting until it is done", flush=True)
                told = True
                if stop.wait(1):
                    raise GrokatlasError(f"{self.run.id}: stopped while waiting for the process that trains it")
            self._sweep()
            yield

    def _sweep(self) -> None:
        """Remove what a killed process left half written."""
        for path in self.path.rglob(".*.tmp"):
            path.unlink()
        for path in (self.path / "checkpoints").glob("*.safetensors"):
            if not path.with_suffix(".json").exists():
                path.unlink()

    # --- checkpoints --------------------------------------------------------------------------------------------

    def save_checkpoint(self, state: RunState, ledger: list[Piece]) -> str:
        """Write a checkpoint, tensors first and the sidecar that makes it count last. Returns its SHA-256."""
        path = self.checkpoint_path(state.step)
        tensors = {
            f"{part}.{name}": value
            for part, field in PARTS.items()
            for name, value in unflatten(getattr(state, field), self.shape).items()
        }
        with atomic_write(path) as temporary:
            save_file(tensors, temporary)
        digest = sha256(path)
        self.write_sidecar(state.step, digest, ledger)
        return digest

    def load_checkpoint(self, step: int) -> tuple[RunState, list[Piece]]:
        """Read and verify a checkpoint. Raises GrokatlasError if it is missing, truncated, tampered with or foreign."""
        sidecar, path = self.sidecar(step), self.checkpoint_path(step)
        if not path.exists() or sha256(path) != sidecar["sha256"]:
            raise GrokatlasError(
                f"{path}: missing, truncated or changed since it was written (checksum differs); delete it and its "
                ".json to go on from the checkpoint before it"
            )
        tensors = read_safetensors(path)[0]
        parts = {}
        for part, moment in PARTS.items():
            names = {k.removeprefix(f"{part}."): v for k, v in tensors.items() if k.startswith(f"{part}.")}
            parts[moment] = flatten(names, self.shape)
        return RunState(step, **parts), sidecar["ledger"]

    def delete_checkpoint(self, step: int) -> None:
        """Remove a checkpoint, the sidecar first."""
        self.sidecar_path(step).unlink(missing_ok=True)
        self.checkpoint_path(step).unlink(missing_ok=True)

    # --- snapshots ----------------------------------------------------------------------------------------------

    def snapshot_path(self, step: int) -> Path:
        """Where the weights at a probed step lie."""
        return self.path / "snapshots" / f"{step:09d}.safetensors"

    def save_snapshot(self, step: int, parameters: Tensor, execution: Execution) -> None:
        """Write weights only; the file's header names run, step, content digest and execution."""
        state = unflatten(parameters, self.shape)
        header = {
            "run": self.run.id, "run_digest": self.run.digest, "step": str(step), "content": content_digest(state),
            "training_version": str(TRAINING_VERSION), "execution": json.dumps(asdict(execution)),
            "config": json.dumps(asdict(self.run)),
        }  # fmt: skip
        with atomic_write(self.snapshot_path(step)) as temporary:
            save_file(state, temporary, metadata=header)

    def load_snapshot(self, step: int, promised: str | None = None) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Verified weights (state dict) and header; `promised`: the content's digest in a manifest.

        Raises GrokatlasError if missing, damaged, foreign or not the one promised.
        """
        path = self.snapshot_path(step)
        if not path.exists():
            raise GrokatlasError(f"{path}: snapshot is missing; run the checkpoint rule again to replay it")
        state, header = read_safetensors(path)
        if header.get("run_digest") != self.run.digest:
            raise GrokatlasError(
                f"{path}: snapshot of another run ({header.get('run')}), not of {self.run.id}; remove it"
            )
        if header.get("content") != content_digest(state):
            raise GrokatlasError(
                f"{path}: changed since it was written (digest differs); delete it to have it replayed"
            )
        if promised not in (None, header["content"]):
            raise GrokatlasError(f"{path}: not the snapshot that the manifest promises")
        return state, header

    def has_snapshot(self, step: int) -> bool:
        """Whether a snapshot lies there; `load_snapshot` verifies it."""
        return self.snapshot_path(step).exists()


def _try_lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise GrokatlasError(f"{file.name}: cannot be locked ({error.strerror}); put results on a file system that "
                             "has locks") from None  # fmt: skip
    return True
