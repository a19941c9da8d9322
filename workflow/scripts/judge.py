"""Judge every claim and write the published tables beside their reproduction."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).parent))

from grokatlas.adapter import job
from grokatlas.metrics import read_metrics
from grokatlas.tables import build_tables, write_tables

with job(snakemake.log[0]):
    metrics = read_metrics([snakemake.input.metrics])
    tables = build_tables(metrics, snakemake.input.claims, snakemake.input.published)
    write_tables(tables, Path(snakemake.output[0]).parent)
