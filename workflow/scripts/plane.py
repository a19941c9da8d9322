"""Measure the UMAP and PCA planes of a stack."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).parent))

from grokatlas.adapter import job
from grokatlas.config import parse_config
from grokatlas.planes import measure_planes
from grokatlas.stacks import build_stacks

with job(snakemake.log[0]):
    config = parse_config(snakemake.config)
    stack = build_stacks(config)[snakemake.wildcards.stack]
    manifests = [json.loads(Path(path).read_text()) for path in snakemake.input]
    measure_planes(stack, config.settings, manifests, dict(snakemake.output.items()), snakemake.threads)
