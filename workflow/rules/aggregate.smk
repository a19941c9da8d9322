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
        metrics_files(),
    output:
        metrics=f"{RESULTS}/metrics.parquet",
        sweeps=f"{RESULTS}/sweeps.parquet",
    log:
        f"{RESULTS}/logs/aggregate.log",
    conda:
        "../../envs/analysis.yaml"
    params:
        sweeps=CONFIG.sweeps,
    script:
        "../scripts/aggregate.py"


rule judge:
    input:
        metrics=rules.aggregate.output.metrics,
        claims=f"{workflow.basedir}/resources/claims.yaml",
        published=f"{workflow.basedir}/resources/published_tables.yaml",
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
