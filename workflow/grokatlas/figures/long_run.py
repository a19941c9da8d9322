"""Table N6 as a picture: one run carried far past the sweep, and where its regime changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..readouts import change_point
from ..thresholds import GROK, SOLID
from .data import PUBLISHED_WEIGHT_DECAY, SMALL, Series, select
from .style import BLACK, BLUE, GREEN, GREY, SKY, VERMILLION, heading, missing_figure, step_axis

# (step, test accuracy) as published.
PUBLISHED = ((1_000_000, 1.0), (3_560_000, 0.034), (5_000_000, 0.734))
PUBLISHED_LAST = 5_000_000
WINDOWS = 50


def window_shares(series: Series, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Share of evaluations at or above `threshold` in equal windows of steps over the record.

    Returns the windows' edges in steps float64 [windows + 1] and the shares float64 [windows]; NaN in a window without
    evaluations. There are at most 50 windows, and fewer where one would hold less than four evaluations on average.
    """
    count = max(1, min(WINDOWS, len(series) // 4))
    edges = np.linspace(0, series.steps[-1], count + 1)
    place = np.clip(np.searchsorted(edges, series.steps, side="left") - 1, 0, count - 1)
    total = np.bincount(place, minlength=count).astype(float)
    above = np.bincount(place, weights=series.values >= threshold, minlength=count)
    return edges, np.divide(above, total, out=np.full(count, np.nan), where=total > 0)


def _draw_accuracy(axis: Axes, train: Series, test: Series, last: int) -> None:
    axis.plot(train.steps, train.values, color=SKY, lw=2, label="train")
    axis.plot(test.steps, test.values, color=BLACK, lw=0.8, label="test")
    for threshold in (GROK, SOLID):
        axis.axhline(threshold, color=GREY, lw=0.8, ls=":")
        axis.text(1.005, threshold, f"{threshold}", transform=axis.get_yaxis_transform(), fontsize=7.5, va="center")
    shown = [(step, value) for step, value in PUBLISHED if step <= last]
    if shown:
        axis.plot(
            *zip(*shown, strict=True),
            "o",
            markerfacecolor="none",
            color=VERMILLION,
            markersize=9,
            label="published",
            clip_on=False,
        )
    axis.set(ylabel="accuracy", ylim=(-0.03, 1.05), title="Accuracy at every evaluation")


def _draw_shares(axis: Axes, test: Series) -> None:
    for threshold, colour, dashes, word in ((SOLID, BLUE, "-", f">= {SOLID}"), (1.0, GREEN, "--", "exactly 1")):
        edges, shares = window_shares(test, threshold)
        axis.stairs(shares, edges, color=colour, ls=dashes, lw=1.4, label=f"test accuracy {word}", baseline=None)
    width = int(round(edges[1] - edges[0]))
    axis.set(
        ylabel="share of evaluations", ylim=(-0.03, 1.05), title=f"How often it is right, in windows of {width:,} steps"
    )


def _mark_change(axes: list[Axes], test: Series) -> str:
    """Draw the change point over all panels and its two levels in the first; its words for the explanation."""
    found = change_point(test.steps, test.values)
    if found is None:
        return "Too few evaluations to look for a change point."
    for axis in axes:
        axis.axvline(found.step, color=VERMILLION, lw=1.2, ls="--")
    for level, start, end in ((found.before, test.steps[0], found.step), (found.after, found.step, test.steps[-1])):
        axes[0].plot([start, end], [level] * 2, color=VERMILLION, lw=2.2)
    return (
        f"Dashed red: change point at step {found.step:,} (permutation p = {found.p_value:.2g}); "
        f"the level {'rises, which is grokking itself' if found.after > found.before else 'falls'}: "
        f"median {found.before:.3f} before, {found.after:.3f} after (red bars)."
    )


def plot_long_run(metrics: pd.DataFrame) -> Figure:
    """Accuracy, its regime and its change point over the longest run of the small model at weight decay 2.0.

    Reads evaluation accuracy (train and test) of the run with the most steps (the published seed among equals).
    Source: table N6 and docs/methods.md, correction 6.
    """
    title = f"The long run at weight decay {PUBLISHED_WEIGHT_DECAY}"
    runs = select(metrics, SMALL, PUBLISHED_WEIGHT_DECAY, horizon=None)
    run = max(runs, key=lambda one: one.last_step, default=None)
    test = run.series("evaluation", "accuracy", "test") if run else ()
    if not len(test):
        sentence = f"No small-model run at weight decay {PUBLISHED_WEIGHT_DECAY} in these metrics: missing"
        return missing_figure(title, sentence)
    figure = Figure(figsize=(10, 6.2))
    last = int(test.steps[-1])
    axes = list(figure.subplots(2, 1, sharex=True, height_ratios=(1.6, 1)))
    figure.subplots_adjust(left=0.07, right=0.95, bottom=0.09, top=0.84, hspace=0.25)
    _draw_accuracy(axes[0], run.series("evaluation", "accuracy", "train"), test, last)
    _draw_shares(axes[1], test)
    words = _mark_change(axes, test)
    reach = "" if last >= PUBLISHED_LAST else f", {last:,} of {PUBLISHED_LAST:,} steps"
    heading(
        figure,
        f"{title}, seed {run.seed}{reach}",
        f"A single step's accuracy is a snapshot of an oscillation; look at how the level moves. {words}",
    )
    for axis in axes:
        axis.set_xlim(0, last)
        step_axis(axis, label=axis is axes[-1])
        axis.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.1, ncols=3)
    return figure
