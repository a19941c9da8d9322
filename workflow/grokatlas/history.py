"""How a run came to where it is, without torch: sidecars with their ledger, evaluations, divergence."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .atomic import write_json, write_text
from .errors import GrokatlasError
from .runs import Run
from .versions import TRAINING_VERSION, code_version

EVALUATION_COLUMNS = ("step", "train_accuracy", "train_loss", "test_accuracy", "test_loss")
LONGEST_ROW = 1024  # bytes; a row has five numbers


@dataclass(frozen=True)
class Execution:
    """How a piece of a run was computed; equal executions on one machine give equal bits."""

    device: str
    precision: str
    threads: int
    lane: tuple[str, ...]  # ids of the runs that stepped together
    torch: str  # its version
    numpy: str = ""  # its version; empty for runs trained before products on a CPU went through it
    code: str = field(default_factory=code_version)


@dataclass(frozen=True)
class Piece:
    """One entry of a run's ledger: optimizer steps start < step <= stop, trained in one go."""

    start: int
    stop: int
    seconds: float
    execution: Execution

    @property
    def steps_per_second(self) -> float | None:
        """Optimizer steps a second, evaluations and saves included; None for a piece too short to have been timed."""
        return (self.stop - self.start) / self.seconds if self.seconds > 0 else None


class RunHistory:
    """The record of one run under `results/runs/{run id}`: what its files say without their tensors."""

    def __init__(self, results: Path | str, run: Run) -> None:
        self.run, self.path = run, Path(results) / "runs" / run.id

    # --- checkpoints --------------------------------------------------------------------------------------------

    def checkpoint_path(self, step: int) -> Path:
        """Where the tensors of a checkpoint lie."""
        return self.path / "checkpoints" / f"{step:09d}.safetensors"

    def sidecar_path(self, step: int) -> Path:
        """Where the JSON beside a checkpoint lies; a checkpoint without it does not count."""
        return self.checkpoint_path(step).with_suffix(".json")

    def checkpoint_steps(self) -> list[int]:
        """Steps with a complete checkpoint (sidecar present), ascending; contents not yet verified."""
        found = sorted((self.path / "checkpoints").glob("*.json"))
        return [int(path.stem) for path in found if path.stem.isdigit()]

    def write_sidecar(self, step: int, digest: str, ledger: list[Piece]) -> None:
        """Write the JSON that makes a checkpoint count; `digest` is the SHA-256 of its tensors' file."""
        sidecar = {
            "run": self.run.id, "run_digest": self.run.digest, "step": step, "sha256": digest,
            "training_version": TRAINING_VERSION, "config": asdict(self.run),
            "ledger": [asdict(piece) for piece in ledger],
        }  # fmt: skip
        write_json(self.sidecar_path(step), sidecar)

    def sidecar(self, step: int) -> dict:
        """The JSON beside a checkpoint. Raises GrokatlasError if missing, of another run or of another version."""
        path = self.sidecar_path(step)
        try:
            data = json.loads(path.read_text())
            data["ledger"] = [_piece(fields) for fields in data["ledger"]]
        except FileNotFoundError:
            raise GrokatlasError(
                f"{self.checkpoint_path(step)}: checkpoint is missing; restore it, or delete {self.path} and the "
                "stack's manifests to train the run again"
            ) from None
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

    def ledger(self) -> list[Piece]:
        """How the run came to where it is: contiguous pieces from step 0. Empty for an untrained run."""
        if self.diverged_at() is not None:
            return [_piece(fields) for fields in self._divergence()["ledger"]]
        steps = self.checkpoint_steps()
        return self.sidecar(steps[-1])["ledger"] if steps else []

    def newest_piece(self) -> Piece | None:
        """The last entry of the ledger, None for an untrained run; for readers beside a process that trains the run."""
        while True:
            steps = self.checkpoint_steps()
            try:
                return next(reversed(self.ledger()), None)
            except GrokatlasError:
                if self.checkpoint_steps() == steps:
                    raise  # else the checkpoint was dropped between listing and reading, having a newer one

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

    def newest_evaluation(self) -> tuple[int, dict[str, float]] | None:
        """Step and row of the last evaluation, from the end of the file alone; None for a run not yet evaluated."""
        try:
            with open(self.evaluations_path, "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - LONGEST_ROW))
                lines = file.read().decode().splitlines()
            step, *values = lines[-1].split(",")
            if step == EVALUATION_COLUMNS[0]:
                return None
            return int(step), dict(zip(EVALUATION_COLUMNS[1:], map(float, values), strict=True))
        except FileNotFoundError:
            return None
        except (ValueError, IndexError):
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


def _piece(fields: dict) -> Piece:
    execution = {**fields["execution"], "lane": tuple(fields["execution"]["lane"])}
    return Piece(**{**fields, "execution": Execution(**execution)})
