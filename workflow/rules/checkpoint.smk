# Verify what a segment promised; replay the steps that a denser cadence asks for.
rule checkpoint:
    input:
        train=RESULTS + "/stacks/{stack}/train-{segment}.json",
    output:
        RESULTS + "/stacks/{stack}/checkpoint-{segment}.json",
    params:
        due=due_steps,
    log:
        RESULTS + "/logs/checkpoint/{stack}/{segment}.log",
    resources:
        mem_mb=2000,
    conda:
        "../../envs/torch.yaml"
    script:
        "../scripts/checkpoint.py"
