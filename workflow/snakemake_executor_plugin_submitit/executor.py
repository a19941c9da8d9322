"""The executor: what Snakemake's scheduler asks for, in terms of registry, submission and outcome."""

from __future__ import annotations

import atexit
import hashlib
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import TypeVar

from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.real import RealExecutor
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface
from snakemake_interface_executor_plugins.utils import format_cli_arg, join_cli_args

from .adoption import heal, take_stock
from .keys import job_key, job_name
from .local import Local
from .lock import ControllerLock
from .outcome import Outcome, Outcomes, clear, log_of, read_result, tail
from .registry import Entry, Registry
from .request import Request, job_request
from .settings import ExecutorSettings
from .slurm import Slurm, State, UnreachableError, one_line

T = TypeVar("T")
RETRY_SECONDS = 5.0
# What sbatch says when slurmctld is away; anything else is about the job itself.
AWAY = (
    "Unable to contact slurm controller",
    "Socket timed out",
    "Zero Bytes",
    "Connection refused",
    "slurm_receive_msg",
)


class Executor(RemoteExecutor):
    """Submits, adopts, watches and cancels jobs of one working directory."""

    def __post_init__(self) -> None:
        """Check the cluster, take the lock, and find out what an earlier controller left; refuse in one line."""
        try:
            self.prepare()
        except WorkflowError as error:
            self.logger.error(str(error))
            raise SystemExit(1) from None  # Snakemake would print where in this file it was raised

    def prepare(self) -> None:
        """Everything that comes before the first job. Raises WorkflowError."""
        self.settings: ExecutorSettings = self.executor_settings or ExecutorSettings()
        self.folder = Path(".snakemake/submitit").absolute()
        self.claimed: set[str] = set()  # keys of jobs that this controller submitted or adopted
        self.outcomes = Outcomes(self.workflow.execution_settings.latency_wait)
        self.told_away = False
        self.any_started = False  # then the nodes do see this folder
        self.cluster = Local(self.folder) if self.settings.cluster == "local" else Slurm()
        self.controller = ControllerLock(self.folder / "controller.json")
        self.controller.acquire(self.logger.warning)
        atexit.register(self.controller.release)
        # The cores of this machine (--cores) are no limit for the threads of jobs elsewhere.
        self.workflow.global_resources["_cores"] = None
        requests = {self.request(job) for job in self.dag.needrun_jobs() if not job.is_local}
        self.insist(lambda: self.cluster.check(requests, self.settings.gres))
        self.registry = Registry(self.folder / "registry")
        self.insist(lambda: heal(self.registry, self.cluster))
        due = {str(file) for job in self.dag.needrun_jobs() for file in job.output}
        self.insist(lambda: take_stock(self.registry, self.cluster, due, self.logger.info))

    def request(self, job: JobExecutorInterface) -> Request:
        """What a job asks of the cluster."""
        return job_request(job, self.settings)

    # --- what a job runs -----------------------------------------------------------------------------------------

    def get_job_args(self, job: JobExecutorInterface) -> str:
        """As for any remote job, but with the job's own cores, and waiting for inputs alone.

        This controller's temporary folder, which Snakemake would have it wait for, may be gone by then.
        """
        waiting = format_cli_arg("--wait-for-files", job.get_wait_for_files())
        return join_cli_args([RealExecutor.get_job_args(self, job, cores=job.threads), waiting])

    def additional_general_args(self) -> str:
        """Nothing more."""
        return ""

    # --- submitting ----------------------------------------------------------------------------------------------

    def run_jobs(self, jobs: list[JobExecutorInterface]) -> None:
        """Adopt the jobs that are in flight already; submit the others, as arrays where their requests are equal."""
        fresh: dict[Request, list[JobExecutorInterface]] = {}
        for job in jobs:
            self.run_job_pre(job)
            if not self.adopt(job):
                fresh.setdefault(self.request(job), []).append(job)
        for request, group in fresh.items():
            size = 1 if self.settings.cluster == "local" else max(1, self.settings.array_size)
            for first in range(0, len(group), size):
                self.submit(group[first : first + size], request)

    def run_job(self, job: JobExecutorInterface) -> None:
        """One job alone."""
        self.run_jobs([job])

    def adopt(self, job: JobExecutorInterface) -> bool:
        """Take over the job in flight with this job's key. Others that write its files are ended first."""
        entry = self.registry.get(job_key(job))
        if entry and (outcome := read_result(entry)) and not (outcome.ok and all(Path(f).exists() for f in job.output)):
            self.registry.forget(entry.key)  # it ended since this controller started, or its files were deleted
            entry = None
        stale = [other for other in self.registry.same_outputs(job.output) if other != entry]
        if stale:
            ids = [other.job_id for other in stale if other.job_id]
            self.logger.info(f"Job {', '.join(ids)} makes the same files from another config: cancelled.")
            self.insist(lambda: self.cluster.cancel(ids))
            for other in stale:
                self.registry.forget(other.key)
        if entry is None:
            return False
        self.logger.info(f"Adopted {entry.name}: job {entry.job_id}.")
        self.begin(job, entry)
        return True

    def submit(self, jobs: list[JobExecutorInterface], request: Request) -> None:
        """Write the intent, submit, record the ids. A job that SLURM refuses is an error of that job."""
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        from .submission import submit  # submitit is not needed by those who only start Snakemake

        self.controller.check()
        keys = [job_key(job) for job in jobs]
        digest = hashlib.sha256("".join(keys).encode()).hexdigest() if len(keys) > 1 else keys[0]
        token = f"{digest[:16]}-{uuid.uuid4().hex[:8]}"
        for i, (job, key) in enumerate(zip(jobs, keys, strict=True)):
            place = i if len(jobs) > 1 else None
            outputs = tuple(map(str, job.output))
            self.registry.put(Entry(key, job_name(job), outputs, token, place, str(self.folder / "jobs" / token)))
        entries = [self.registry.get(key) for key in keys]
        commands = [self.format_job_exec(job) for job in jobs]
        self.claimed.update(keys)
        while True:
            try:
                ids = submit(entries, commands, request, self.settings)
                break
            except (FailedJobError, FailedSubmissionError) as error:
                message = one_line(str(error))
                if not any(sign in message for sign in AWAY):
                    self.refuse(jobs, keys, message)
                    return
                self.say_away(message)
                time.sleep(RETRY_SECONDS)
                if ids := self.arrived(entries):
                    break
        for job, key, job_id in zip(jobs, keys, ids, strict=True):
            entry = self.registry.record(key, job_id)
            self.logger.info(f"Submitted {entry.name}: job {job_id}.")
            self.begin(job, entry)

    def arrived(self, entries: list[Entry]) -> list[str]:
        """The ids of a submission that SLURM took although sbatch did not hear of it."""
        found = self.insist(self.cluster.submissions)
        return [found[e.token, e.index] for e in entries if (e.token, e.index) in found]

    def begin(self, job: JobExecutorInterface, entry: Entry) -> None:
        """Tell Snakemake that the job is on its way."""
        self.claimed.add(entry.key)
        self.report_job_submission(SubmittedJobInfo(job, external_jobid=entry.job_id, aux={"key": entry.key}))

    def refuse(self, jobs: list[JobExecutorInterface], keys: list[str], message: str) -> None:
        """Sbatch said no."""
        for job, key in zip(jobs, keys, strict=True):
            self.registry.forget(key)
            self.report_job_error(SubmittedJobInfo(job), msg=f"not submitted: {message}. ")

    # --- watching ------------------------------------------------------------------------------------------------

    async def check_active_jobs(self, active_jobs: list[SubmittedJobInfo]) -> AsyncGenerator[SubmittedJobInfo, None]:
        """One look at all jobs: result files, then one squeue. While SLURM does not answer, all count as active."""
        if not active_jobs:
            return
        entries = {info.aux["key"]: self.registry.get(info.aux["key"]) for info in active_jobs}
        unfinished = [entry.job_id for entry in entries.values() if entry and not read_result(entry)]
        states: dict[str, State] = {}
        try:
            if unfinished:
                states = self.cluster.states(unfinished)
                self.say_back()
        except UnreachableError as away:
            self.say_away(str(away))
            for info in active_jobs:
                yield info
            return
        self.any_started = self.any_started or any(log_of(entry).exists() for entry in entries.values())
        for info in active_jobs:
            entry = entries[info.aux["key"]]
            outcome = self.outcomes.judge(entry, states)
            if outcome is None:
                yield info
            elif outcome.folder_unseen and not self.any_started:
                self.give_up(entry)
                return
            else:
                self.conclude(info, entry, outcome)

    def conclude(self, info: SubmittedJobInfo, entry: Entry, outcome: Outcome) -> None:
        """Report the end of a job; of one that failed, the end of its log."""
        if outcome.ok:
            self.registry.forget(entry.key)
            clear(entry)
            self.report_job_success(info)
            return
        logs = [tail(Path(path)) for path in info.job.log] + [tail(log_of(entry))]
        text = "\n".join([f"{entry.name}: job {entry.job_id} {outcome.text}.", *filter(None, logs), ""])
        self.registry.forget(entry.key)
        self.report_job_error(info, msg=text)

    def give_up(self, entry: Entry) -> None:
        """The compute nodes do not see the working directory: no job can work."""
        self.cancel_jobs([])
        line = (
            f"job {entry.job_id} could not write to {self.folder}: is this folder shared with the compute nodes? "
            "Move the checkout to a shared file system. Everything submitted was cancelled."
        )
        self.workflow.scheduler.executor_error_callback(WorkflowError(line))

    # --- ending --------------------------------------------------------------------------------------------------

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        """Cancel what this controller submitted or adopted; from its own list: Snakemake's has gaps."""
        if not self.controller.held:
            return  # another controller has the jobs now
        try:
            heal(self.registry, self.cluster)
            ours = [entry for entry in self.registry.entries() if entry.key in self.claimed]
            self.cluster.cancel(entry.job_id for entry in ours if entry.job_id)
        except UnreachableError as away:
            self.logger.error(f"SLURM does not answer ({away}): jobs go on; the same command adopts them.")
            return
        for entry in ours:
            self.registry.forget(entry.key)

    def shutdown(self) -> None:
        """End the watch and give the lock back."""
        super().shutdown()
        self.controller.release()

    # --- a SLURM that is away ------------------------------------------------------------------------------------

    def insist(self, ask: Callable[[], T]) -> T:
        """Ask until SLURM answers."""
        while True:
            try:
                answer = ask()
            except UnreachableError as away:
                self.say_away(str(away))
                time.sleep(RETRY_SECONDS)
            else:
                self.say_back()
                return answer

    def say_away(self, message: str) -> None:
        """Once for each time that SLURM goes away."""
        if not self.told_away:
            self.logger.warning(f"SLURM does not answer ({message}); waiting for it.")
        self.told_away = True

    def say_back(self) -> None:
        """And once when it is back."""
        if self.told_away:
            self.logger.warning("SLURM answers again.")
        self.told_away = False
