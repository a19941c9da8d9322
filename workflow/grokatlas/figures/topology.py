"""Table G2 and prediction 5.2 as a picture: Betti numbers as published, and the loops of the class means."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .arms import Panel, accuracy, arms, draw_metric, first_reach, legend_above, side_by_side, solid_steps
from .data import RunRows
from .panels import draw_seeds
from .style import BLUE, GREEN, GREY, LIGHT, ORANGE, PURPLE, VERMILLION, say_missing

PROBE = "topology"
RANKS = ((1, BLUE, "-"), (2, ORANGE, "--"), (3, PURPLE, "-."))
DIAGRAM = 1.75  # inches


def chosen_steps(run: RunRows) -> list[tuple[str, int]]:
    """Up to three probed steps with their words: two probes before the grok step, the first from it on, the last solid.

    A run that did not grok has its first and last probed step.
    """
    steps = run.table(PROBE, "class_birth_1").index.to_numpy()
    if not len(steps):
        return []
    grok = first_reach(accuracy(run))
    if grok is None or grok > steps[-1]:
        return [("first", int(steps[0])), ("last", int(steps[-1]))]
    found = []
    before, solid = steps[steps < grok], solid_steps(run, steps)
    if len(before):
        found.append(("before grok", int(before[-min(2, len(before))])))
    found.append(("grok", int(steps[steps >= grok][0])))
    if len(solid) and solid[-1] > found[-1][1]:
        found.append(("last solid", int(solid[-1])))
    return found


def _draw_betti(axis: Axes, runs: list[RunRows]) -> None:
    for metric, colour, dashes, label in (("betti_0", GREEN, "--", "b0"), ("betti_1", VERMILLION, "-", "b1")):
        draw_metric(axis, runs, PROBE, metric, "test", colour, dashes, label)
    if axis.lines:
        legend_above(axis)


def _draw_bars(axis: Axes, runs: list[RunRows]) -> None:
    longest = runs[0].series(PROBE, "class_persistence_1", "test", 1)
    if not len(longest):
        return
    axis.fill_between(longest.steps, 0, longest.baselines, color=LIGHT, lw=0, label="bootstrap band", zorder=0)
    for rank, colour, dashes in RANKS:
        found = [run.series(PROBE, "class_persistence_1", "test", rank) for run in runs]
        draw_seeds(axis, found, colour, dashes, label=f"bar {rank}")
    legend_above(axis)


def _draw_diagram(axis: Axes, run: RunRows, step: int, word: str, edge: float) -> None:
    births, deaths = (run.table(PROBE, f"class_{end}_1").loc[step] for end in ("birth", "death"))
    band = run.series(PROBE, "class_persistence_1", "test", 1)
    width = band.baselines[band.steps == step]
    if len(width) and np.isfinite(width[0]):
        axis.fill_between([0, edge], [0, edge], [width[0], edge + width[0]], color=LIGHT, lw=0)
    axis.plot([0, edge], [0, edge], color=GREY, lw=0.8)
    above = (deaths - births).to_numpy() > (width[0] if len(width) else np.inf)
    for face, part in (("none", ~above), (BLUE, above)):
        axis.plot(births[part], deaths[part], "o", color=BLUE, markerfacecolor=face, markersize=4.5)
    axis.set(xlim=(0, edge), ylim=(0, 1.02 * edge), aspect="equal")
    axis.set_title(f"{word}: {step:,}", fontsize=8)
    axis.tick_params(labelsize=7.5)
    axis.set_xlabel("birth", fontsize=8)


def _draw_diagrams(figure: Figure, bottom: float, height: float, columns: list[Axes], runs_of: dict) -> None:
    """Persistence diagrams below the curves, those of one arm on one scale."""
    for axis, (operation, runs) in zip(columns, runs_of.items(), strict=True):
        box = axis.get_position()
        steps = chosen_steps(runs[0]) if runs else []
        if not steps:
            empty = figure.add_axes((box.x0, bottom, box.width, height), yticks=[])
            say_missing(empty, f"No persistence of class means for {operation}: missing")
            continue
        deaths = runs[0].table(PROBE, "class_death_1").loc[[step for _, step in steps]].to_numpy()
        edge = 1.1 * float(np.nanmax(deaths)) if np.isfinite(deaths).any() else 1.0
        width = box.width / 3
        for place, (word, step) in enumerate(steps):
            one = figure.add_axes((box.x0 + place * width, bottom, 0.8 * width, height))
            _draw_diagram(one, runs[0], step, word, edge or 1.0)
            if place == 0:
                one.set_ylabel("death", fontsize=8)
            else:
                one.tick_params(labelleft=False)


def plot_topology(metrics: pd.DataFrame) -> Figure:
    """Betti curves, the longest loops of the class means with their bootstrap band, and diagrams at up to 3 steps.

    Reads betti_0, betti_1, class_persistence_1 (index = rank, baseline = band), class_birth_1 and class_death_1.
    Source: table G2 and prediction 5.2.
    """
    curves = [
        Panel(1.4, "Betti numbers\nof 500 points", _draw_betti, from_zero=True),
        Panel(1.6, "longest H1 bars\nof class means", _draw_bars, from_zero=True),
    ]
    figure = side_by_side(
        metrics,
        "Holes in the representation",
        "Above: bars longer than 0.1 among 500 hidden states, as published. Below: the loops (H1) of the class means; "
        "one that leaves the grey band is no noise at 95%. Predicted: one loop after the grok step. Diagrams: filled, "
        "a loop outside the band.",
        curves,
        room=DIAGRAM + 0.75,
    )
    if len(figure.axes) == 1:
        return figure
    height = figure.get_size_inches()[1]
    _draw_diagrams(figure, 0.42 / height, DIAGRAM / height, figure.axes[-2:], arms(metrics))
    return figure
