"""What a job asks of the cluster: Snakemake's standard resources, in the words of sbatch."""

from __future__ import annotations

from dataclasses import dataclass

from snakemake_interface_executor_plugins.jobs import JobExecutorInterface

from .settings import ExecutorSettings

DEFAULT_MINUTES = 60  # a job without `runtime`; too short costs a restart, since jobs go on after their limit


@dataclass(frozen=True)
class Request:
    """Jobs with equal requests can share an array."""

    rule: str
    partition: str | None
    minutes: int
    mem_mb: int | None
    cpus: int
    gpus: int
    account: str | None
    qos: str | None
    constraint: str | None


def job_request(job: JobExecutorInterface, settings: ExecutorSettings) -> Request:
    """Read a job's resources. Names are those of the official SLURM plugin, so that rules serve both."""
    resources = job.resources
    gpus = int(resources.get("gpu") or 0)
    partition = settings.gpu_partition if gpus else settings.cpu_partition
    return Request(
        rule=job.name,
        partition=resources.get("slurm_partition") or partition,
        minutes=int(resources.get("runtime") or DEFAULT_MINUTES),
        mem_mb=resources.get("mem_mb"),
        cpus=job.threads,
        gpus=gpus,
        account=resources.get("slurm_account"),
        qos=resources.get("qos"),
        constraint=resources.get("constraint"),
    )


def sbatch_parameters(request: Request, settings: ExecutorSettings) -> dict:
    """Submitit's names of sbatch options. None leaves an option out."""
    extra = dict(option.partition("=")[::2] for option in settings.sbatch)
    return {
        "partition": request.partition,
        "time": request.minutes,
        "mem": f"{request.mem_mb}MB" if request.mem_mb else None,
        "nodes": 1,
        "cpus_per_task": request.cpus,
        "gres": f"{settings.gres}:{request.gpus}" if request.gpus else None,
        "account": request.account,
        "qos": request.qos,
        "constraint": request.constraint,
        "signal_delay_s": settings.signal_seconds,
        "wckey": None,  # submitit's default is refused where workload keys are checked
        "stderr_to_stdout": True,
        "srun_args": [f"--cpus-per-task={request.cpus}"],  # since SLURM 22.05 srun does not inherit it
        "additional_parameters": {name: value or True for name, value in extra.items()},
    }
