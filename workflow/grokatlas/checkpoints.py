"""A run's folder: checkpoints, snapshots and evaluations, each file whole or absent, each verified when read."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

import torch
from safetensors.torch import save_file
from torch import Tensor

from .atomic import atomic_write, sha256, write_json, write_text
from .errors import GrokatlasError
from .model import ModelShape, flatten, unflatten
from .runs import Run
from .state_dicts import content_digest, read_safetensors
from .training.lane import RunState
from .versions import TRAINING_VERSION, code_version

PARTS = {"model": "parameters", "adam_first_moment": "first_moment", "adam_second_moment": "second_moment"}
EVALUATION_COLUMNS = ("step", "train_accuracy", "train_loss", "test_accuracy", "test_loss")


@dataclass(frozen=True)
class Execution:
    """How a piece of a run was computed; equal executions on one machine give equal bits."""

    device: str
    precision: str
    threads: int
    lane: tuple[str, ...]  # ids of the runs that stepped together
    torch: str = torch.__version__
    code: str = field(default_factory=code_version)


@dataclass(frozen=True)
class Piece:
    """One entry of a run's ledger: optimizer steps start < step <= stop, trained in one go."""

    start: int
    stop: int
    seconds: float
    execution: Execution


def shape_of_run(run: Run) -> ModelShape:
    """The model shape a run trains."""
    return ModelShape(run.modulus, run.layers, run.width, run.heads, run.bottleneck)


class RunFolder:
    """Files of one run under `results/runs/{run id}`."""

    def __init__(self, results: Path | str, run: Run) -> None:
        self.run, self.path = run, Path(results) / "runs" / run.id
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

    def checkpoint_path(self, step: int) -> Path:
        """Where the checkpoint of a step lies; its sidecar ends in .json."""
        return self.path / "checkpoints" / f"{step:09d}.safetensors"

    def checkpoint_steps(self) -> list[int]:
        """Steps with a complete checkpoint (sidecar present), ascending; contents not yet verified."""
        found = sorted((self.path / "checkpoints").glob("*.json"))
        return [int(path.stem) for path in found if path.stem.isdigit()]

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
        sidecar = {
            "run": self.run.id, "run_digest": self.run.digest, "step": state.step, "sha256": digest,
            "training_version": TRAINING_VERSION, "config": asdict(self.run),
            "ledger": [asdict(piece) for piece in ledger],
        }  # fmt: skip
        write_json(path.with_suffix(".json"), sidecar)
        return digest

    def sidecar(self, step: int) -> dict:
        """The JSON beside a checkpoint. Raises GrokatlasError if missing, of another run or of another version."""
        path = self.checkpoint_path(step).with_suffix(".json")
        if not path.exists():
            raise GrokatlasError(f"{path.with_suffix('.safetensors')}: checkpoint is missing; restore it, "
                                 f"or delete {self.path} and the stack's manifests to train the run again")  # fmt: skip
        try:
            data = json.loads(path.read_text())
            data["ledger"] = [_piece(fields) for fields in data["ledger"]]
        except (ValueError, KeyError, TypeError):
            raise GrokatlasError(f"{path}: damaged sidecar; delete it to go on from the checkpoint before it") from None
        if data["run_digest"] != self.run.digest:
            raise GrokatlasError(f"{path}: checkpoint of another run ({data['run']}), not of {self.run.id}; remove it")
        if data["training_version"] != TRAINING_VERSION:
            raise GrokatlasError(
                f"{path}: made by training version {data['training_version']}, this is {TRAINING_VERSION}; install the "
                f"release that made it, or move {self.path} away to train the run again"
            )
        return data

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
        path = self.checkpoint_path(step)
        path.with_suffix(".json").unlink(missing_ok=True)
        path.unlink(missing_ok=True)

    def ledger(self) -> list[Piece]:
        """How the run came to where it is: contiguous pieces from step 0. Empty for an untrained run."""
        if self.diverged_at() is not None:
            return [_piece(fields) for fields in self._divergence()["ledger"]]
        steps = self.checkpoint_steps()
        return self.sidecar(steps[-1])["ledger"] if steps else []

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

    def load_snapshot(self, step: int) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Verified weights (state dict) and header. Raises GrokatlasError if missing, damaged or foreign."""
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
        return state, header

    def has_snapshot(self, step: int) -> bool:
        """Whether a snapshot lies there; `load_snapshot` verifies it."""
        return self.snapshot_path(step).exists()

    # --- evaluations --------------------------------------------------------------------------------------------

    @property
    def evaluations_path(self) -> Path:
        """CSV of accuracies and losses by step."""
        return self.path / "evaluations.csv"

    def read_evaluations(self) -> dict[int, dict[str, float]]:
        """Step -> its row, ascending; empty for a run not yet evaluated."""
        if not self.evaluations_path.exists():
            return {}
        reader = csv.DictReader(io.StringIO(self.evaluations_path.read_text()))
        if tuple(reader.fieldnames or ()) != EVALUATION_COLUMNS:
            raise GrokatlasError(f"{self.evaluations_path}: empty or with other columns; delete it to have it replayed")
        try:
            return {int(row["step"]): {key: float(row[key]) for key in EVALUATION_COLUMNS[1:]} for row in reader}
        except (ValueError, TypeError):
            raise GrokatlasError(f"{self.evaluations_path}: damaged row; delete the file to have it replayed") from None

    def write_evaluations(self, rows: dict[int, dict[str, float]]) -> None:
        """Write all rows, by step, atomically. Floats keep every bit."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(EVALUATION_COLUMNS)
        for step, row in sorted(rows.items()):
            writer.writerow([step, *(repr(row[key]) for key in EVALUATION_COLUMNS[1:])])
        write_text(self.evaluations_path, out.getvalue())

    # --- divergence ---------------------------------------------------------------------------------------------

    def diverged_at(self) -> int | None:
        """The step whose loss was not finite, or None."""
        return self._divergence()["step"] if (self.path / "diverged.json").exists() else None

    def record_divergence(self, step: int, ledger: list[Piece]) -> None:
        """Freeze the run: no job trains it further. `ledger` reaches to the last sound step."""
        pieces = [asdict(piece) for piece in ledger]
        write_json(self.path / "diverged.json", {"run": self.run.id, "step": step, "ledger": pieces})

    def _divergence(self) -> dict:
        path = self.path / "diverged.json"
        try:
            data = json.loads(path.read_text())
            return {"step": int(data["step"]), "ledger": list(data["ledger"])}
        except (ValueError, KeyError, TypeError):
            raise GrokatlasError(f"{path}: damaged; delete it to train on to the divergence again") from None


def _try_lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise GrokatlasError(f"{file.name}: cannot be locked ({error.strerror}); put results on a file system that "
                             "has locks") from None  # fmt: skip
    return True


def _piece(fields: dict) -> Piece:
    execution = {**fields["execution"], "lane": tuple(fields["execution"]["lane"])}
    return Piece(**{**fields, "execution": Execution(**execution)})
