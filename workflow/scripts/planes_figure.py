"""Draw the planes of one run."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).parent))

import pandas as pd

from grokatlas.adapter import job
from grokatlas.figures import draw, planes_name
from grokatlas.metrics import read_metrics

with job(snakemake.log[0]):
    metrics, coordinates = read_metrics([snakemake.input.metrics]), pd.read_parquet(snakemake.input.planes)
    draw(planes_name(snakemake.wildcards.run), metrics, Path(snakemake.output.png).parent, coordinates)
