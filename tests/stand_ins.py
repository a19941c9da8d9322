"""A results folder whose first half is done, without training: `python tests/stand_ins.py FOLDER`, for tests/scale.py.

Manifests, sidecars and evaluations are as the workflow writes them, there are no tensors, and Snakemake itself records
the files (`--touch`). FOLDER holds config.yaml; a few of its runs look as if they were training now.
"""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from grokatlas import atomic
from grokatlas.config import read_config
from grokatlas.history import Execution, Piece, RunHistory
from grokatlas.metrics import write_metrics
from grokatlas.stacks import Segment, Stack, build_stacks
from grokatlas.training.segment import manifest

ROOT = Path(__file__).parents[1]
TRAINING_NOW = 96  # runs whose files look fresh
DIGEST = "0" * 64
SCORES = {"train_accuracy": 1.0, "train_loss": 0.1, "test_accuracy": 0.5, "test_loss": 1.0}
# `snakemake --touch`, less the 0.1 s that it sleeps before each job.
TOUCH = """
import sys
from snakemake.cli import main
from snakemake.executors.touch import Executor
Executor.SLEEPING_TIME = 0
main(sys.argv[1:])
"""


def write_run(history: RunHistory, lane: tuple[str, ...], ends: list[int]) -> None:
    """What training up to the last of `ends` leaves, one segment after the other."""
    execution = Execution("cuda", "float32", 1, lane, "2.13.0", "2.4.6", "stand-in")
    ledger = [Piece(start, stop, 300.0, execution) for start, stop in pairwise([0, *ends])]
    for number, piece in enumerate(ledger, 1):
        history.write_sidecar(piece.stop, DIGEST, ledger[:number])
    history.write_evaluations(dict.fromkeys(range(5000, ends[-1] + 1, 5000), SCORES))


def write_jobs(stack: Stack, segment: Segment, results: Path) -> Path:
    """What train, checkpoint and probe of a segment leave; the path of the metrics."""
    manifests = results / "stacks" / stack.id
    trained = manifest(stack, segment, results)
    atomic.write_json(manifests / f"train-{segment.name}.json", trained)
    for run, promise in trained["runs"].items():
        snapshots = dict.fromkeys(range(segment.start + 10_000, segment.stop + 1, 10_000), DIGEST)
        evaluations = dict.fromkeys(range(segment.start + 5000, segment.stop + 1, 5000), SCORES)
        trained["runs"][run] = {"snapshots": snapshots, "evaluations": evaluations, "replayed_steps": 0,
                                "diverged": promise.get("diverged")}  # fmt: skip
    atomic.write_json(manifests / f"checkpoint-{segment.name}.json", trained)
    metrics = results / "metrics" / stack.id / f"{segment.name}.parquet"
    write_metrics([], metrics)
    return metrics


def finish_half(folder: Path) -> None:
    """Make the first half of every stack's segments done."""
    config = read_config(folder / "config.yaml")
    results = folder / config.settings.results
    atomic.os.fsync = lambda _: None  # tens of thousands of files that need not survive a power cut
    targets = []
    for stack in build_stacks(config).values():
        half = stack.segments[: len(stack.segments) // 2]
        for plan in stack.plans:
            history = RunHistory(results, plan.run)
            write_run(history, tuple(p.run.id for p in stack.plans), [segment.stop for segment in half])
        targets += [str(write_jobs(stack, segment, results).relative_to(folder)) for segment in half]
    for plan in list(config.plans.values())[TRAINING_NOW:]:
        for path in RunHistory(results, plan.run).path.rglob("*.*"):
            os.utime(path, (0, 0))
    options = ["--snakefile", ROOT / "Snakefile", "--configfile", "config.yaml", "--quiet", "all", "--touch", "-F"]
    subprocess.run([sys.executable, "-c", TOUCH, *options, "--", *targets], cwd=folder, check=True)


if __name__ == "__main__":
    finish_half(Path(sys.argv[1]))
