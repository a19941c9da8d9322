"""`grokatlas status`: how far the runs of a config are."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from ..config import Config, read_config
from ..progress import bar, duration
from ..status import Detail, Standing, State, Totals, end_of_run, look, read_detail, total
from .manage import config_option

FEWEST_LINES = 10
AROUND = 4  # lines of the screen that are no runs


@click.command(
    epilog="""\b
Examples:
  grokatlas status
  grokatlas status --config config/paper.yaml --watch
  grokatlas status --watch 60
  grokatlas status --all --json
"""
)
@config_option
@click.option("--watch", type=click.FloatRange(min=0.1), is_flag=False, flag_value=10.0, metavar="[SECONDS]",
              help="Draw again every so many seconds (10 if none are given), until Ctrl-C.")  # fmt: skip
@click.option("--all", "every", is_flag=True, help="List every run, not only as many as fit the screen.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: the listed runs, and the totals.")
def status(config_path: Path, watch: float | None, every: bool, as_json: bool) -> None:
    """Show each run's progress, device, speed, newest scores and estimated end, from its files alone.

    Works on any machine that sees the results folder. A run counts as training if its files changed within the last two
    saves (`save_seconds`) and a minute; what is shown of it is as of its last save.
    """
    if watch and as_json:
        raise click.UsageError("--watch draws for people: use it without --json")
    config = read_config(config_path)
    standings: list[Standing] = []
    try:
        while True:
            standings = look(config, time.time(), standings)
            shown = standings if every else standings[: max(FEWEST_LINES, shutil.get_terminal_size().lines - AROUND)]
            text = _report(config, standings, shown, as_json)
            if watch:
                click.clear()
            click.echo(text)
            if not watch:
                return
            time.sleep(watch)
    except KeyboardInterrupt:
        click.echo()


def _report(config: Config, standings: list[Standing], shown: list[Standing], as_json: bool) -> str:
    wanted = {id(s): s for s in [*shown, *(s for s in standings if s.state == State.TRAINING)]}
    details = {key: read_detail(config.settings.results, s) for key, s in wanted.items()}
    totals = total(standings, [details[id(s)].steps_per_second for s in standings if s.state == State.TRAINING])
    rows = [(s, details[id(s)]) for s in shown]
    if as_json:
        summary = asdict(totals) | {"estimated_end": _iso(_end(totals))}
        return json.dumps({"runs": [_row(*row) for row in rows], "totals": summary}, indent=1)
    width = max(len(s.plan.run.id) for s in shown)
    lines = [_line(width, *row) for row in rows]
    if len(shown) < len(standings):
        rest = standings[len(shown) :]
        counts = ", ".join(f"{n:,} {state}" for state in State if (n := sum(s.state == state for s in rest)))
        lines.append(f"... and {counts} (--all lists them)")
    return "\n".join([*lines, _summary(totals)])


def _row(standing: Standing, detail: Detail) -> dict[str, object]:
    return {
        "run": standing.plan.run.id,
        "state": standing.state,
        "step": standing.step,
        "steps": standing.plan.steps,
        "saved": _iso(standing.saved or None),
        "device": detail.device,
        "steps_per_second": detail.steps_per_second,
        "evaluated_step": detail.evaluated,
        **(detail.scores or {}),
        "estimated_end": _iso(end_of_run(standing, detail)),
        "problem": detail.problem,
    }


def _line(width: int, standing: Standing, detail: Detail) -> str:
    step, steps = min(standing.step, standing.plan.steps), standing.plan.steps
    text = f"{standing.plan.run.id:{width}} {standing.state:8} [{bar(step, steps)}] {step:>9,}/{steps:<9,}"
    if detail.problem:
        return f"{text} {detail.problem}"
    text += f" {detail.device or '':4} {_speed(detail.steps_per_second):>10}"
    if detail.scores:
        text += f"  train {detail.scores['train_accuracy']:.3f}  test {detail.scores['test_accuracy']:.3f}"
    end = end_of_run(standing, detail)
    return f"{text}  ends {_clock(end)}" if end else text.rstrip()


def _summary(totals: Totals) -> str:
    counts = ", ".join(f"{count:,} {state}" for state, count in totals.runs.items() if count)
    text = f"{sum(totals.runs.values()):,} runs: {counts}; {totals.trained:,} of {totals.wanted:,} model-steps"
    end = _end(totals)
    if end:
        left = duration(totals.left / totals.steps_per_second)
        text += f"; {_speed(totals.steps_per_second)} in all, {left} left at that: {_clock(end)}"
    return text


def _end(totals: Totals) -> float | None:
    return time.time() + totals.left / totals.steps_per_second if totals.steps_per_second else None


def _speed(steps_per_second: float | None) -> str:
    return f"{steps_per_second:,.3g} steps/s" if steps_per_second else ""


def _iso(seconds: float | None) -> str | None:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds") if seconds else None


def _clock(seconds: float) -> str:
    when = datetime.fromtimestamp(seconds)
    return when.strftime("%H:%M" if when.date() == datetime.now().date() else "%d %b %H:%M")
