"""Train one stack over one segment."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).parent))

from grokatlas.adapter import job, stop_on_signal
from grokatlas.atomic import write_json
from grokatlas.config import parse_config
from grokatlas.progress import Progress
from grokatlas.stacks import build_stacks
from grokatlas.training.device import Machine
from grokatlas.training.segment import Interrupted, train_segment

with job(snakemake.log[0]):
    config = parse_config(snakemake.config)
    stack = build_stacks(config)[snakemake.wildcards.stack]
    segment = next(s for s in stack.segments if s.name == snakemake.wildcards.segment)
    machine = Machine.choose(config.settings.device, config.settings.precision, snakemake.threads)
    try:
        manifest = train_segment(stack, segment, config.settings, machine, Progress(), stop_on_signal())
    except Interrupted:
        sys.exit("grokatlas: stopped on request; everything trained so far is saved, run the same command to go on")
    write_json(snakemake.output[0], manifest)
