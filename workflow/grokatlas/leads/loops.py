"""Does the ring of class means stand where the answers are right?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..figures.arms import arms
from ..figures.data import RunRows
from ..thresholds import FALLEN, LOOP_LEAD, SOLID
from .base import MISSING_ANSWER, Lead, accuracy, read_run, share

QUESTION = "Do the class means form one long loop where the answers are right, or where they are lost?"
QUERY = (
    "(probe == 'topology' and metric in ('class_persistence_1', 'class_bars_1')) or "
    "(probe == 'evaluation' and metric == 'accuracy' and split == 'test')"
)
PHASES = ("before", "right", "lost")


def loop_table(run: RunRows) -> pd.DataFrame | None:
    """Of each probed step with a test accuracy: its phase, and whether one loop stands out and leads; None without.

    A loop leads if it outlasts the bootstrap band and is at least twice as long as the second. Phases: before the first
    grok step; from it on right (0.99 or more), lost (below 0.5) or neither ("").
    """
    bars, standing = run.table("topology", "class_persistence_1"), run.series("topology", "class_bars_1")
    grok = read_run(run).first_grok_step
    if bars.empty or grok is None:
        return None
    second = bars[2].fillna(0.0)
    leads = (bars[1] > 0) & (1 - second / bars[1] >= LOOP_LEAD) & (pd.Series(standing.values, standing.steps) >= 1)
    found = pd.DataFrame({"leads": leads, "accuracy": accuracy(run)}).dropna()
    later = np.select([found["accuracy"] >= SOLID, found["accuracy"] < FALLEN], ["right", "lost"], "")
    found["phase"] = np.where(found.index < grok, "before", later)
    return found


def lead(metrics: pd.DataFrame) -> Lead:
    """Share of the probes of each phase at which one loop of the class means leads, over both operations."""
    rows, counts = [], {phase: np.zeros(2, dtype=int) for phase in PHASES}
    for operation, runs in arms(metrics).items():
        for run in runs:
            table = loop_table(run)
            if table is None:
                continue
            row: dict[str, object] = {"run": run.run, "operation": operation}
            for phase in PHASES:
                there = table["leads"][table["phase"] == phase].astype(bool)
                counts[phase] += np.array([there.sum(), len(there)])
                row |= {f"probes {phase}": len(there), f"with a leading loop {phase}": int(there.sum())}
            rows.append(row)
    if not rows:
        return Lead(QUESTION, MISSING_ANSWER)
    said = {phase: share(*map(int, counts[phase])) for phase in PHASES}
    answer = (
        f"One loop of the class means stands out and is at least twice as long as the second at {said['before']} of "
        f"the probes before the first grok step, at {said['right']} of those where the answers are right, and at "
        f"{said['lost']} of those where they are lost again ({len(rows)} runs at weight decay 1.0)."
    )
    return Lead(QUESTION, answer, pd.DataFrame(rows), "topology", QUERY)
