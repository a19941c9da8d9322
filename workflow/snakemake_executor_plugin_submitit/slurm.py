"""SLURM's commands: what exists, what runs, which submission is whose, and how to end it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from snakemake_interface_common.exceptions import WorkflowError

from .request import Request

COMMANDS = ("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo")
COMMENT = "snakemake-submitit:"
ENDED = {
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
}
COMMAND_SECONDS = 120


class UnreachableError(Exception):
    """SLURM's controller does not answer: a matter of waiting."""


@dataclass(frozen=True)
class State:
    """A job as SLURM sees it: PENDING, RUNNING, CANCELLED ..., and SLURM's reason for it."""

    name: str
    reason: str = ""

    @property
    def ended(self) -> bool:
        """Whether SLURM will do no more with the job."""
        return self.name in ENDED

    @property
    def launch_failed(self) -> bool:
        """Whether the node could not even start the job, as when it does not see its folder."""
        return self.reason.replace("_", "").replace(" ", "").lower().startswith(("joblaunchfailure", "launchfailed"))


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS)
    except subprocess.TimeoutExpired:
        raise UnreachableError(f"{command[0]} did not answer in {COMMAND_SECONDS} s") from None
    if done.returncode:
        raise UnreachableError(one_line(done.stderr) or f"{command[0]} failed with exit status {done.returncode}")
    return done.stdout


def one_line(text: str) -> str:
    """The lines of a command's message, joined."""
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())


class Slurm:
    """The cluster as one user sees it."""

    def __init__(self) -> None:
        lacking = [name for name in COMMANDS if not shutil.which(name)]
        if lacking:
            raise WorkflowError(
                f"{lacking[0]} is not on the path: run this on a login node of the SLURM cluster, or give "
                "--submitit-cluster local to use this machine. Nothing was submitted."
            )
        self._sacct_works = True

    def check(self, requests: Iterable[Request], gres: str) -> None:
        """Raise WorkflowError, before anything is submitted, for a partition or a GPU that does not exist."""
        partitions: dict[str, str] = {}
        default = None
        for line in _run("sinfo", "--noheader", "--format=%P|%G").splitlines():
            name, _, has = line.partition("|")
            default = name.rstrip("*") if name.endswith("*") else default
            partitions[name.rstrip("*")] = f"{partitions.get(name.rstrip('*'), '')},{has}"
        edit = "profiles/slurm/profile.yaml. Nothing was submitted."
        for request in requests:
            for name in (request.partition or default or "").split(","):
                where = f"rule {request.rule} asks for"
                if name and name not in partitions:
                    raise WorkflowError(
                        f"{where} partition {name}, which SLURM does not have (it has {', '.join(partitions)}); "
                        f"name another in {edit}"
                    )
                if name and request.gpus and f",{gres}" not in partitions[name]:
                    raise WorkflowError(
                        f"{where} {request.gpus} GPU ({gres}), but partition {name} has none; set "
                        f"submitit-gpu-partition or the rule's gpu in {edit}"
                    )

    def states(self, job_ids: Iterable[str]) -> dict[str, State]:
        """State by job id, from one squeue; ended jobs that squeue has forgotten come from sacct where it works."""
        wanted = set(job_ids)
        states = {job_id: State(state, reason) for job_id, state, reason, _ in _queue()}
        for job_id in wanted.difference(states):
            whole = job_id.partition("_")[0]  # an array cancelled before it started is shown as one job
            if whole in states:
                states[job_id] = states[whole]
        missing = wanted.difference(states)
        if missing and self._sacct_works:
            try:
                listing = _run("sacct", "-X", "-n", "-P", "-o", "JobID,State", "-j", ",".join(sorted(missing)))
            except (UnreachableError, FileNotFoundError):
                self._sacct_works = False  # no accounting here
            else:
                for line in listing.splitlines():
                    job_id, _, state = line.partition("|")
                    states[job_id] = State(state.split()[0])
        return {job_id: state for job_id, state in states.items() if job_id in wanted}

    @staticmethod
    def submissions() -> dict[tuple[str, int | None], str]:
        """Job id by token and array index, as the jobs' comments tell."""
        found = {}
        for job_id, _, _, comment in _queue():
            if comment.startswith(COMMENT):
                index = job_id.partition("_")[2]
                found[comment.removeprefix(COMMENT), int(index) if index.isdigit() else None] = job_id
        return found

    @staticmethod
    def cancel(job_ids: Iterable[str]) -> None:
        """End jobs; those that have already ended are left alone."""
        if ids := sorted(job_ids):
            _run("scancel", "--quiet", *ids)


def _queue() -> list[list[str]]:
    """Job id, state, reason and comment of each of this user's jobs, array elements one by one."""
    text = _run("squeue", "--me", "--array", "--states=all", "--noheader", "--format=%i|%T|%r|%k")
    return [line.split("|", 3) for line in text.splitlines()]
