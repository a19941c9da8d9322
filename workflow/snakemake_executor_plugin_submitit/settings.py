"""The plugin's options: each becomes `--submitit-...` on the command line and `submitit-...` in a profile."""

# No postponed annotations here: Snakemake reads the types of these fields.
from dataclasses import dataclass, field
from typing import List, Optional  # noqa: UP035

from snakemake_interface_executor_plugins.settings import ExecutorSettingsBase


@dataclass
class ExecutorSettings(ExecutorSettingsBase):
    """What a site sets once; what differs between rules is a resource."""

    cluster: str = field(
        default="slurm",
        metadata={
            "help": "Where jobs run: slurm, or local for processes on this machine.",
            "choices": ["slurm", "local"],
        },
    )
    gpu_partition: Optional[str] = field(  # noqa: UP045
        default=None,
        metadata={"help": "Partition of jobs whose resource gpu is above 0, unless they set slurm_partition."},
    )
    cpu_partition: Optional[str] = field(  # noqa: UP045
        default=None,
        metadata={"help": "Partition of all other jobs, unless they set slurm_partition."},
    )
    gres: str = field(
        default="gpu",
        metadata={"help": "Generic resource of one GPU, as in sbatch --gres: gpu, or gpu:a100 for one model."},
    )
    setup: List[str] = field(  # noqa: UP006
        default_factory=list,
        metadata={"help": "Shell lines that a job runs first, such as 'module load cuda'.", "nargs": "+"},
    )
    sbatch: List[str] = field(  # noqa: UP006
        default_factory=list,
        metadata={"help": "Further sbatch options as NAME=VALUE, such as exclude=node7.", "nargs": "+"},
    )
    array_size: int = field(
        default=500,
        metadata={"help": "Most jobs in one job array (SLURM's MaxArraySize less one is the limit); 1 for no arrays."},
    )
    signal_seconds: int = field(
        default=120,
        metadata={"help": "Seconds before its time limit at which a job is told to save and requeue itself."},
    )
    max_timeouts: int = field(
        default=1000,
        metadata={"help": "How many time limits one job may reach before it counts as failed."},
    )
