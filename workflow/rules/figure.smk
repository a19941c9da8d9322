# Every figure from the metrics alone, as PNG and SVG.
rule figures:
    input:
        expand(RESULTS + "/figures/{figure}.{kind}", figure=FIGURES, kind=["png", "svg"]),


rule figure:
    input:
        metrics=RESULTS + "/metrics.parquet",
    output:
        png=report(
            RESULTS + "/figures/{figure}.png",
            category="Figures",
            caption="../report/figure.rst",
            labels={"figure": "{figure}"},
        ),
        svg=RESULTS + "/figures/{figure}.svg",
    wildcard_constraints:
        figure="|".join(FIGURES),
    log:
        RESULTS + "/logs/figure/{figure}.log",
    conda:
        "../../envs/analysis.yaml"
    script:
        "../scripts/figure.py"
