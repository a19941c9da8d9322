"""Draw one figure."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).parent))

from grokatlas.adapter import job
from grokatlas.figures import draw
from grokatlas.metrics import read_metrics

with job(snakemake.log[0]):
    draw(snakemake.wildcards.figure, read_metrics([snakemake.input.metrics]), Path(snakemake.output.png).parent)
