# grokatlas: train -> checkpoint -> probe -> aggregate -> figure. Start with README.md.
from snakemake.utils import min_version

min_version("9.27")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/checkpoint.smk"
include: "workflow/rules/probe.smk"
include: "workflow/rules/plane.smk"
include: "workflow/rules/aggregate.smk"
include: "workflow/rules/figure.smk"


localrules:
    all,
    figures,
    tables,
    report,
    aggregate,
    judge,
    figure,
    html,


rule all:
    default_target: True
    input:
        rules.figures.input,
        rules.tables.input,
        rules.report.input,
