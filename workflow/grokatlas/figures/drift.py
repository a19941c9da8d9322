"""Sudden or gradual: how far the class means move between two probed steps, through grok and collapses."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..thresholds import GROK
from .arms import Panel, accuracy, first_reach, side_by_side
from .data import RunRows, Series
from .panels import draw_seeds
from .style import BLUE, GREY, PURPLE

MEASURES = (("cka_drift", "1 - linear CKA", BLUE), ("procrustes_drift", "Procrustes\ndistance", PURPLE))


def quiet(run: RunRows, drift: Series) -> np.ndarray:
    """Which drifts lie between two probed steps that both have a test accuracy >= 0.9: bool [n], no event in them."""
    answers = accuracy(run)
    right = np.isin(drift.steps, answers.steps[answers.values >= GROK])
    return right & np.concatenate([[False], right[:-1]])


def grok_drift(run: RunRows, drift: Series) -> float:
    """The drift that ends at the first probed step from the grok step on; NaN without one."""
    step = first_reach(accuracy(run))
    after = drift.values[drift.steps >= step] if step is not None else ()
    return float(after[0]) if len(after) else float("nan")


def _panel(metric: str, label: str, colour: str) -> Panel:
    def draw(axis: Axes, runs: list[RunRows]) -> None:
        found = [run.series("drift", metric, "test") for run in runs]
        if not any(map(len, found)):
            return
        draw_seeds(axis, found, colour)
        axis.set_yscale("log")
        calm = found[0].values[quiet(runs[0], found[0]) & np.isfinite(found[0].values)]
        if len(calm):
            median = float(np.median(calm))
            axis.axhline(median, color=GREY, lw=1, ls="--")
            top = int(np.nanargmax(found[0].values))
            axis.set_title(
                f"median {median:.2g}; at the grok step {grok_drift(runs[0], found[0]):.2g}; "
                f"most {found[0].values[top]:.2g} at {found[0].steps[top]:,}",
                fontsize=8, pad=3,
            )  # fmt: skip

    return Panel(1.7, label, draw)


def plot_drift(metrics: pd.DataFrame) -> Figure:
    """CKA and Procrustes drift of the class means between consecutive probed steps, for both operations.

    Reads cka_drift and procrustes_drift. Source: prediction 4.4 of the second article against the nested article.
    """
    return side_by_side(
        metrics,
        "Sudden or gradual? How far the class means move between two probed steps",
        "0: the same up to rotation and scale. Dashed grey: the first seed's median between two probed steps that are "
        "both right (test accuracy >= 0.9). One article says the change is a jump, the other that it goes on and on.",
        [_panel(*measure) for measure in MEASURES],
    )
