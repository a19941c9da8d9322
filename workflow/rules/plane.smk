# UMAP and PCA planes of a stack at its plane steps: coordinates for the figures, readings for the metrics table.
from grokatlas.extras import require
from grokatlas.figures.names import planes_name

PLANE_RUNS = [run for run, plan in CONFIG.plans.items() if plan.plane_steps]
PLANE_FIGURES = [planes_name(run) for run in PLANE_RUNS]
STACK_OF = {plan.run.id: stack.id for stack in STACKS.values() for plan in stack.plans}
PLANE_STACKS = list(dict.fromkeys(STACK_OF[run] for run in PLANE_RUNS))

# With --sdm conda the jobs bring it along.
if PLANE_RUNS and not workflow.deployment_settings.deployment_method:
    try:
        require("umap", "umap-learn", "manifold", "plane_steps in the config")
    except GrokatlasError as bad:
        raise WorkflowError(str(bad))


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


rule plane:
    input:
        plane_manifests,
    output:
        planes=f"{RESULTS}/planes/{{stack}}.parquet",
        means=f"{RESULTS}/planes/means/{{stack}}.parquet",
        metrics=f"{RESULTS}/metrics/{{stack}}/planes.parquet",
    log:
        f"{RESULTS}/logs/plane/{{stack}}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=3000,
    params:
        steps=plane_steps,
        probe_version=PROBE_VERSION,
    script:
        "../scripts/plane.py"
