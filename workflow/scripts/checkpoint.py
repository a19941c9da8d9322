"""Verify a segment's checkpoints and make missing snapshots by replay."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).parent))

from grokatlas.adapter import job
from grokatlas.atomic import write_json
from grokatlas.config import parse_config
from grokatlas.stacks import build_stacks
from grokatlas.training.device import Machine
from grokatlas.training.replay import complete_segment

with job(snakemake.log[0]):
    config = parse_config(snakemake.config)
    stack = build_stacks(config)[snakemake.wildcards.stack]
    segment = next(s for s in stack.segments if s.name == snakemake.wildcards.segment)
    machine = Machine.choose(config.settings.device, config.settings.precision, snakemake.threads)
    trained = json.loads(Path(snakemake.input.train).read_text())
    write_json(snakemake.output[0], complete_segment(stack, segment, config.settings, machine, trained))
