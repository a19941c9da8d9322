"""Did weight decay 1.0 fail to grok, and are runs "stuck at 30%" stuck?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..thresholds import GROK
from .base import MISSING_ANSWER, Lead, accuracy, read_run, share, small_runs, spread

GROKKED = "Did weight decay 1.0 fail to grok?"
STUCK = 'Are runs "stuck at 30%" stuck?'
QUERY = "probe == 'evaluation' and metric == 'accuracy' and split == 'test' and operation == 'multiplication'"
LOW, HIGH = 0.15, 0.5  # "near 30%": the published failures stand at 29.1% and 33.3%


def weight_decay_one(metrics: pd.DataFrame) -> Lead:
    """First grok step and solid share of every run at weight decay 1.0."""
    runs = [run for run in small_runs(metrics) if run.weight_decay == 1.0]
    if not runs:
        return Lead(GROKKED, MISSING_ANSWER)
    rows = []
    for run in runs:
        found = read_run(run)
        rows.append(
            {
                "run": run.run,
                "steps": found.last_step,
                "first >= 0.9 at step": found.first_grok_step,
                "evaluations >= 0.99": found.share_at_least_99,
                "falls from >= 0.9 to < 0.5": found.oscillations,
                "evaluated every": found.cadence,
                "last value": found.final,
            }
        )
    table = pd.DataFrame(rows)
    steps = table["first >= 0.9 at step"].dropna()
    said = f" First step at 0.9 or more: {spread(steps, ',.0f')}." if len(steps) else ""
    answer = f"{share(len(steps), len(runs))} runs at weight decay 1.0 reach a test accuracy of 0.9.{said}"
    return Lead(GROKKED, answer, table, "timeline_wd1.0", QUERY)


def excursions(curve: pd.Series, start: int) -> list[tuple[int, int | None]]:
    """Steps at which a grokked run stands between 0.15 and 0.5, one an excursion, and how long until 0.9 again.

    An excursion lasts from the first such evaluation to the next one at 0.9 or more; None if the record ends before.
    """
    found, inside = [], None
    for step, value in curve[curve.index > start].items():
        if inside is None and LOW <= value < HIGH:
            inside = int(step)
        elif inside is not None and value >= GROK:
            found.append((inside, int(step) - inside))
            inside = None
    return found if inside is None else [*found, (inside, None)]


def stuck(metrics: pd.DataFrame) -> Lead:
    """How long runs that stand near 30% after grokking stay there."""
    rows, waits, unreturned = [], [], []
    for run in small_runs(metrics):
        start = read_run(run).first_grok_step
        if start is None:
            continue
        curve = accuracy(run)
        found = excursions(curve, start)
        waits += [wait for _, wait in found if wait is not None]
        unreturned += [int(curve.index[-1]) - step for step, wait in found if wait is None]
        rows.append(
            {
                "run": run.run,
                "times near 30%": len(found),
                "came back": sum(wait is not None for _, wait in found),
                "longest, steps": max((wait for _, wait in found if wait is not None), default=None),
                "away at the record's end, steps": next(
                    (int(curve.index[-1]) - s for s, w in found if w is None), None
                ),
            }
        )
    total = len(waits) + len(unreturned)
    if not total:
        return Lead(STUCK, MISSING_ANSWER, pd.DataFrame(rows))
    within = f" after {spread(waits, ',.0f')} steps (median and range)" if waits else ""
    answer = (
        f"Grokked runs were seen with a test accuracy between 0.15 and 0.5 on {total} occasions. From "
        f"{share(len(waits), total)} they came back to 0.9 or more{within}"
    )
    answer += (
        f"; {len(unreturned)} records end before that, at most {max(unreturned):,} steps after." if unreturned else "."
    )
    if waits and np.mean([wait <= 5_000 for wait in waits]) > 0.5:
        answer += " A last evaluation near 30% is a moment of an oscillation, not a state that a run stays in."
    return Lead(STUCK, answer, pd.DataFrame(rows), "phase", QUERY)
