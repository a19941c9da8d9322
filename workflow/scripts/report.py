"""Write the report: one HTML file that reads well alone."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).parent))

from grokatlas.adapter import job
from grokatlas.metrics import read_metrics
from grokatlas.report import build_report

with job(snakemake.log[0]):
    build_report(
        read_metrics([snakemake.input.metrics]),
        tables=[Path(path) for path in snakemake.input.tables],
        figures=[Path(path) for path in [*snakemake.input.figures, *snakemake.input.animations]],
        path=Path(snakemake.output[0]),
    )
