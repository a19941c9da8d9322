# Functions and names shared by the rules. No torch here: this file is read again in every job.
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "workflow"))

from snakemake.exceptions import WorkflowError

from grokatlas.config import parse_config
from grokatlas.errors import GrokatlasError
from grokatlas.figures.names import figure_names, manifold_names
from grokatlas.stacks import build_stacks
from grokatlas.versions import PROBE_VERSION, TRAINING_VERSION

try:
    CONFIG = parse_config(config, " + ".join(map(str, workflow.configfiles)))
except GrokatlasError as bad:
    raise WorkflowError(str(bad))

STACKS = build_stacks(CONFIG)
SEGMENTS = {(stack.id, s.name): s for stack in STACKS.values() for s in stack.segments}
RESULTS = str(CONFIG.settings.results)
FIGURES = manifold_names(CONFIG) + figure_names(
    sorted({plan.run.weight_decay for plan in CONFIG.plans.values()})
)
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


def metrics_files():
    """One Parquet file a stack and segment, and one a stack with planes."""
    return [
        f"{RESULTS}/metrics/{stack}/{name}.parquet"
        for stack, name in [*SEGMENTS, *((stack, "planes") for stack in PLANE_STACKS)]
    ]
