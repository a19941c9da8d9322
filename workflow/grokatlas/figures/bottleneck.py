"""Table G4 and prediction 5.4 as a picture: when, and in how many seeds, a network with a bottleneck of k groks."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..intervals import wilson
from ..tasks import Operation
from ..thresholds import GROK
from .arms import ARMS, WEIGHT_DECAY, accuracy, arms, first_reach, layout
from .data import SMALL, RunRows, Series
from .spectrum import cell_edges
from .style import BLACK, BLUE, GREY, ORANGE, PURPLE, VERMILLION, missing_figure, say_missing, step_axis

HORIZON = 50_000  # steps of the published runs
LEVELS = ((0.9, BLUE, "o"), (0.95, PURPLE, "s"), (0.99, ORANGE, "^"))
NONE = "none"
FULL = SMALL.width  # a bottleneck as wide as the model is none: no run has one, but one was published
SHIFTS = (-0.25, 0, 0.25)  # of the three levels
# Table G4: width -> first step at or above 0.9, 0.95 and 0.99; a width without an entry never got there.
PUBLISHED = {
    "addition": {
        16: (17_500, 18_000, 26_500), 32: (31_000, 31_500, 40_500), 64: (20_500, 21_500, 22_000),
        128: (9_500, 9_500, 9_500), None: (8_000, 8_000, 8_000),
    },
    "multiplication": {
        16: (39_000, 40_500, None), 32: (24_500, 25_000, 25_000), 128: (9_500, 9_500, 9_500),
        None: (7_000, 7_000, 7_000),
    },
}  # fmt: skip

Widths = dict[int | None, list[RunRows]]


def widths(metrics: pd.DataFrame) -> dict[Operation, Widths]:
    """Runs of each operation by bottleneck width, narrow to wide, None (no bottleneck) last.

    The widths are those of both operations, so that their panels line up; one may have no run of an operation.
    """
    known = sorted(map(int, metrics["bottleneck"].dropna().unique()))
    found = {k: arms(metrics, k) for k in [*known, None]}
    return {op: {k: runs[op] for k, runs in found.items() if any(runs.values())} for op in ARMS}


def within(series: Series, horizon: int = HORIZON) -> Series:
    """The part of a series up to a step."""
    keep = series.steps <= horizon
    return Series(series.steps[keep], series.values[keep], series.baselines[keep])


def _word(k: int | None) -> str:
    return NONE if k is None else str(k)


def _draw_steps(axis: Axes, found: Widths, operation: str) -> None:
    """First steps at or above each level: a marker a seed, and a bar at the median of those that got there."""
    for place, (k, runs) in enumerate(found.items()):
        for shift, (level, colour, marker) in zip(SHIFTS, LEVELS, strict=True):
            steps = [first_reach(within(accuracy(run)), level) for run in runs]
            reached = [step for step in steps if step is not None]
            axis.plot([place + shift] * len(reached), reached, marker, color=colour, markersize=4, alpha=0.75)
            if len(reached) > 2:
                axis.plot([place + shift - 0.11, place + shift + 0.11], [np.median(reached)] * 2, color=BLACK, lw=1.6)
        _draw_published(axis, place, PUBLISHED[operation].get(k, ()), "o")
        if k is None:
            _draw_published(axis, place, PUBLISHED[operation][FULL], "D")
    axis.set_ylim(0, HORIZON * 1.03)
    axis.yaxis.set_major_formatter(lambda step, _: f"{step / 1000:g}")


def _draw_published(axis: Axes, place: int, steps: tuple[int | None, ...], marker: str) -> None:
    """Published first steps as open markers; none where it never got there, or nothing was published."""
    for shift, step in zip(SHIFTS, steps, strict=False):
        if step is not None:
            axis.plot(place + shift, step, marker, color=VERMILLION, markerfacecolor="none", markersize=8.5)


def _draw_shares(axis: Axes, found: Widths) -> None:
    """Share of the seeds that reach 0.9 with its Wilson 95% interval, and the counts."""
    for place, runs in enumerate(found.values()):
        if not runs:
            continue
        grokked = sum(first_reach(within(accuracy(run))) is not None for run in runs)
        low, high = wilson(grokked, len(runs))
        axis.plot([place, place], [low, high], color=GREY, lw=1.4)
        axis.plot(place, grokked / len(runs), "o", color=BLUE)
        axis.text(place, 1.08, f"{grokked}/{len(runs)}", ha="center", fontsize=7.5)
    axis.set(ylim=(-0.05, 1.22), yticks=(0, 0.5, 1))


def _draw_map(axis: Axes, found: Widths) -> None:
    """Median test accuracy over the seeds, a row a width, a column an evaluation."""
    for place, runs in enumerate(found.values()):
        curves = [within(accuracy(run)) for run in runs]
        table = pd.DataFrame({number: pd.Series(curve.values, curve.steps) for number, curve in enumerate(curves)})
        if len(table):
            axis.pcolormesh(
                cell_edges(table.index.to_numpy()), [place - 0.45, place + 0.45], table.median(axis=1).to_numpy()[None],
                cmap="cividis", vmin=0, vmax=1, rasterized=True,
            )  # fmt: skip
    axis.set_yticks(range(len(found)), [_word(k) for k in found])
    axis.set_ylim(len(found) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    axis.set_xlim(0, min(HORIZON, max(run.last_step for runs in found.values() for run in runs)))


def _draw_arm(axes: np.ndarray, found: Widths, operation: str) -> None:
    axes[0].set_title(operation.capitalize())
    if not any(runs for k, runs in found.items() if k is not None):
        for axis in axes:
            say_missing(axis, f"No {operation} run with a bottleneck in these metrics: missing")
        return
    _draw_steps(axes[0], found, operation)
    _draw_shares(axes[1], found)
    _draw_map(axes[2], found)
    for axis in axes[:2]:
        axis.set_xlim(-0.6, len(found) - 0.4)
        axis.set_xticks(range(len(found)), [_word(k) for k in found])
    axes[1].set_xlabel("bottleneck width k")
    step_axis(axes[2])


def plot_bottleneck(metrics: pd.DataFrame) -> Figure:
    """Steps to grok, share of seeds that grok, and accuracy over training, by bottleneck width, for both operations.

    Reads evaluation accuracy (test) up to step 50,000. Source: table G4 and prediction 5.4.
    """
    title = "Does a bottleneck of the right width speed grokking up?"
    found = widths(metrics)
    if not any(runs for arm in found.values() for k, runs in arm.items() if k is not None):
        return missing_figure(title, "No small-model run with a bottleneck in these metrics: missing")
    runs = [run for arm in found.values() for group in arm.values() for run in group]
    short = sum(run.last_step < HORIZON for run in runs)
    note = f" {short} run{'s' * (short > 1)} ended before: not grokked may mean not yet." if short else ""
    figure, axes = layout(
        f"{title} (weight decay {WEIGHT_DECAY})",
        "Top: first evaluation with test accuracy >= 0.9 (circle), 0.95 (square), 0.99 (triangle), a marker a seed, "
        f"black their median; red: published, one seed (diamond: k = {FULL}, the model's width, so here none). Middle: "
        f"share of seeds that reach {GROK} within {HORIZON:,} steps, with its Wilson 95% interval. Bottom: median test "
        f"accuracy over the seeds.{note}",
        [2.0, 1.2, 0.5 + 0.2 * len(found[ARMS[0]])],
        gap=0.5,
    )
    for column, (operation, arm) in enumerate(found.items()):
        _draw_arm(axes[:, column], arm, operation)
    for axis, label in zip(axes[:, 0], ("first step (thousands)", "share of seeds", "bottleneck width k"), strict=True):
        axis.set_ylabel(label)
    mesh = next((m for axis in axes[2] for m in axis.collections), None)
    if mesh is not None:
        figure.subplots_adjust(right=0.92)
        box = axes[2, 1].get_position()
        bar = figure.colorbar(mesh, cax=figure.add_axes((0.932, box.y0, 0.012, box.height)))
        bar.set_label("test accuracy")
    return figure
