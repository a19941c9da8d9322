"""Probe every snapshot of a segment."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).parent))

from grokatlas.adapter import job
from grokatlas.config import parse_config
from grokatlas.measure import measure_segment
from grokatlas.stacks import build_stacks

with job(snakemake.log[0]):
    config = parse_config(snakemake.config)
    stack = build_stacks(config)[snakemake.wildcards.stack]
    manifest = json.loads(Path(snakemake.input.manifest).read_text())
    measure_segment(stack, config.settings, manifest, Path(snakemake.output[0]), snakemake.threads)
