# Functions and names shared by the rules. No torch here: this file is read again in every job.
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "workflow"))

from snakemake.exceptions import WorkflowError

from grokatlas.config import parse_config
from grokatlas.errors import GrokatlasError
from grokatlas.extras import require
from grokatlas.figures.names import figure_names, manifold_names, planes_name
from grokatlas.stacks import build_stacks
from grokatlas.versions import PROBE_VERSION, TRAINING_VERSION

try:
    CONFIG = parse_config(config, " + ".join(map(str, workflow.configfiles)))
    PLANE_RUNS = [run for run, plan in CONFIG.plans.items() if plan.plane_steps]
    # With --sdm conda the jobs bring it along.
    if PLANE_RUNS and not workflow.deployment_settings.deployment_method:
        require("umap", "umap-learn", "manifold", "plane_steps in the config")
except GrokatlasError as bad:
    raise WorkflowError(str(bad))

STACKS = build_stacks(CONFIG)
SEGMENTS = {(stack.id, s.name): s for stack in STACKS.values() for s in stack.segments}
RESULTS = str(CONFIG.settings.results)
FIGURES = figure_names(
    sorted({plan.run.weight_decay for plan in CONFIG.plans.values()})
)
FIGURES += manifold_names(CONFIG)
PLANE_FIGURES = [planes_name(run) for run in PLANE_RUNS]
STACK_OF = {plan.run.id: stack.id for stack in STACKS.values() for plan in stack.plans}
PLANE_STACKS = list(dict.fromkeys(STACK_OF[run] for run in PLANE_RUNS))
TABLES = [f"N{i}" for i in range(1, 10)] + ["verdicts"]


wildcard_constraints:
    stack=r"[^/]+",
    segment=r"\d{9}",


def manifest(kind, stack, segment):
    """Path of the manifest that a train or checkpoint job declares."""
    return f"{RESULTS}/stacks/{stack}/{kind}-{segment}.json"


def segment_before(wildcards):
    """The train manifest that a train job continues from; none for the first segment."""
    start = SEGMENTS[wildcards.stack, wildcards.segment].start
    before = start - CONFIG.settings.segment_steps
    return [manifest("train", wildcards.stack, f"{before:09d}")] if start else []


def goals(wildcards):
    """Run id -> step to reach: what makes a train job due again when a budget grows."""
    return STACKS[wildcards.stack].goals(SEGMENTS[wildcards.stack, wildcards.segment])


def due_steps(wildcards):
    """Run id -> cadences within the segment: what makes a checkpoint job due again when a sweep looks more often."""
    segment = SEGMENTS[wildcards.stack, wildcards.segment]

    def within(plan):
        due = [c for c in plan.cadences if c.steps > segment.start]
        return sorted(
            {(min(c.steps, segment.stop), c.evaluate_every, c.probe_every) for c in due}
        )

    return {plan.run.id: within(plan) for plan in STACKS[wildcards.stack].plans}


def plane_steps(wildcards):
    """Run id -> its plane steps: what makes a plane job due again when a sweep asks for others."""
    plans = STACKS[wildcards.stack].plans
    return {plan.run.id: plan.plane_steps for plan in plans if plan.plane_steps}


def plane_manifests(wildcards):
    """Checkpoint manifests up to the last plane step: the class means are followed from the start."""
    last = max((s[-1] for s in plane_steps(wildcards).values()), default=0)
    segments = STACKS[wildcards.stack].segments
    return [
        manifest("checkpoint", wildcards.stack, s.name)
        for s in segments
        if s.start < last
    ]


def metrics_files():
    """One Parquet file a stack and segment, and one a stack with planes."""
    files = [
        f"{RESULTS}/metrics/{stack}/{segment}.parquet" for stack, segment in SEGMENTS
    ]
    return files + [
        f"{RESULTS}/metrics/{stack}/planes.parquet" for stack in PLANE_STACKS
    ]
