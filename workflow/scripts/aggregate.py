"""Gather all metrics into one file, and sweep membership into another."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).parent))

from grokatlas.adapter import job
from grokatlas.aggregate import gather_metrics, write_sweeps

with job(snakemake.log[0]):
    gather_metrics(snakemake.input.metrics, snakemake.params.evidence, Path(snakemake.output.metrics))
    write_sweeps(snakemake.params.sweeps, Path(snakemake.output.sweeps))
