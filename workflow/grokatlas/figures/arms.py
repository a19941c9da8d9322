"""The second article's two arms, addition and multiplication, drawn side by side on one layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..records import View, read_records
from ..tasks import Operation
from ..thresholds import FALLEN, GROK, SOLID
from .data import SMALL, RunRows, Series, select
from .panels import draw_accuracy, draw_seeds
from .style import (
    GREEN,
    GREY,
    VERMILLION,
    heading,
    heading_space,
    log_step_axis,
    missing_figure,
    say_missing,
    step_axis,
)

ARMS: tuple[Operation, ...] = ("addition", "multiplication")  # in the article's order
WEIGHT_DECAY = 1.0  # of its tables G1 to G7
WIDTH = 10.5
CADENCE, JUDGED = 500, 20_000  # steps: how the claims on dimension and drift read a run, and up to where


@dataclass(frozen=True)
class Panel:
    """A row of the layout: its height in inches, the y axis' label, and what draws it from the runs of one arm.

    `from_zero`: the y axis, which both arms share, starts at 0.
    """

    height: float
    label: str
    draw: Callable[[Axes, list[RunRows]], None]
    from_zero: bool = False


def arms(metrics: pd.DataFrame, bottleneck: int | None = None) -> dict[Operation, list[RunRows]]:
    """The small model's runs at weight decay 1.0 of each operation, the published seed first; a list may be empty."""
    return {op: select(metrics, SMALL, WEIGHT_DECAY, operation=op, bottleneck=bottleneck) for op in ARMS}


def accuracy(run: RunRows) -> Series:
    """Test accuracy at the evaluations of a run."""
    return run.series("evaluation", "accuracy", "test")


def first_reach(series: Series, threshold: float = GROK) -> int | None:
    """The first step with a value at or above the threshold; None if there is none."""
    reached = np.flatnonzero(series.values >= threshold)
    return int(series.steps[reached[0]]) if len(reached) else None


def falls(series: Series) -> list[int]:
    """Steps of the evaluations below 0.5 that come right after one at or above 0.9 (oscillations)."""
    fallen = (series.values[:-1] >= GROK) & (series.values[1:] < FALLEN)
    return [int(step) for step in series.steps[1:][fallen]]


def judged(run: RunRows) -> View:
    """The run as the claims on dimension and drift see it, so that figure and table give the same numbers."""
    return View(read_records(run.rows)[0], CADENCE, JUDGED)


def draw_answers(axis: Axes, runs: list[RunRows]) -> None:
    """Train and test accuracy with a legend."""
    draw_accuracy(axis, runs)
    legend_above(axis)


def legend_above(axis: Axes) -> None:
    """The panel's legend in one line over its right end, where no curve runs through it."""
    axis.legend(loc="lower right", bbox_to_anchor=(1.01, 1), borderaxespad=0, ncols=5, columnspacing=1.2, fontsize=8)


def draw_metric(
    axis: Axes, runs: list[RunRows], probe: str, metric: str, split: str, colour: str, dashes: str, label: str
) -> None:
    """One metric of every seed; nothing where it was not measured."""
    found = [run.series(probe, metric, split) for run in runs]
    if any(map(len, found)):
        draw_seeds(axis, found, colour, dashes, label=label)


def mark_steps(axis: Axes, run: RunRows) -> None:
    """A green line at the first seed's grok step, thin red ones where its test accuracy falls from >= 0.9 to < 0.5."""
    series = accuracy(run)
    for step in falls(series):
        axis.axvline(step, color=VERMILLION, lw=0.6, alpha=0.6, zorder=0)
    step = first_reach(series)
    if step is not None:
        axis.axvline(step, color=GREEN, lw=1.2, ls="--", zorder=0)


def how_to_read(runs: Sequence[RunRows]) -> str:
    """What the lines and marks mean, in words for the heading."""
    others = " Bold: the first seed; thin: the others." if len(runs) > 1 else ""
    return (
        f"Dashed green: first evaluation with test accuracy >= {GROK}; thin red: falls from there to below {FALLEN} "
        f"between two evaluations.{others}"
    )


