"""`--profile slurm`, typed literally in a checkout, and the plugin on this machine alone."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from conftest import ROOT


@pytest.fixture
def clone(tmp_path):
    """A folder with what a clone has, as far as Snakemake reads it."""
    for name in ("workflow", "resources", "config", "profiles", "Snakefile"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def snakemake(folder, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments], cwd=folder, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")} | environment,
    )  # fmt: skip


@pytest.mark.parametrize("target", [[], ["figures"]])
def test_profile_slurm_runs_the_whole_article(clone, target):
    from grokatlas.config import read_config
    from grokatlas.stacks import build_stacks

    done = snakemake(clone, *target, "--profile", "slurm", "-n", "-q", "rules")
    assert done.returncode == 0, done.stderr
    segments = sum(len(stack.segments) for stack in build_stacks(read_config(ROOT / "config" / "paper.yaml")).values())
    assert int(re.search(r"^train +(\d+)$", done.stdout, re.MULTILINE)[1]) == segments


def test_the_slurm_profile_says_why_of_every_entry():
    lines = (ROOT / "profiles" / "slurm" / "profile.yaml").read_text().splitlines()
    keys = [i for i, line in enumerate(lines) if re.match(r"(# )?[a-z-]+:( |$)", line)]
    assert len(keys) > 15
    for i in keys:  # two settings may share the comment above them
        assert lines[i - 1].startswith("#"), lines[i]


def test_without_sbatch_one_line_and_nothing_is_touched(clone, tmp_path_factory):
    tools = tmp_path_factory.mktemp("bin")
    for name in ("bash", "which", "uname", "sh"):
        (tools / name).symlink_to(shutil.which(name))
    done = snakemake(clone, "--profile", "slurm", "--configfile", "config/config.yaml", PATH=str(tools))
    assert done.returncode == 1
    assert "sbatch is not on the path: run this on a login node" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (clone / "results").exists()


def test_the_plugin_runs_jobs_as_processes_of_this_machine(clone):
    sweep = {"name": "t", "model": {"layers": 1, "width": 16, "heads": 2}, "weight_decay": 1.0, "steps": 100,
             "evaluate_every": 100, "probe_every": 100}  # fmt: skip
    (clone / "tiny.yaml").write_text(yaml.safe_dump({"evidence": [], "sweeps": [sweep], "segment_steps": 50}))
    target = "results/stacks/mul97-L1d16h2-wd1-s42/train-000000050.json"
    done = snakemake(clone, target, "--executor", "submitit", "--submitit-cluster", "local", "--jobs", "2",
                     "--seconds-between-status-checks", "1", "--configfile", "tiny.yaml")  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(re.findall(r"Submitted train\.mul97-L1d16h2-wd1-s42\.0000000[05]0: job \d+\.", done.stderr)) == 2
    assert (clone / target).exists()
    assert not list((clone / ".snakemake" / "submitit" / "registry").iterdir())
    assert not (clone / ".snakemake" / "submitit" / "controller.json").exists()
