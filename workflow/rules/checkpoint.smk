# Verify what a segment promised; replay the steps that a denser cadence asks for.
rule checkpoint:
    input:
        train=f"{RESULTS}/stacks/{{stack}}/train-{{segment}}.json",
    output:
        f"{RESULTS}/stacks/{{stack}}/checkpoint-{{segment}}.json",
    log:
        f"{RESULTS}/logs/checkpoint/{{stack}}/{{segment}}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=2000,
        runtime=checkpoint_minutes,
    params:
        due=due_steps,
    script:
        "../scripts/checkpoint.py"
