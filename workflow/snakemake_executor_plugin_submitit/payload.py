"""What runs inside the SLURM job: the inner Snakemake in its own process group, and how it is told to save."""

from __future__ import annotations

import os
import signal
import subprocess
import time

from submitit.core.utils import DelayedSubmission

# The shell outlives TERM until its command has ended, and nothing dies of USR2, which SLURM sends to every process.
SHELL = "trap '' USR2; trap : TERM; "
PING_SECONDS = 5


class Payload:
    """A checkpointable callable: on the signal it lets the command save and is requeued with the same command."""

    def __init__(self, command: str, folder: str, save_seconds: float) -> None:
        self.command, self.folder, self.save_seconds = command, folder, save_seconds
        self._pid = 0
        self._code: int | None = None
        self._terminated = False

    def __call__(self) -> int:
        """Run the command; its exit status. Returns nothing at all once SLURM has sent TERM: the job is being ended."""
        signal.signal(signal.SIGTERM, self._on_term)
        process = subprocess.Popen(["bash", "-c", SHELL + self.command], cwd=self.folder, process_group=0)
        self._pid = process.pid
        try:
            while not self._ended():
                time.sleep(0.2)
        except subprocess.SubprocessError:  # from submitit's requeue, in the signal's handler
            self._insist_on_requeue()
        except BaseException:  # Ctrl-C of a local job
            self._end()
            raise
        process.returncode = self._code
        while self._terminated and "SLURM_JOB_ID" in os.environ:
            signal.pause()  # scancel and preemption both send TERM; SLURM knows which it was, and KILL follows
        return self._code or 0

    def checkpoint(self) -> DelayedSubmission:
        """Called by submitit on USR2 (time limit, preemption), just before it requeues the job."""
        self._end()
        deadline = time.monotonic() + self.save_seconds
        while self._group_lives() and time.monotonic() < deadline:
            self._ended()
            time.sleep(0.2)
        while "SLURM_JOB_ID" in os.environ and subprocess.run(["scontrol", "ping"], capture_output=True).returncode:
            time.sleep(PING_SECONDS)  # a requeue that SLURM does not hear would be lost
        return DelayedSubmission(Payload(self.command, self.folder, self.save_seconds))

    @staticmethod
    def _insist_on_requeue() -> None:
        """SLURM was away, or preempts the job itself, its time of grace being over; it ends this loop."""
        while True:
            time.sleep(PING_SECONDS)
            subprocess.run(["scontrol", "requeue", os.environ["SLURM_JOB_ID"]], capture_output=True)

    def _on_term(self, *_: object) -> None:
        self._terminated = True
        self._end()

    def _end(self) -> None:
        if self._pid and self._group_lives():
            os.killpg(self._pid, signal.SIGTERM)

    def _ended(self) -> bool:
        """Whether the command has ended. By waitpid: in a signal handler Popen's lock may be held already."""
        if self._code is None and self._pid:
            try:
                pid, status = os.waitpid(self._pid, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code is not None

    def _group_lives(self) -> bool:
        """Whether any process of the command is left: a script may still save when its shell is gone."""
        try:
            os.killpg(self._pid, 0)
        except ProcessLookupError:
            return False
        return bool(self._pid)
