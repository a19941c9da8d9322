"""The command line: grokatlas without Snakemake."""

from __future__ import annotations

import sys

import click

from .. import __version__
from ..errors import GrokatlasError
from .bench import bench
from .manage import evidence, prune, runs, train
from .measure import probe, readout
from .publish import publish
from .status import status

EPILOG = """Shell completion: eval "$(_GROKATLAS_COMPLETE=bash_source grokatlas)"  (or zsh_source, fish_source)."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=EPILOG)
@click.version_option(__version__, prog_name="grokatlas")
def cli() -> None:
    """Map grokking: train, probe and read small transformers on modular arithmetic.

    The whole chain, with tables and figures, is `snakemake figures`; these commands do its parts by hand.
    """


for command in (probe, readout, train, status, runs, prune, evidence, publish, bench):
    cli.add_command(command)


def main() -> None:
    """Entry point: bad input is one line on stderr and exit status 1."""
    try:
        cli()
    except GrokatlasError as error:
        print(f"grokatlas: {error}", file=sys.stderr)
        sys.exit(1)
