"""Versions of code whose results last. The Snakefile puts them in `params`, so that a bump makes jobs due again."""

import subprocess
from functools import cache
from pathlib import Path

from . import __version__

# Bump when a change alters what a run computes. Runs trained before are then refused, never silently retrained.
TRAINING_VERSION = 1
# Bump when a probe's numbers change or a probe is added. Snapshots are then probed again, nothing is retrained.
PROBE_VERSION = 2


@cache
def code_version() -> str:
    """The release, and in a git checkout its commit: 0.1.0+g1a2b3c4, with .dirty where tracked files were changed."""
    here = Path(__file__).parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty=.dirty", "--exclude=*"]
    try:
        # Installed into an environment inside some other checkout, the package is not that checkout's.
        subprocess.run(
            ["git", "-C", str(here), "ls-files", "--error-unmatch", __file__], capture_output=True, check=True
        )
        commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return __version__
    return f"{__version__}+g{commit}"
