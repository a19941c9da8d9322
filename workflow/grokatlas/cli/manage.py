"""`grokatlas train`, `runs` and `prune`: work on the runs of a config by hand."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from ..config import Config, Plan, read_config
from ..cost import core_hours, disk_bytes
from ..errors import GrokatlasError
from ..history import RunHistory
from ..stacks import Stack, build_stacks

config_option = click.option(
    "--config", "config_path", type=click.Path(path_type=Path), default="config/config.yaml", show_default=True
)


@click.command(
    epilog="""\b
Examples:
  grokatlas train                                        every stack of config/config.yaml
  grokatlas train --stack mul97-L2d128h4-wd2-s42         one stack
  grokatlas train --config my.yaml --threads 4
"""
)
@config_option
@click.option("--stack", "stack_id", help="One stack by id (see `grokatlas runs`).  [default: all]")
@click.option("--threads", type=int, default=os.cpu_count(), show_default="all cores")
def train(config_path: Path, stack_id: str | None, threads: int) -> None:
    """Train the runs of a config, continuing from their checkpoints; Ctrl-C saves first."""
    from ..adapter import stop_on_signal
    from ..progress import Progress
    from ..training.device import Machine
    from ..training.segment import Interrupted, train_segment

    config = read_config(config_path)
    stacks = build_stacks(config)
    if stack_id is not None and stack_id not in stacks:
        raise GrokatlasError(f"stack {stack_id!r} is not in {config_path}: it has {', '.join(stacks)}")
    machine = Machine.choose(config.settings.device, config.settings.precision, threads)
    chosen = [stacks[stack_id]] if stack_id else list(stacks.values())
    stop, progress = stop_on_signal(), Progress()

    def train_stack(stack: Stack) -> None:
        for segment in stack.segments:
            train_segment(stack, segment, config.settings, machine, progress, stop)

    # Stacks of one run share the cores among themselves; larger ones use all of them one after the other.
    side_by_side = machine.threads if machine.device == "cpu" and config.settings.stack_size == 1 else 1
    with ThreadPoolExecutor(side_by_side) as pool:
        try:
            list(pool.map(train_stack, chosen))
        except Interrupted:
            raise GrokatlasError(
                "stopped on request; all that was trained is saved, the same command goes on"
            ) from None
        except BaseException:
            stop.set()
            raise


@click.command(
    epilog="""\b
Examples:
  grokatlas runs
  grokatlas runs --config config/paper.yaml --json
"""
)
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a run.")
def runs(config_path: Path, as_json: bool) -> None:
    """List what a config contains: run ids, steps trained and wanted, cost, and disk when done."""
    config = read_config(config_path)
    rows = [_row(plan, stack.id, config) for stack in build_stacks(config).values() for plan in stack.plans]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    click.echo(f"{'run':40} {'trained':>11} {'steps':>11} {'core hours':>10} {'disk':>9}")
    for row in rows:
        steps = f"{row['trained_steps']:11,} {row['steps']:11,}"
        click.echo(f"{row['run']:40} {steps} {row['core_hours']:10.1f} {size(row['bytes']):>9}")
    todo = sum(max(0, r["steps"] - r["trained_steps"]) for r in rows)
    hours = sum(row["core_hours"] for row in rows)
    stacks = len({row["stack"] for row in rows})
    click.echo(
        f"{len(rows)} runs in {stacks} stacks; {todo:,} of {sum(r['steps'] for r in rows):,} model-steps to train; "
        f"{hours:,.0f} core hours and {size(sum(r['bytes'] for r in rows))} in all"
    )


def _row(plan: Plan, stack: str, config: Config) -> dict[str, object]:
    return {
        "run": plan.run.id,
        "stack": stack,
        "trained_steps": max(RunHistory(config.settings.results, plan.run).checkpoint_steps(), default=0),
        "steps": plan.steps,
        "core_hours": core_hours(plan),
        "bytes": disk_bytes(plan, config.settings),
    }


def size(count: float) -> str:
    """Readable bytes: 1.7 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


@click.command(
    epilog="""\b
Examples:
  grokatlas prune --dry-run
  grokatlas prune --config config/paper.yaml
"""
)
@config_option
@click.option("--dry-run", is_flag=True, help="Say what would go, delete nothing.")
def prune(config_path: Path, dry_run: bool) -> None:
    """Delete what the config's keep policy does not keep. Newest checkpoints and metrics always stay."""
    from ..prune import prunable

    config = read_config(config_path)
    files = prunable(config)
    freed = sum(path.stat().st_size for path in files)
    for path in files:
        if dry_run:
            click.echo(path)
        else:
            path.unlink()
    click.echo(f"{'would free' if dry_run else 'freed'} {size(freed)} in {len(files)} files")


@click.command(
    epilog="""\b
Examples:
  grokatlas evidence cpu --config config/evidence_runs.yaml     writes resources/evidence/cpu
"""
)
@config_option
@click.argument("name")
def evidence(config_path: Path, name: str) -> None:
    """Keep the metrics and provenance of a config's finished runs as resources/evidence/NAME."""
    from ..evidence import export_evidence

    folder = Path("resources/evidence") / name
    count = export_evidence(read_config(config_path), folder)
    click.echo(f"{folder}: {count} runs, {size(sum(path.stat().st_size for path in folder.iterdir()))}")
