# From the metrics to the published tables with their verdicts, and one report to read.
rule tables:
    input:
        expand(
            f"{RESULTS}/tables/{{table}}.{{kind}}",
            table=TABLES,
            kind=["parquet", "csv", "md"],
        ),


rule report:
    input:
        f"{RESULTS}/report.html",


# One file of all metrics, and the small table of which run is in which sweep.
rule aggregate:
    input:
        metrics=[str(path) for path in metrics_paths(CONFIG, STACKS)],
        evidence=[str(metrics_path(folder)) for folder in EVIDENCE],
    output:
        metrics=f"{RESULTS}/metrics.parquet",
        sweeps=f"{RESULTS}/sweeps.parquet",
    log:
        f"{RESULTS}/logs/aggregate.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        sweeps=CONFIG.sweeps,
        evidence=[str(folder) for folder in EVIDENCE],
    script:
        "../scripts/aggregate.py"


rule judge:
    input:
        metrics=rules.aggregate.output.metrics,
        claims=[f"{workflow.basedir}/resources/{name}.yaml" for name in CLAIMS],
        published=[f"{workflow.basedir}/resources/{name}.yaml" for name in PUBLISHED],
    output:
        report(
            expand(f"{RESULTS}/tables/{{table}}.{{kind}}", table=TABLES, kind=["md"]),
            category="Tables",
            caption="../report/table.rst",
        ),
        expand(
            f"{RESULTS}/tables/{{table}}.{{kind}}",
            table=TABLES,
            kind=["parquet", "csv"],
        ),
    log:
        f"{RESULTS}/logs/judge.log",
    conda:
        "../../envs/analysis.yaml"
    script:
        "../scripts/judge.py"


rule html:
    input:
        metrics=rules.aggregate.output.metrics,
        tables=expand(f"{RESULTS}/tables/{{table}}.parquet", table=TABLES),
        figures=expand(
            f"{RESULTS}/figures/{{figure}}.png", figure=FIGURES + PLANE_FIGURES
        ),
        animations=expand(f"{RESULTS}/figures/animation_{{run}}.gif", run=PLANE_RUNS),
    output:
        f"{RESULTS}/report.html",
    log:
        f"{RESULTS}/logs/report.log",
    conda:
        "../../envs/analysis.yaml"
    script:
        "../scripts/report.py"


# Claim by claim and lead by lead in Markdown: docs/findings.md is this file, made from the evidence.
rule findings:
    input:
        metrics=rules.aggregate.output.metrics,
        tables=expand(f"{RESULTS}/tables/{{table}}.parquet", table=TABLES),
        figures=expand(f"{RESULTS}/figures/{{figure}}.png", figure=FIGURES),
    output:
        findings=f"{RESULTS}/findings.md",
        headline=f"{RESULTS}/headline.md",
    log:
        f"{RESULTS}/logs/findings.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        provenance=EVIDENCE_RUNS,
    script:
        "../scripts/findings.py"
