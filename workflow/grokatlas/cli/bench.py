"""`grokatlas bench`: how fast the engine is here, against the plain loop."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click


@click.command(
    epilog="""\b
Examples:
  grokatlas bench --device cpu --runs 2
  grokatlas bench --device cuda --runs 32 --json
  grokatlas bench --sweep-runs --figure speed.png
"""
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--precision", type=click.Choice(["float32", "tf32"]), default="float32", show_default=True)
@click.option("--model", type=click.Choice(["small", "large"]), default="small", show_default=True)
@click.option("--runs", type=click.IntRange(1), default=2, show_default=True, help="Runs in the stack.")
@click.option("--steps", type=click.IntRange(6), default=120, show_default=True, help="Optimizer steps a round.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Rounds of baseline and engine.")
@click.option("--threads", type=click.IntRange(1), default=os.cpu_count(), show_default="all cores")
@click.option("--sweep-runs", is_flag=True, help="Measure R = 1, 2, 4, ... up to --runs (32 if not given more).")
@click.option("--figure", type=click.Path(path_type=Path), help="With --sweep-runs: draw speed against R here.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (a list with --sweep-runs).")
def bench(
    device: str, precision: str, model: str, runs: int, steps: int, rounds: int, threads: int, sweep_runs: bool,
    figure: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Measure model-steps per second of the plain loop (tests/plain_loop.py) and of the engine, in turn."""
    from ..bench import run_benchmark
    from ..training.device import Machine

    machine = Machine.choose(device, precision, threads)
    counts = [2**i for i in range(max(runs, 32).bit_length())] if sweep_runs else [runs]
    results = []
    for count in counts:
        results.append(run_benchmark(machine, model, count, steps, rounds, lambda text: click.echo(text, err=True)))
        if not as_json:
            click.echo("\n".join(f"{key:28} {_text(value)}" for key, value in results[-1].items()) + "\n")
    if as_json:
        click.echo(json.dumps(results if sweep_runs else results[0], indent=1))
    if figure:
        from ..figures.speed import plot_speed

        plot_speed(results).savefig(figure)


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(part)}" for name, part in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)
