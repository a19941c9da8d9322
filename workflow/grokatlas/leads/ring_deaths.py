"""Does a ring's death coincide with an accuracy dip?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..figures.data import RunRows
from ..probes.relabelling import p_value
from ..thresholds import COLLAPSE_SCORE, GROK, LOCK_SCORE
from .base import MISSING_ANSWER, SEED, Lead, accuracy, scores, share, small_runs

QUESTION = "Does a ring's death coincide with an accuracy dip?"
QUERY = "(probe == 'strides_12x8' and metric == 'outer_stride') or (probe == 'evaluation' and metric == 'accuracy')"
SHIFTS = 999


def deaths(table: pd.DataFrame) -> np.ndarray:
    """Whether some stride falls from 0.9 or more to below 0.5 between each probe and the next: bool [probes - 1]."""
    values = table.to_numpy()
    return ((values[:-1] >= LOCK_SCORE) & (values[1:] < COLLAPSE_SCORE)).any(axis=1)


def dips(run: RunRows, steps: np.ndarray) -> np.ndarray:
    """Whether the test accuracy is below 0.9 at an evaluation from each probe to the next, both included: bool."""
    curve = accuracy(run)
    low = curve.index[curve < GROK].to_numpy()
    return np.array([bool(np.any((low >= a) & (low <= b))) for a, b in zip(steps[:-1], steps[1:], strict=True)], bool)


def lead(metrics: pd.DataFrame) -> Lead:
    """Share of ring deaths at a dip, against the same records with the accuracy shifted in time."""
    rows, pairs = [], []
    for run in small_runs(metrics):
        table = scores(run, "outer")
        if len(table) < 3:
            continue
        died, dipped = deaths(table), dips(run, table.index.to_numpy())
        pairs.append((died, dipped))
        rows.append(
            {
                "run": run.run,
                "intervals between probes": len(died),
                "with a dip below 0.9": int(dipped.sum()),
                "ring deaths": int(died.sum()),
                "deaths at a dip": int((died & dipped).sum()),
            }
        )
    table = pd.DataFrame(rows)
    total = int(table["ring deaths"].sum()) if rows else 0
    if not total:
        return Lead(QUESTION, MISSING_ANSWER, table)
    together, base = int(table["deaths at a dip"].sum()), int(table["with a dip below 0.9"].sum())
    rng = np.random.default_rng(SEED)
    shifted = [sum(int((d & np.roll(a, rng.integers(len(a)))).sum()) for d, a in pairs) for _ in range(SHIFTS)]
    p = p_value(together, np.array(shifted))
    answer = (
        f"A perfect outer ring (score >= 0.9) fell below 0.5 from one probe to the next {total} times. "
        f"{share(together, total)} of these deaths fall in an interval with a test accuracy below 0.9, where "
        f"{share(base, int(table['intervals between probes'].sum()))} of all intervals after grokking have one; with "
        f"each run's accuracy shifted in time {np.mean(shifted):.1f} deaths would meet a dip (p = {p:.2g}). "
    )
    answer += (
        "Rings die when the answers fail."
        if p < 0.05 and together > np.mean(shifted)
        else "That is not more than chance."
    )
    return Lead(QUESTION, answer, table, "timeline_wd2.0", QUERY)
