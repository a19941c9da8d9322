# Every probe on every snapshot of a segment: one Parquet file.
rule probe:
    input:
        manifest=f"{RESULTS}/stacks/{{stack}}/checkpoint-{{segment}}.json",
        before=checkpoint_before,
    output:
        f"{RESULTS}/metrics/{{stack}}/{{segment}}.parquet",
    log:
        f"{RESULTS}/logs/probe/{{stack}}/{{segment}}.log",
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=2000,
        runtime=probe_minutes,
    params:
        probes=CONFIG.settings.probes,
        splits=[split.name for split in CONFIG.settings.coset_splits],
        probe_version=PROBE_VERSION,
    script:
        "../scripts/probe.py"
