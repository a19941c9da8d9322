# From the metrics to the published tables with their verdicts, and one report to read.
rule tables:
    input:
        expand(RESULTS + "/tables/{table}.{kind}", table=TABLES, kind=["parquet", "csv", "md"]),


rule report:
    input:
        RESULTS + "/report.html",


# One file of all metrics, and the small table of which run is in which sweep.
rule aggregate:
    input:
        metrics_files(),
    output:
        metrics=RESULTS + "/metrics.parquet",
        sweeps=RESULTS + "/sweeps.parquet",
    params:
        sweeps=CONFIG.sweeps,
    log:
        RESULTS + "/logs/aggregate.log",
    conda:
        "../../envs/analysis.yaml"
    script:
        "../scripts/aggregate.py"


rule judge:
    input:
        metrics=rules.aggregate.output.metrics,
        claims=workflow.basedir + "/resources/claims.yaml",
        published=workflow.basedir + "/resources/published_tables.yaml",
    output:
        report(
            expand(RESULTS + "/tables/{table}.{kind}", table=TABLES, kind=["md"]),
            category="Tables",
            caption="../report/table.rst",
        ),
        expand(RESULTS + "/tables/{table}.{kind}", table=TABLES, kind=["parquet", "csv"]),
    log:
        RESULTS + "/logs/judge.log",
    conda:
        "../../envs/analysis.yaml"
    script:
        "../scripts/judge.py"


rule html:
    input:
        metrics=rules.aggregate.output.metrics,
        tables=expand(RESULTS + "/tables/{table}.parquet", table=TABLES),
        figures=expand(RESULTS + "/figures/{figure}.png", figure=FIGURES),
    output:
        RESULTS + "/report.html",
    log:
        RESULTS + "/logs/report.log",
    conda:
        "../../envs/analysis.yaml"
    script:
        "../scripts/report.py"
