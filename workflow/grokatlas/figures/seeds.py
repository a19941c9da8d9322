"""Table G7 as a picture: is a seed that 'stays stuck' stuck, or caught in a dip at its last evaluation?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..thresholds import GROK, SOLID
from .arms import WEIGHT_DECAY, accuracy, arm_title, arms
from .data import RunRows
from .style import BLACK, BLUE, GREEN, LIGHT, VERMILLION, heading, heading_space, missing_figure, say_missing, step_axis

STRIP = 0.42  # inches a seed


def _draw_curves(axis: Axes, runs: list[RunRows]) -> None:
    """Test accuracy of each seed in a strip of its own; red where it is below 0.9 once it had grokked."""
    for place, run in enumerate(runs):
        series = accuracy(run)
        base, height = place + 0.42, -0.84  # the y axis points down
        lost = np.logical_or.accumulate(series.values >= GROK) & (series.values < GROK)
        axis.fill_between(series.steps, base, base + height * series.values, color=LIGHT, lw=0, step="mid")
        axis.plot(series.steps, base + height * series.values, color=BLACK, lw=0.8)
        axis.plot(series.steps[lost], (base + height * series.values)[lost], "o", color=VERMILLION, markersize=2.2)
    axis.set_yticks(range(len(runs)), [f"seed {run.seed}" for run in runs])
    axis.tick_params(axis="y", length=0)
    axis.set_xlim(0, max(run.last_step for run in runs))
    step_axis(axis)


def _draw_readouts(axis: Axes, runs: list[RunRows]) -> None:
    """The last value beside the share of evaluations at or above 0.99, joined by a line."""
    for place, run in enumerate(runs):
        values = accuracy(run).values
        share, last = float(np.mean(values >= SOLID)), float(values[-1])
        axis.plot([share, last], [place, place], color="#B8B8B8", lw=1, zorder=1)
        axis.plot(share, place, "o", color=BLUE, label=f"share of evaluations >= {SOLID}" if not place else None)
        axis.plot(last, place, "D", color=VERMILLION, markerfacecolor="none", label="last value" if not place else None)
    axis.axvline(GROK, color=GREEN, lw=0.8, ls=":")
    axis.set(xlim=(-0.04, 1.04), xticks=(0, 0.5, 1), xlabel="share")
    axis.tick_params(axis="y", length=0, labelleft=False)


def plot_seeds(metrics: pd.DataFrame) -> Figure:
    """Every seed of both operations at weight decay 1.0: its accuracy, its last value, its share of solid evaluations.

    Reads evaluation accuracy (test). Source: table G7.
    """
    title = f"Are seeds stuck, or read in a dip? Weight decay {WEIGHT_DECAY}"
    runs_of = {op: [run for run in runs if len(accuracy(run))] for op, runs in arms(metrics).items()}
    if not any(runs_of.values()):
        return missing_figure(title, f"No small-model run at weight decay {WEIGHT_DECAY} in these metrics: missing")
    above, below = heading_space(2) + 0.25, 0.95
    height = STRIP * max(2, *map(len, runs_of.values())) + above + below
    figure = Figure(figsize=(10.5, height))
    heading(
        figure,
        title,
        f"Left of each: test accuracy, 0 to 1 in every strip; red: evaluations below {GROK} once the seed had "
        "grokked. Right: the last value, as published, beside the share of all evaluations that are solid; far apart, "
        "the last value was a snapshot of a dip or of a peak.",
    )
    grid = figure.add_gridspec(
        1, 5, left=0.075, right=0.985, bottom=below / height, top=1 - above / height,
        width_ratios=(3, 1, 0.45, 3, 1), wspace=0.1,
    )  # fmt: skip
    for column, (operation, runs) in enumerate(runs_of.items()):
        left, right = (figure.add_subplot(grid[0, 3 * column + part]) for part in (0, 1))
        left.set_title(arm_title(operation, runs))
        if not runs:
            for axis in (left, right):
                axis.set_yticks([])
            say_missing(left, f"No {operation} run at weight decay {WEIGHT_DECAY}: missing")
            right.set_axis_off()
            continue
        _draw_curves(left, runs)
        _draw_readouts(right, runs)
        for axis in (left, right):
            axis.set_ylim(len(runs) - 0.45, -0.55)
        handles, labels = right.get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower right", ncols=2)
    return figure
