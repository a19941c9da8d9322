"""Handing jobs to submitit: one sbatch for one job, or for an array of jobs with equal requests."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import cloudpickle
import submitit
from submitit.core.utils import DelayedSubmission

from . import payload
from .registry import Entry
from .request import Request, sbatch_parameters
from .settings import ExecutorSettings
from .slurm import COMMENT

# A job carries its payload's code with it, so that a job in the queue is untouched by an update of the checkout.
cloudpickle.register_pickle_by_value(payload)

# SLURM's name of the job, of an array's element, as submitit writes it.
JOB_ID = 'id="${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}"; id="${id:-$SLURM_JOB_ID}"'

# The srun that follows fails at once when slurmctld is away.
WAIT_FOR_SLURM = "until scontrol ping >/dev/null 2>&1; do sleep 5; done"


def submit(
    entries: Sequence[Entry], commands: Sequence[str], request: Request, settings: ExecutorSettings
) -> list[str]:
    """Submit one job for each entry, all of one token, as one array; returns the job ids in order.

    Raises submitit's FailedJobError with sbatch's message.
    """
    folder = Path(entries[0].folder)
    save_seconds = max(20.0, settings.signal_seconds - 10.0)  # then it is requeued, saved or not
    payloads = [payload.Payload(command, str(Path.cwd()), save_seconds) for command in commands]
    if settings.cluster == "local":
        executor = submitit.LocalExecutor(folder, max_num_timeout=settings.max_timeouts)
        executor.update_parameters(
            timeout_min=request.minutes,
            gpus_per_node=request.gpus,
            signal_delay_s=settings.signal_seconds,
            stderr_to_stdout=True,
        )
        return [executor.submit(each).job_id for each in payloads]
    folder.mkdir(parents=True, exist_ok=True)
    for i, each in enumerate(payloads):
        delayed = DelayedSubmission(each)
        delayed.set_timeout(request.minutes, settings.max_timeouts)
        delayed.dump(folder / f"payload-{i}.pkl")
    executor = submitit.SlurmExecutor(folder, max_num_timeout=settings.max_timeouts)
    executor.update_parameters(
        **sbatch_parameters(request, settings),
        job_name=entries[0].name if len(entries) == 1 else f"{entries[0].name}+{len(entries) - 1}",
        comment=COMMENT + entries[0].token,
        array_parallelism=len(entries),
        setup=[*_fetch_payload(folder), WAIT_FOR_SLURM, *_name_elements(entries), *settings.setup],
    )
    return [job.job_id for job in executor.submit_array(payloads)]


def _fetch_payload(folder: Path) -> list[str]:
    """Each job copies its payload to where submitit looks for it.

    Submitit does so once sbatch has returned, too late for a controller that died in between.
    """
    target = f'{shlex.quote(str(folder))}/"$id"_submitted.pkl'
    source = f"{shlex.quote(str(folder))}/payload-${{SLURM_ARRAY_TASK_ID:-0}}.pkl"
    return [JOB_ID, f"[ -e {target} ] || cp {source} {target}"]


def _name_elements(entries: Sequence[Entry]) -> list[str]:
    """The elements of an array share a name until they start; then each gets its own."""
    if len(entries) == 1:
        return []
    names = " ".join(shlex.quote(entry.name) for entry in entries)
    return [f"names=({names})", 'scontrol update JobId="$id" JobName="${names[$SLURM_ARRAY_TASK_ID]}" || true']
