"""What makes a job the same job after a restart: its content, not its number."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from snakemake_interface_executor_plugins.jobs import JobExecutorInterface


def members(job: JobExecutorInterface) -> list[Any]:
    """The jobs of a group in a fixed order, or the job alone."""
    return sorted(job.jobs, key=lambda member: sorted(map(str, member.output))) if job.is_group() else [job]


def job_key(job: JobExecutorInterface) -> str:
    """Hex digest of rule, wildcards, params, inputs and outputs. Without resources: more memory is the same job."""
    content = [
        [
            member.rule.name,
            dict(member.wildcards_dict),
            list(member.params._allitems()),
            sorted(map(str, member.input)),
            sorted(map(str, member.output)),
        ]
        for member in members(job)
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=_plain).encode()).hexdigest()


def job_name(job: JobExecutorInterface) -> str:
    """Rule and wildcards, for squeue: `train.multiplication-small-wd2-s42.000000000`."""
    if job.is_group():
        return _clean(f"{job.name}.{members(job)[0].rule.name}")
    return _clean(".".join([job.rule.name, *map(str, job.wildcards_dict.values())]))


def _clean(name: str) -> str:
    return re.sub(r"[^\w.+-]", "_", name)


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    return list(value) if isinstance(value, tuple) else repr(value)
