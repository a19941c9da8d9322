"""Stacks and segments: which runs a job trains together, and which slice of steps. No torch here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .config import Config, Plan


@dataclass(frozen=True)
class Segment:
    """Optimizer steps start < step <= stop of one train job."""

    start: int
    stop: int

    @property
    def name(self) -> str:
        """Zero-padded start, so that files sort: 000100000."""
        return f"{self.start:09d}"


@dataclass(frozen=True)
class Stack:
    """Runs that differ only in their seeds, trained in one process."""

    id: str
    plans: tuple[Plan, ...]
    segments: tuple[Segment, ...]

    def goals(self, segment: Segment) -> dict[str, int]:
        """Run id -> step that the run must reach in this segment; runs whose budget ended before are left out."""
        return {p.run.id: min(p.steps, segment.stop) for p in self.plans if p.steps > segment.start}


def build_stacks(config: Config) -> dict[str, Stack]:
    """Stack id -> stack, in config order.

    Runs of one variant (everything but the seeds) are cut, in config order, into stacks of `stack_size`. So a new
    weight decay opens stacks of its own wherever it is inserted, and so does a seed appended to full stacks; a seed
    that joins the last, partly filled stack renames it, and its job then skips the runs that are already there.
    """
    size, length = config.settings.stack_size, config.settings.segment_steps
    variants: dict[str, list[Plan]] = {}
    for plan in config.plans.values():
        variants.setdefault(plan.run.variant, []).append(plan)
    stacks = {}
    for variant, plans in variants.items():
        for first in range(0, len(plans), size):
            members = tuple(plans[first : first + size])
            budget = max(plan.steps for plan in members)
            segments = tuple(Segment(s, min(s + length, budget)) for s in range(0, budget, length))
            stack_id = _stack_id(variant, members)
            stacks[stack_id] = Stack(stack_id, members, segments)
    return stacks


def _stack_id(variant: str, members: tuple[Plan, ...]) -> str:
    seeds = [str(plan.run.seeds) for plan in members]
    if len(seeds) == 1:
        return f"{variant}-s{seeds[0]}"
    digest = hashlib.sha256(" ".join(seeds).encode()).hexdigest()[:8]
    return f"{variant}-s{seeds[0]}+{len(seeds) - 1}-{digest}"


def metrics_paths(config: Config, stacks: Mapping[str, Stack]) -> list[Path]:
    """Every Parquet file of metrics that a config's jobs write: one a stack and segment, one a stack with planes."""
    names = {stack: [segment.name for segment in stack.segments] for stack in stacks.values()}
    for stack, files in names.items():
        if any(plan.plane_steps for plan in stack.plans):
            files.append("planes")
    folder = config.settings.results / "metrics"
    return [folder / stack.id / f"{name}.parquet" for stack, files in names.items() for name in files]
