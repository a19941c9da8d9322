"""Does the ring of class means stand where the answers are right?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..figures.arms import CADENCE, arms
from ..records import View, read_records
from ..thresholds import LOOP_LEAD
from ..vocabulary.topology import lead_of_loop
from .base import MISSING_ANSWER, Lead, share

QUESTION = "Do the class means form one long loop where the answers are right, or where they are lost?"
QUERY = (
    "(probe == 'topology' and metric in ('class_persistence_1', 'class_bars_1')) or "
    "(probe == 'evaluation' and metric == 'accuracy' and split == 'test')"
)
PHASES = {"before": "before", "solid": "right", "fallen": "lost"}  # of a trajectory, and as the answer calls them


def lead(metrics: pd.DataFrame) -> Lead:
    """Share of the probes of each phase at which one loop of the class means leads, over both operations.

    A loop leads as in the claims (vocabulary.topology): it outlasts the bootstrap band and is at least twice as long as
    the second. Phases: before the first grok step; from it on right (0.99 or more) or lost (below 0.5).
    """
    rows, counts = [], {said: np.zeros(2, dtype=int) for said in PHASES.values()}
    for operation, runs in arms(metrics).items():
        for run in runs:
            found = lead_of_loop(View(read_records(run.rows)[0], CADENCE, run.last_step))
            if found is None or found.grok is None:
                continue
            row: dict[str, object] = {"run": run.run, "operation": operation}
            for phase, said in PHASES.items():
                there = found.values[found.phase(phase)] >= LOOP_LEAD
                counts[said] += np.array([there.sum(), len(there)])
                row |= {f"probes {said}": len(there), f"with a leading loop {said}": int(there.sum())}
            rows.append(row)
    if not rows:
        return Lead(QUESTION, MISSING_ANSWER)
    said = {phase: share(*map(int, pair)) for phase, pair in counts.items()}
    answer = (
        f"One loop of the class means stands out and is at least twice as long as the second at {said['before']} of "
        f"the probes before the first grok step, at {said['right']} of those where the answers are right, and at "
        f"{said['lost']} of those where they are lost again ({len(rows)} runs at weight decay 1.0)."
    )
    return Lead(QUESTION, answer, pd.DataFrame(rows), "topology", QUERY)
