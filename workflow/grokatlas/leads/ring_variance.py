"""How much variance does a perfect ring carry?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..thresholds import LOCK_SCORE
from .base import MISSING_ANSWER, Lead, after_grok, scores, small_runs, spread

QUESTION = 'How much of the hidden states\' variance does a perfect ("locked") outer ring carry?'
QUERY = "probe == 'strides_12x8' and metric in ('variance_share_cosets', 'variance_share_labels', 'outer_stride')"


def lead(metrics: pd.DataFrame) -> Lead:
    """Share of the variance between cosets, at the probes where some outer stride scores 0.9 or more."""
    rows, values, chance = [], [], 0.0
    for run in small_runs(metrics):
        table = scores(run, "outer")
        if table.empty:
            continue
        perfect = table.index[(table >= LOCK_SCORE).any(axis=1)]
        carried = run.series("strides_12x8", "variance_share_cosets")
        labels = run.series("strides_12x8", "variance_share_labels")
        frame = after_grok(run, pd.DataFrame({"cosets": carried.values, "labels": labels.values}, index=carried.steps))
        chosen = frame[frame.index.isin(perfect)]
        if chosen.empty:
            continue
        values += list(chosen["cosets"])
        chance = float(carried.baselines[0])
        rows.append(
            {
                "run": run.run,
                "perfect probes": len(chosen),
                "variance between cosets, median": float(chosen["cosets"].median()),
                "lowest": float(chosen["cosets"].min()),
                "highest": float(chosen["cosets"].max()),
                "variance between labels, median": float(chosen["labels"].median()),
            }
        )
    if not rows:
        return Lead(QUESTION, MISSING_ANSWER)
    percent = 100 * np.array(values)
    answer = (
        f"At the {len(values)} probes of {len(rows)} runs where an outer stride scores 0.9 or more, the cosets' means "
        f"carry {spread(percent)}% of the test hidden states' variance (median and range); chance is {chance:.1%}. "
        f"{np.mean(percent < 15):.0%} of these perfect rings sit on less than 15% of it."
    )
    return Lead(QUESTION, answer, pd.DataFrame(rows), "timeline_wd2.0", QUERY)
