"""Animate a run's class means."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).parent))

import pandas as pd

from grokatlas.adapter import job
from grokatlas.figures.animation import animate

with job(snakemake.log[0]):
    animate(pd.read_parquet(snakemake.input.means), snakemake.wildcards.run, Path(snakemake.output[0]))
