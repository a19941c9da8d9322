# One job trains a stack over one segment. Run files are not outputs: Snakemake deletes the outputs of a failed job.
rule train:
    input:
        segment_before,
    output:
        f"{RESULTS}/stacks/{{stack}}/train-{{segment}}.json",
    log:
        f"{RESULTS}/logs/train/{{stack}}/{{segment}}.log",
    conda:
        "../../envs/torch.yaml"
    threads: lambda wildcards: len(goals(wildcards))
    resources:
        mem_mb=lambda wildcards: 1000 + 100 * len(goals(wildcards)),
        runtime=train_minutes,
    params:
        goals=goals,
        training_version=TRAINING_VERSION,
    script:
        "../scripts/train.py"
