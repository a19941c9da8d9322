"""This machine in place of a cluster: submitit's local processes, told apart by the folder they run in."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path

from .request import Request
from .slurm import State


class Local:
    """Processes by pid. There is no queue: what Snakemake hands over starts at once (limit it with --jobs)."""

    def __init__(self, folder: Path) -> None:
        self._mark = str(folder).encode()  # in the command line of every job of this controller

    def check(self, requests: Iterable[Request], gres: str) -> None:
        """Nothing to check: jobs that ask for a GPU find it themselves or say so."""

    def states(self, job_ids: Iterable[str]) -> dict[str, State]:
        """RUNNING or COMPLETED; whether well, the result file says."""
        return {job_id: State("RUNNING" if self._lives(job_id) else "COMPLETED") for job_id in job_ids}

    def submissions(self) -> dict[tuple[str, int | None], str]:
        """Job id (pid) by token, from the command lines of running jobs."""
        found: dict[tuple[str, int | None], str] = {}
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            line = _read(path)
            if self._mark in line and b"submitit.local._local" in line:
                found[Path(os.fsdecode(line.strip(b"\0").rpartition(b"\0")[2])).name, None] = path.parent.name
        return found

    def cancel(self, job_ids: Iterable[str]) -> None:
        """Interrupt jobs, which then save."""
        for job_id in job_ids:
            if self._lives(job_id):
                os.kill(int(job_id), signal.SIGINT)

    def _lives(self, job_id: str) -> bool:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(int(job_id), os.WNOHANG)  # if it is this controller's own child and has ended
        return self._mark in _read(Path(f"/proc/{job_id}/cmdline"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
