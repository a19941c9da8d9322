# UMAP and PCA planes of a stack at its plane steps: coordinates for the figures, readings for the metrics table.
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
