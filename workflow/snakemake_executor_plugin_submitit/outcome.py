"""How a job ended: from its result file first, else from its state."""

from __future__ import annotations

import pickle
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .registry import Entry
from .slurm import State

TAIL_LINES = 15


@dataclass(frozen=True)
class Outcome:
    """The end of a job."""

    ok: bool
    text: str = ""  # one line, for a job that did not end well
    folder_unseen: bool = False  # the compute node could not write to the job's folder


def log_of(entry: Entry) -> Path:
    """Everything that the job printed, over all its restarts."""
    return Path(entry.folder) / f"{entry.job_id}_0_log.out"


def read_result(entry: Entry) -> Outcome | None:
    """The outcome that the job itself wrote; None if it wrote none (yet)."""
    path = Path(entry.folder) / f"{entry.job_id}_0_result.pkl"
    try:
        list(path.parent.iterdir())  # makes a network file system look again
        kind, value = pickle.loads(path.read_bytes())
    except (FileNotFoundError, EOFError):
        return None
    if kind == "success":
        return Outcome(True) if value == 0 else Outcome(False, f"failed with exit status {value}")
    return Outcome(False, f"failed: {str(value).strip().splitlines()[-1]}")


class Outcomes:
    """Judges jobs poll after poll; an end without a result file counts once the file system had time to show one."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._ended_at: dict[str, float] = {}

    def judge(self, entry: Entry, states: Mapping[str, State]) -> Outcome | None:
        """The outcome, or None for a job that is queued, running, or about to show its result."""
        if outcome := read_result(entry):
            return outcome
        state = states.get(entry.job_id or "")
        if state and state.launch_failed and not log_of(entry).exists():
            return Outcome(False, f"could not start on its node ({state.reason})", folder_unseen=True)
        if state and not state.ended:
            self._ended_at.pop(entry.key, None)
            return None
        now = time.monotonic()
        if now - self._ended_at.setdefault(entry.key, now) < self._patience:
            return None
        return Outcome(False, _describe(state))


def _describe(state: State | None) -> str:
    if state is None:
        return "is gone: SLURM no longer knows it, and it left no result"
    if state.name == "CANCELLED":
        return "was cancelled with scancel; what was trained is saved, and the same command goes on from there"
    if state.name == "TIMEOUT":
        return "reached its time limit before it had saved; raise submitit-signal-seconds"
    if state.name == "OUT_OF_MEMORY":
        return "was killed for memory; give its rule more mem_mb"
    return f"ended as {state.name} ({state.reason or 'no reason given'}) without a result"


def clear(entry: Entry) -> None:
    """Remove what a job left in its folder after it ended well; the folder itself with the last job of an array."""
    folder = Path(entry.folder)
    for path in folder.glob(f"{entry.job_id}_*"):
        path.unlink(missing_ok=True)
    if not any(folder.glob("*_log.out")):
        shutil.rmtree(folder, ignore_errors=True)


def tail(path: Path) -> str:
    """The last lines of a log, indented under its name; nothing if it is not there."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    lines = [line for line in lines if line.strip() and not line.startswith("submitit INFO")][-TAIL_LINES:]
    return "\n".join([f"End of {path}:", *(f"    {line}" for line in lines)]) if lines else ""
