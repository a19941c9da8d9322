"""Sudden or gradual: how far the class means move between two probed steps, through grok and collapses."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..vocabulary.change import drift_reading
from ..vocabulary.reading import Reading
from .arms import JUDGED, Panel, judged, side_by_side
from .data import RunRows
from .panels import draw_seeds
from .style import BLUE, GREY, PURPLE

MEASURES = (("cka_drift", "1 - linear CKA", BLUE), ("procrustes_drift", "Procrustes\ndistance", PURPLE))


def around_grok(run: RunRows, metric: str) -> tuple[float, float, Reading] | None:
    """Ratio and median between events of the claims' drift readouts, and the reading of the median; None without."""
    view = judged(run)
    ratio, usual = (drift_reading(field)(view, measure=metric, event="grok") for field in ("ratio", "usual"))
    return None if ratio is None or usual is None else (ratio.value, usual.value, usual)


def _usual(axis: Axes, run: RunRows, metric: str) -> str:
    """Draw the median between events over the steps that it is taken from; the ratio to it, in words."""
    found = around_grok(run, metric)
    if found is None:
        return ""
    ratio, usual, reading = found
    axis.plot([reading.step / 2, reading.reach], [usual, usual], color=GREY, lw=1, ls="--")
    return f"around the grok step x{ratio:.3g} the median between events ({usual:.2g}); "


def _panel(metric: str, label: str, colour: str) -> Panel:
    def draw(axis: Axes, runs: list[RunRows]) -> None:
        found = [run.series("drift", metric, "test") for run in runs]
        if not any(map(len, found)):
            return
        draw_seeds(axis, found, colour)
        axis.set_yscale("log")
        first = found[0]
        if np.isfinite(first.values).any():
            top = int(np.nanargmax(first.values))
            most = f"most {first.values[top]:.2g} at {first.steps[top]:,}"
            axis.set_title(_usual(axis, runs[0], metric) + most, fontsize=7.5, pad=3)

    return Panel(1.7, label, draw)


def plot_drift(metrics: pd.DataFrame) -> Figure:
    """CKA and Procrustes drift of the class means between consecutive probed steps, for both operations.

    Reads cka_drift and procrustes_drift; the ratio is that of the claims (vocabulary.change.drift_reading). Source:
    prediction 4.4 of the second article against the nested article.
    """
    return side_by_side(
        metrics,
        "Sudden or gradual? How far the class means move",
        "From one probed step to the next; 0: the same up to rotation and scale. Dashed grey: the first seed's median "
        f"between events (grok step, first lock and collapse of a ring), from half the grok step to step {JUDGED:,}, "
        "as in the tables. One article says the change is a jump, the other that it goes on and on.",
        [_panel(*measure) for measure in MEASURES],
    )