def side_by_side(
    metrics: pd.DataFrame,
    title: str,
    explanation: str,
    panels: Sequence[Panel],
    logarithmic: bool = True,
    room: float = 0.0,
) -> Figure:
    """Both arms in columns, accuracy above the given panels, all on the steps; marks are the first seed's.

    An arm without runs, or a panel without measurements, says that it is missing. `room`: inches left free below.
    """
    runs_of = arms(metrics)
    if not any(runs_of.values()):
        return missing_figure(title, f"No small-model run at weight decay {WEIGHT_DECAY} in these metrics: missing")
    panels = (Panel(1.3, "accuracy", draw_answers), *panels)
    explanation = f"{explanation} {how_to_read(max(runs_of.values(), key=len))}"
    figure, axes = layout(
        f"{title} (weight decay {WEIGHT_DECAY})", explanation, [panel.height for panel in panels], room
    )
    for column, (operation, runs) in enumerate(runs_of.items()):
        axes[0, column].set_title(_grok_title(operation, runs))
        for axis, panel in zip(axes[:, column], panels, strict=True):
            _draw_panel(axis, panel, runs, operation)
            if runs:
                mark_steps(axis, runs[0])
                axis.set_xlim(*_limits(runs, logarithmic))
                (log_step_axis if logarithmic else step_axis)(axis, label=axis is axes[-1, column])
                axis.tick_params(labelbottom=axis is axes[-1, column])
    for axis, panel in zip(axes[:, 0], panels, strict=True):
        axis.set_ylabel(panel.label)
        if panel.from_zero and axis.get_autoscaley_on():
            axis.set_ylim(bottom=0)
    return figure


def layout(
    title: str, explanation: str, heights: Sequence[float], room: float = 0.0, gap: float = 0.3
) -> tuple[Figure, np.ndarray]:
    """A headed figure with one row of two panels a height (inches), which share their y axis: axes [rows, 2].

    `room`: inches left free below them; `gap`: inches between the rows.
    """
    above, below = heading_space(3), 0.5 + room
    height = above + below + sum(heights) + gap * (len(heights) - 1) + 0.2
    figure = Figure(figsize=(WIDTH, height))
    heading(figure, title, explanation)
    axes = figure.subplots(len(heights), len(ARMS), sharey="row", squeeze=False, height_ratios=heights)
    figure.subplots_adjust(
        left=0.08, right=0.985, bottom=below / height, top=1 - (above + 0.2) / height, wspace=0.06,
        hspace=gap * len(heights) / sum(heights),
    )  # fmt: skip
    return figure, axes


def arm_title(operation: Operation, runs: Sequence[RunRows]) -> str:
    """E.g. 'Addition: seed 42' or 'Addition: 20 seeds'."""
    seeds = f"{len(runs)} seeds" if len(runs) > 1 else f"seed {runs[0].seed}" if runs else "not trained"
    return f"{operation.capitalize()}: {seeds}"


def _grok_title(operation: Operation, runs: Sequence[RunRows]) -> str:
    step = first_reach(accuracy(runs[0])) if runs else None
    first = f"; seed {runs[0].seed}" if len(runs) > 1 else ""
    return arm_title(operation, runs) + (f"{first} groks at {step:,}" if step is not None else "")


def solid_steps(run: RunRows, steps: np.ndarray) -> np.ndarray:
    """Those of the steps at which the run's test accuracy was evaluated at 0.99 or more."""
    series = accuracy(run)
    return steps[np.isin(steps, series.steps[series.values >= SOLID])]


def _limits(runs: Sequence[RunRows], logarithmic: bool) -> tuple[float, float]:
    first = min(float(run.rows["step"].min()) for run in runs)
    return (0.93 * first if logarithmic else 0.0), float(max(run.last_step for run in runs))


def _draw_panel(axis: Axes, panel: Panel, runs: list[RunRows], operation: Operation) -> None:
    if not runs:
        say_missing(axis, f"No {operation} run at weight decay {WEIGHT_DECAY} in these metrics: missing")
        return
    panel.draw(axis, runs)
    if not axis.lines and not axis.collections:
        axis.tick_params(left=False, labelleft=False)
        axis.text(
            0.5, 0.5, "not measured: missing", transform=axis.transAxes, ha="center", color=GREY, fontstyle="italic"
        )
