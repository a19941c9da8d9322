# Every figure from the metrics alone (planes: with their coordinates; animations: from theirs), as PNG and SVG, or GIF.
rule figures:
    input:
        expand(
            f"{RESULTS}/figures/{{figure}}.{{kind}}",
            figure=FIGURES + PLANE_FIGURES,
            kind=["png", "svg"],
        ),
        expand(f"{RESULTS}/figures/animation_{{run}}.gif", run=PLANE_RUNS),


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


rule planes_figure:
    input:
        metrics=f"{RESULTS}/metrics.parquet",
        planes=lambda wildcards: f"{RESULTS}/planes/{STACK_OF[wildcards.run]}.parquet",
    output:
        png=report(
            f"{RESULTS}/figures/planes_{{run}}.png",
            category="Figures",
            caption="../report/figure.rst",
            labels={"figure": "planes of {run}"},
        ),
        svg=f"{RESULTS}/figures/planes_{{run}}.svg",
    log:
        f"{RESULTS}/logs/figure/planes_{{run}}.log",
    conda:
        "../../envs/analysis.yaml"
    script:
        "../scripts/planes_figure.py"


rule animation:
    input:
        means=lambda wildcards: f"{RESULTS}/planes/means/{STACK_OF[wildcards.run]}.parquet",
    output:
        report(
            f"{RESULTS}/figures/animation_{{run}}.gif",
            category="Figures",
            caption="../report/figure.rst",
            labels={"figure": "animation of {run}"},
        ),
    log:
        f"{RESULTS}/logs/figure/animation_{{run}}.log",
    conda:
        "../../envs/analysis.yaml"
    script:
        "../scripts/animation.py"
