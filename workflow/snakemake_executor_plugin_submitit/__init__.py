"""Snakemake executor plugin on submitit: SLURM jobs that save, requeue themselves and outlive their controller.

How adoption, the lock and requeueing work: docs/reliability.md.
"""

import sys

from snakemake_interface_executor_plugins.settings import CommonSettings

from .executor import Executor
from .profiles import spell_out_profile
from .settings import ExecutorSettings

__all__ = ["Executor", "ExecutorSettings", "common_settings"]

common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    pass_default_storage_provider_args=True,
    pass_default_resources_args=True,
    auto_deploy_default_storage_provider=False,
    pass_group_args=True,
    init_seconds_before_status_checks=2,
)

if "snakemake.cli" in sys.modules:  # not when a program uses Snakemake as a library
    spell_out_profile(sys.argv)
