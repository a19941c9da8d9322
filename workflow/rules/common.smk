# Functions and names shared by the rules. No torch here: this file is read again in every job.
import sys
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "workflow"))

from snakemake.exceptions import WorkflowError

from grokatlas.config import EVERY_PROBE, parse_config
from grokatlas.errors import GrokatlasError
from grokatlas.evidence import evidence_runs, metrics_path, run_of
from grokatlas.extras import require, require_for_probes
from grokatlas.figures.names import figure_names, manifold_names, planes_name
from grokatlas.speed import Speeds
from grokatlas.stacks import build_stacks, metrics_paths
from grokatlas.versions import PROBE_VERSION, TRAINING_VERSION

try:
    CONFIG = parse_config(config, " + ".join(map(str, workflow.configfiles)))
    EVIDENCE = [Path(workflow.basedir) / folder for folder in CONFIG.settings.evidence]
    EVIDENCE_RUNS = evidence_runs(EVIDENCE)
    # With --sdm conda the jobs bring it along.
    if not workflow.deployment_settings.deployment_method:
        require_for_probes(CONFIG.settings.probes)
        if any(plan.plane_steps for plan in CONFIG.plans.values()):
            require("umap", "umap-learn", "manifold", "plane_steps in the config")
except GrokatlasError as bad:
    raise WorkflowError(str(bad))

STACKS = build_stacks(CONFIG)
SEGMENTS = {(stack.id, s.name): s for stack in STACKS.values() for s in stack.segments}
SPEEDS = Speeds(CONFIG)
RESULTS = str(CONFIG.settings.results)
RUNS = [plan.run for plan in CONFIG.plans.values()] + [
    run_of(row) for row in EVIDENCE_RUNS
]
PROBES = EVERY_PROBE if EVIDENCE else CONFIG.settings.probes
FIGURES = manifold_names(RUNS, PROBES) + figure_names(
    [run.weight_decay for run in RUNS]
)
PLANE_RUNS = [run for run, plan in CONFIG.plans.items() if plan.plane_steps]
PLANE_FIGURES = [planes_name(run) for run in PLANE_RUNS]
STACK_OF = {plan.run.id: stack.id for stack in STACKS.values() for plan in stack.plans}
CLAIMS = ["claims", "claims_manifold"]
PUBLISHED = ["published_tables", "published_tables_manifold"]
TABLES = [
    *(f"N{i}" for i in range(1, 10)),
    "P",
    *(f"G{i}" for i in range(1, 8)),
    "verdicts",
]


wildcard_constraints:
    stack=r"[^/]+",
    segment=r"\d{9}",


def manifest(kind, stack, segment):
    """Path of the manifest that a train or checkpoint job declares."""
    return f"{RESULTS}/stacks/{stack}/{kind}-{segment}.json"


def segment_before(wildcards, kind="train"):
    """The manifest of the segment before, which a train job continues from; none for the first segment."""
    start = SEGMENTS[wildcards.stack, wildcards.segment].start
    before = start - CONFIG.settings.segment_steps
    return [manifest(kind, wildcards.stack, f"{before:09d}")] if start else []


def checkpoint_before(wildcards):
    """The checkpoint manifest of the segment before, with whose last snapshot the drift probe compares."""
    compares = "drift" in CONFIG.settings.probes
    return segment_before(wildcards, "checkpoint") if compares else []


def goals(wildcards):
    """Run id -> step to reach: what makes a train job due again when a budget grows."""
    return STACKS[wildcards.stack].goals(SEGMENTS[wildcards.stack, wildcards.segment])


def due_steps(wildcards):
    """Run id -> cadences within the segment: what makes a checkpoint job due again when a sweep looks more often."""
    segment = SEGMENTS[wildcards.stack, wildcards.segment]
    plans = STACKS[wildcards.stack].plans
    return {plan.run.id: due_within(plan.cadences, segment) for plan in plans}


@cache  # thousands of runs share a few cadences
def due_within(cadences, segment):
    """Cadences (end, evaluate_every, probe_every) cut to a segment."""
    due = [c for c in cadences if c.steps > segment.start]
    return sorted(
        {(min(c.steps, segment.stop), c.evaluate_every, c.probe_every) for c in due}
    )


def train_minutes(wildcards, threads):
    """Minutes to ask for, from the speed of what was trained before."""
    segment = SEGMENTS[wildcards.stack, wildcards.segment]
    plans = STACKS[wildcards.stack].plans
    runs = [plan.run for plan in plans if plan.steps > segment.start]
    return SPEEDS.train_minutes(runs, segment.stop - segment.start, threads)


def checkpoint_minutes(wildcards):
    """Minutes in which one run's segment can be replayed; most jobs only verify, in seconds."""
    segment = SEGMENTS[wildcards.stack, wildcards.segment]
    runs = [plan.run for plan in STACKS[wildcards.stack].plans]
    return SPEEDS.replay_minutes(runs, segment.stop - segment.start)


def probe_minutes(wildcards, threads):
    """Minutes to ask for, from the number of snapshots."""
    start = SEGMENTS[wildcards.stack, wildcards.segment].start
    due = [c for cadences in due_steps(wildcards).values() for c in cadences]
    snapshots = sum((stop - start) // probe_every for stop, _, probe_every in due)
    return SPEEDS.probe_minutes(snapshots, threads)


def plane_steps(wildcards):
    """Run id -> its plane steps: what makes a plane job due again when a sweep asks for others."""
    plans = STACKS[wildcards.stack].plans
    return {plan.run.id: plan.plane_steps for plan in plans if plan.plane_steps}


def plane_manifests(wildcards):
    """Checkpoint manifests up to the last plane step: the class means are followed from the start."""
    last = max((steps[-1] for steps in plane_steps(wildcards).values()), default=0)
    segments = STACKS[wildcards.stack].segments
    return [
        manifest("checkpoint", wildcards.stack, s.name)
        for s in segments
        if s.start < last
    ]
