# Every figure from the metrics alone, as PNG and SVG.
rule figures:
    input:
        expand(
            f"{RESULTS}/figures/{{figure}}.{{kind}}",
            figure=FIGURES,
            kind=["png", "svg"],
        ),


rule figure:
    input:
        metrics=f"{RESULTS}/metrics.parquet",
    output:
        png=report(
            f"{RESULTS}/figures/{{figure}}.png",
            category="Figures",
            caption="../report/figure.rst",
            labels={"figure": "{figure}"},
        ),
        svg=f"{RESULTS}/figures/{{figure}}.svg",
    log:
        f"{RESULTS}/logs/figure/{{figure}}.log",
    wildcard_constraints:
        figure="|".join(FIGURES),
    conda:
        "../../envs/analysis.yaml"
    script:
        "../scripts/figure.py"
