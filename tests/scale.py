"""How long the graph takes to look at, and how much memory: `make scale`, some minutes.

Prints a line a command, for config/paper.yaml and for a sweep of 10,000 runs of 1M steps (32 a stack, segments of
100,000 steps), the latter on an empty results folder and on one whose first half is done (tests/stand_ins.py).
Exit status 1 if a goal is missed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAPER_SECONDS, BIG_SECONDS, MOST_MB = 5, 60, 2000  # the goals
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--configfile", "config.yaml"]
GROKATLAS = [sys.executable, "-m", "grokatlas.cli"]
COMMANDS = {
    "snakemake -n": [*SNAKEMAKE, "-n"],
    "snakemake --dag": [*SNAKEMAKE, "--dag"],
    "snakemake --rulegraph": [*SNAKEMAKE, "--rulegraph"],
    "grokatlas runs": [*GROKATLAS, "runs", "--config", "config.yaml"],
    "grokatlas status": [*GROKATLAS, "status", "--config", "config.yaml"],
}
BIG = """
stack_size: 32
segment_steps: 100000
evidence: []
sweeps:
  - name: big
    weight_decay: 2.0
    seed: [{seeds}]
    steps: 1000000
    evaluate_every: 5000
    probe_every: 10000
"""


def measure(command: list[str], folder: Path) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak megabytes; this process is kept small, since a child's peak includes it."""
    began = time.monotonic()
    with open(folder / "out", "w") as out, open(folder / "err", "w") as err:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)}: failed\n{(folder / 'err').read_text()[-2000:]}")
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def inspect(title: str, folder: Path, goal: float) -> bool:
    """Measure and print every way to look at the graph; whether all meet the goal."""
    met = []
    for name, command in COMMANDS.items():
        wall, cpu, peak = measure(command, folder)
        met.append(wall <= goal and peak <= MOST_MB)
        verdict = f"goal {goal} s, {MOST_MB} MB: {'met' if met[-1] else 'MISSED'}"
        print(f"{title:24} {name:22} {wall:6.1f} s {cpu:6.1f} s CPU {peak:6.0f} MB   {verdict}", flush=True)
    return all(met)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000, help="runs of the large sweep (default: %(default)s)")
    runs = parser.parse_args().runs
    os.environ["PYTHONPATH"] = str(ROOT / "workflow")
    with tempfile.TemporaryDirectory() as place:
        paper, big = Path(place) / "paper", Path(place) / "big"
        paper.mkdir()
        big.mkdir()
        (paper / "config.yaml").write_text((ROOT / "config" / "paper.yaml").read_text())
        (big / "config.yaml").write_text(BIG.format(seeds=", ".join(map(str, range(runs)))))
        met = [inspect("paper.yaml, empty", paper, PAPER_SECONDS), inspect(f"{runs:,} runs, empty", big, BIG_SECONDS)]
        print("making the first half of that sweep: some minutes", flush=True)
        subprocess.run([sys.executable, ROOT / "tests" / "stand_ins.py", big], check=True)
        met.append(inspect(f"{runs:,} runs, half done", big, BIG_SECONDS))
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
