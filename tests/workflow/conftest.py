"""A real Snakemake on tiny models, in a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TINY = {"layers": 1, "width": 16, "heads": 2}


class Checkout:
    """A working folder in which Snakemake runs this repository's workflow."""

    def __init__(self, folder):
        self.folder, self.results = folder, folder / "results"

    def configure(self, weight_decay=(1.0, 2.0), seed=(42,), steps=200, model=TINY, every=50, **top):
        sweep = {"name": "t", "model": model, "weight_decay": list(weight_decay), "seed": list(seed), "steps": steps,
                 "evaluate_every": every, "probe_every": every}  # fmt: skip
        (self.folder / "config.yaml").write_text(yaml.safe_dump({"evidence": [], "sweeps": [sweep], **top}))

    def command(self, *arguments):
        # --configfile takes all that follows it, so another option must.
        return [sys.executable, "-m", "snakemake", "--configfile", str(self.folder / "config.yaml"),
                "--snakefile", str(ROOT / "Snakefile"), "--directory", str(self.folder), *arguments]  # fmt: skip

    def snakemake(self, *arguments, check=True, environment=None):
        variables = os.environ | {"PYTHONPATH": ""} | (environment or {})
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, env=variables)
        if check and done.returncode:
            raise AssertionError(done.stdout[-3000:] + done.stderr[-3000:])
        return done

    def manifests(self, kind="checkpoint"):
        """Targets: the manifests of every stack's segments, by asking the library."""
        from grokatlas.config import read_config
        from grokatlas.stacks import build_stacks

        stacks = build_stacks(read_config(self.folder / "config.yaml")).values()
        return [f"results/stacks/{s.id}/{kind}-{g.name}.json" for s in stacks for g in s.segments]


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)
