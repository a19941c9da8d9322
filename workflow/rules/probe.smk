# Every probe on every snapshot of a segment: one Parquet file.
rule probe:
    input:
        manifest=RESULTS + "/stacks/{stack}/checkpoint-{segment}.json",
    output:
        RESULTS + "/metrics/{stack}/{segment}.parquet",
    params:
        probes=CONFIG.settings.probes,
        splits=[split.name for split in CONFIG.settings.coset_splits],
        probe_version=PROBE_VERSION,
    log:
        RESULTS + "/logs/probe/{stack}/{segment}.log",
    resources:
        mem_mb=2000,
    conda:
        "../../envs/torch.yaml"
    script:
        "../scripts/probe.py"
