# One job trains a stack over one segment. Run files are not outputs: Snakemake deletes the outputs of a failed job.
rule train:
    input:
        segment_before,
    output:
        RESULTS + "/stacks/{stack}/train-{segment}.json",
    params:
        goals=goals,
        training_version=TRAINING_VERSION,
    log:
        RESULTS + "/logs/train/{stack}/{segment}.log",
    threads: lambda wildcards: len(goals(wildcards))
    resources:
        mem_mb=lambda wildcards: 1000 + 100 * len(goals(wildcards)),
    conda:
        "../../envs/torch.yaml"
    script:
        "../scripts/train.py"
