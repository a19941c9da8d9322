"""A checkout of the workflow with a site's edits in its slurm profile, and Snakemake controllers running in it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import yaml
from cluster import Cluster

ROOT = Path(__file__).parents[2]
TINY = {"layers": 1, "width": 16, "heads": 2}
# What a user of the stand-in cluster would write into profiles/slurm/profile.yaml; short waits besides.
SITE = {
    "submitit-gpu-partition": "gpu",
    "submitit-cpu-partition": "cpu",
    "submitit-signal-seconds": 30,
    "seconds-between-status-checks": 1,
    "latency-wait": 10,
}


class Checkout:
    """A folder like a clone: `snakemake --profile slurm` is typed in it."""

    def __init__(self, folder: Path, cluster: Cluster, site: dict | None = None) -> None:
        self.folder, self.cluster = folder, cluster
        folder.mkdir(parents=True)
        for name in ("workflow", "resources", "config"):
            (folder / name).symlink_to(ROOT / name)
        shutil.copy(ROOT / "Snakefile", folder)
        shutil.copytree(ROOT / "profiles", folder / "profiles")
        profile = folder / "profiles" / "slurm" / "profile.yaml"
        profile.write_text(yaml.safe_dump(yaml.safe_load(profile.read_text()) | SITE | (site or {})))

    def configure(self, weight_decay=(2.0,), steps=2000, every=1000, seed=(42,), **top) -> None:
        sweep = {"name": "t", "model": TINY, "weight_decay": list(weight_decay), "seed": list(seed), "steps": steps,
                 "evaluate_every": every, "probe_every": every}  # fmt: skip
        config = {"device": "cpu", "evidence": [], "sweeps": [sweep], **top}
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))

    @property
    def environment(self) -> dict[str, str]:
        # The checkout's own code, whatever is installed.
        return os.environ | self.cluster.environment | {"PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"}

    def start(self, *arguments: str, wrapper: tuple[str, ...] = (), **environment: str) -> Controller:
        """Start Snakemake in the background, its output in a file."""
        command = [*wrapper, sys.executable, "-m", "snakemake", "--profile", "slurm", *arguments]
        if "--configfile" not in arguments and (self.folder / "config.yaml").exists():
            command += ["--configfile", "config.yaml"]
        return Controller(self, command, self.environment | environment)

    def targets(self, kind: str = "train") -> list[str]:
        """Manifests of every stack's segments."""
        return [f"results/stacks/{stack.id}/{kind}-{segment.name}.json"
                for stack in self.stacks() for segment in stack.segments]  # fmt: skip

    def train_alone(self) -> subprocess.Popen:
        """The same runs in one go, without Snakemake, in a folder `alone`."""
        alone = self.folder / "alone"
        alone.mkdir(exist_ok=True)
        shutil.copy(self.folder / "config.yaml", alone)
        command = [sys.executable, "-m", "grokatlas.cli", "train", "--config", "config.yaml", "--threads", "1"]
        return subprocess.Popen(command, cwd=alone, env=self.environment, stderr=subprocess.DEVNULL)

    def stacks(self):
        from grokatlas.config import read_config
        from grokatlas.stacks import build_stacks

        return list(build_stacks(read_config(self.folder / "config.yaml")).values())

    def run_folders(self, inside: str = "."):
        from grokatlas.checkpoints import RunFolder

        return [
            RunFolder(self.folder / inside / "results", plan.run) for stack in self.stacks() for plan in stack.plans
        ]

    def ledgers(self) -> list[list[tuple[int, int]]]:
        """The pieces (start, stop) in which each run was trained."""
        return [[(piece.start, piece.stop) for piece in folder.ledger()] for folder in self.run_folders()]

    def jobs(self) -> dict[str, tuple[str, str]]:
        """Name -> (id, state) of every SLURM job ever submitted from here; fails if two have one name.

        Elements of an array share a name, with a plus sign in it, until they start.
        """
        listing = self.cluster.run("squeue", "-r", "--states=all", "-h", "-o", "%i|%T|%j|%Z")
        rows = [line.split("|") for line in listing.splitlines()]
        ours = [(f"{name} {job}" if "+" in name else name, (job, state))
                for job, state, name, folder in rows if folder == str(self.folder)]  # fmt: skip
        assert len(ours) == len(dict(ours)), ours
        return dict(ours)

    def wait_for_job(self, start_of_name: str, state: str, seconds: float = 300) -> str:
        """The id of the job of this name once it is in this state."""
        found = []

        def there() -> bool:
            found[:] = [i for name, (i, s) in self.jobs().items() if name.startswith(start_of_name) and s == state]
            return bool(found)

        self.cluster.wait_for(there, f"{start_of_name} {state} in {self.folder.name}: {self.jobs()}", seconds)
        return found[0]

    def wait_for_training(self, past: int = 0, seconds: float = 600) -> None:
        """Until a checkpoint beyond a step is there."""
        folder = self.run_folders()[0]
        self.cluster.wait_for(lambda: any(s > past for s in folder.checkpoint_steps()), "a checkpoint", seconds)


class Controller:
    """One Snakemake process."""

    count = 0

    def __init__(self, checkout: Checkout, command: list[str], environment: dict[str, str]) -> None:
        Controller.count += 1
        self.log = checkout.folder / f"controller-{Controller.count}.log"
        with open(self.log, "w") as file:
            self.process = subprocess.Popen(command, cwd=checkout.folder, env=environment, stdout=file, stderr=file,
                                            start_new_session=True)  # fmt: skip

    @property
    def output(self) -> str:
        return self.log.read_text()

    def wait(self, seconds: float = 1200, code: int | None = 0) -> str:
        """Its output once it has ended, as expected."""
        try:
            found = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {seconds} s:\n{self.output[-4000:]}") from None
        assert code is None or found == code, self.output[-6000:]
        return self.output

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.wait()

    def wait_for(self, text: str, seconds: float = 300) -> None:
        Cluster.wait_for(lambda: text in self.output or self.process.poll() is not None, f"{text!r}", seconds)
        assert text in self.output, self.output[-4000:]

    def submitted(self) -> dict[str, str]:
        """Job name -> SLURM id, as it told."""
        return dict(re.findall(r"Submitted (\S+): job (\S+)\.", self.output))
