"""Write the findings: what the metrics say, claim by claim and lead by lead."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).parent))

from grokatlas.adapter import job
from grokatlas.findings import build_findings, write_findings
from grokatlas.metrics import read_metrics

with job(snakemake.log[0]):
    findings, headline = build_findings(
        read_metrics([snakemake.input.metrics]),
        tables=[Path(path) for path in snakemake.input.tables],
        figures=[Path(path).stem for path in snakemake.input.figures],
        provenance=snakemake.params.provenance,
    )
    write_findings(findings, headline, Path(snakemake.output.findings).parent)
