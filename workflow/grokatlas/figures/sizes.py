"""Table N9 as a picture: the small against the large model at weight decay 2.0."""

from __future__ import annotations

from math import gcd

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..thresholds import COEXISTENCE_SCORE, GROK
from .data import LARGE, N_INNER, N_OUTER, PUBLISHED_WEIGHT_DECAY, SMALL, STRIDES, RunRows, Size, select
from .panels import CLASS_LOOKS, draw_accuracy
from .style import BLACK, GREY, SKY, heading, say_missing, step_axis

CLASS_WORDS = {1: "outer 1 or 5, inner 1 or 3", 2: "2", 3: "outer 3", 4: "4", 6: "outer 6"}
ROWS = (("outer", N_OUTER, "best outer stride score"), ("inner", N_INNER, "best inner stride score"))


def _draw_best(axis: Axes, runs: list[RunRows], side: str, size: int) -> None:
    for place, run in enumerate(runs):
        best = run.winners(STRIDES, f"{side}_stride_max")
        axis.plot(best["step"], best["value"], color="#A0A0A0", lw=1.1 if place == 0 else 0.5, zorder=1)
        if place:
            continue
        for divisor, (colour, marker) in CLASS_LOOKS.items():
            of_class = best[[gcd(int(stride), size) == divisor for stride in best["index"]]]
            axis.plot(of_class["step"], of_class["value"], marker, color=colour, markersize=4, ls="none")
        axis.plot(best["step"], best["baseline"], color=GREY, lw=0.9, ls="--")
    axis.axhline(COEXISTENCE_SCORE, color=GREY, lw=0.8, ls=":")


def plot_sizes(metrics: pd.DataFrame) -> Figure:
    """Small (left) and large model (right) at weight decay 2.0: accuracy, best outer and best inner stride score.

    Reads evaluation accuracy and {side}_stride_max (index = winning stride). Source: tables N8 and N9.
    """
    figure = Figure(figsize=(10.5, 7.6))
    heading(
        figure,
        f"Small against large model at weight decay {PUBLISHED_WEIGHT_DECAY}",
        "Bold and markers: the first seed; thin: the others. A marker's shape tells the winning stride. Dotted: test "
        f"accuracy {GROK} that counts as grokked, and the score {COEXISTENCE_SCORE} that outer and inner would both "
        "have to keep for the capacity hypothesis. Dashed: the expected best score under random labelling.",
    )
    axes = figure.subplots(3, 2, sharey="row", squeeze=False)
    figure.subplots_adjust(left=0.07, right=0.975, bottom=0.13, top=0.86, hspace=0.28, wspace=0.1)
    for column, size in enumerate((SMALL, LARGE)):
        _draw_column(axes[:, column], select(metrics, size, PUBLISHED_WEIGHT_DECAY), size)
    for axis, label in zip(axes[:, 0], ("accuracy", *(row[2] for row in ROWS)), strict=True):
        axis.set_ylabel(label)
    handles = [
        Line2D([], [], marker=marker, color=colour, ls="none", label=CLASS_WORDS[divisor])
        for divisor, (colour, marker) in CLASS_LOOKS.items()
    ]
    figure.legend(handles=handles, title="winning stride", loc="lower right", bbox_to_anchor=(0.985, 0), ncols=5)
    lines = [Line2D([], [], color=SKY, lw=3.2, label="train"), Line2D([], [], color=BLACK, lw=1.2, label="test")]
    figure.legend(handles=lines, title="accuracy", loc="lower left", bbox_to_anchor=(0.06, 0), ncols=2)
    return figure


def _draw_column(axes: np.ndarray, runs: list[RunRows], size: Size) -> None:
    trained = f"{len(runs)} seed{'s' * (len(runs) > 1)}" if runs else "not trained"
    axes[0].set_title(f"{size}: {trained}")
    for axis in axes:
        axis.set_ylim(-0.03, 1.05)
        step_axis(axis, label=axis is axes[-1])
    if not runs:
        for axis in axes:
            say_missing(
                axis, f"No {size.name}-model run at weight decay {PUBLISHED_WEIGHT_DECAY} in these metrics: missing"
            )
        return
    draw_accuracy(axes[0], runs)
    for axis, (side, ring, _) in zip(axes[1:], ROWS, strict=True):
        _draw_best(axis, runs, side, ring)
    last = max(run.last_step for run in runs)
    for axis in axes:
        axis.set_xlim(0, last)
