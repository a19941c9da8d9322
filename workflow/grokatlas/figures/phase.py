"""Table N7 as a map: every small run's answers and rings over training, by weight decay."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from ..readouts import locks
from ..thresholds import GROK, LOCK_SCORE, SOLID, TAKEOVER_SCORE
from .data import SMALL, STRIDES, RunRows, select
from .style import (
    BLACK,
    BLUE,
    GREEN,
    LIGHT,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    YELLOW,
    heading,
    heading_space,
    missing_figure,
    step_axis,
)

Look = tuple[str, str, str]
# state -> (legend text, colour, hatch): the hatch carries the alarming states without colour.
ANSWERS = {
    "before": ("not yet grokked", "#BDBDBD", ""),
    "grokked": (f"test accuracy >= {GROK}", SKY, ""),
    "solid": (f"test accuracy >= {SOLID}", BLUE, ""),
    "lost": (f"back below {GROK}", VERMILLION, "////"),
    "diverged": ("diverged (loss not a number)", BLACK, ""),
}
# Stride 6 is absent: with one neighbour among the two nearest its score stays at or below 0.5.
OUTER = {
    1: ("one ring of 12 (s=1, 5)", GREEN, ""),
    2: ("two rings of 6 (s=2)", ORANGE, ""),
    3: ("three rings of 4 (s=3)", PURPLE, ""),
    4: ("four rings of 3 (s=4)", YELLOW, ""),
}
INNER = {
    1: ("ring of 8 (s=1, 3)", GREEN, "...."),
    2: ("two rings of 4 (s=2)", ORANGE, "...."),
    4: ("antipodes (s=4)", "#C9A3D4", "...."),
}
NONE = ("measured: none reaches it", LIGHT, "")
LANES = ("answers", "outer ring", "inner ring")
LANE, THICK, GAP = 0.3, 0.26, 0.1  # heights; a lane's coloured part is THICK
ROW = len(LANES) * LANE + GAP
BEHIND_TEXT = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.8}
WHITE = "#FFFFFF80"  # of hatching


def spans(steps: np.ndarray, states: Sequence[object]) -> list[tuple[float, float, object]]:
    """Runs of equal states as (start, end, state): a state holds from its step to the next one.

    `steps`: int64 [n], increasing; the last state holds for one median spacing.
    """
    if not len(steps):
        return []
    spacing = float(np.median(np.diff(steps))) if len(steps) > 1 else float(max(steps[0], 1))
    ends = [*map(float, steps[1:]), float(steps[-1]) + spacing]
    joined: list[tuple[float, float, object]] = []
    for step, end, state in zip(steps, ends, states, strict=True):
        if joined and joined[-1][2] == state:
            joined[-1] = (joined[-1][0], end, state)
        else:
            joined.append((float(step), end, state))
    return joined


def answer_states(accuracy: np.ndarray) -> list[str]:
    """State of each test accuracy float64 [n] of one run, in order: before, grokked, solid or lost (see ANSWERS)."""
    grokked = np.logical_or.accumulate(accuracy >= GROK)
    return [
        "before" if not ever else "solid" if value >= SOLID else "grokked" if value >= GROK else "lost"
        for value, ever in zip(accuracy, grokked, strict=True)
    ]


def ring_states(scores: pd.DataFrame, threshold: float) -> list[int | None]:
    """The best stride of each step if its score reaches the threshold, else None.

    `scores`: one row a step, one column a stride. Ties go to the smaller stride.
    """
    if scores.empty:
        return []
    scores = scores.fillna(-np.inf)  # a diverged run's scores are not numbers
    best = scores.idxmax(axis=1)
    return [int(best[step]) if scores.loc[step, best[step]] >= threshold else None for step in scores.index]


def _draw_lane(axis: Axes, bottom: float, pieces: Sequence[tuple[float, float, Look, str]], width: float) -> None:
    """One lane of coloured stretches (start, end, look, text); the text is left out where it would not fit."""
    for start, end, (_, colour, hatch), text in pieces:
        box = Rectangle((start, bottom), end - start, THICK, facecolor=colour, hatch=hatch, edgecolor=WHITE, lw=0)
        axis.add_patch(box)
        if end - start > 0.03 * width:
            axis.text(
                (start + end) / 2, bottom + THICK / 2, text, ha="center", va="center", fontsize=6.5, bbox=BEHIND_TEXT
            )


def _draw_answers(axis: Axes, bottom: float, run: RunRows, width: float) -> None:
    accuracy = run.series("evaluation", "accuracy", "test")
    pieces = spans(accuracy.steps, answer_states(accuracy.values))
    diverged = run.series("evaluation", "diverged")
    if len(diverged):
        pieces.append((float(diverged.steps[0]), width, "diverged"))
    _draw_lane(axis, bottom, [(start, end, ANSWERS[state], "") for start, end, state in pieces], width)


def _draw_rings(axis: Axes, bottom: float, scores: pd.DataFrame, threshold: float, looks: dict, width: float) -> None:
    """The stretches where one stride reaches the threshold, and a frame around each lock."""
    steps = scores.index.to_numpy()
    size = 2 * max(scores.columns, default=0)
    pieces = [
        (start, end, NONE, "") if stride is None else (start, end, looks[gcd(stride, size)], f"s={stride}")
        for start, end, stride in spans(steps, ring_states(scores, threshold))
    ]
    _draw_lane(axis, bottom, pieces, width)
    for stride in scores.columns:
        locked = np.zeros(len(steps), dtype=bool)
        for start, end in locks(steps, scores[stride].to_numpy()):
            locked |= (steps >= start) & (steps <= end)
        for start, end, inside in spans(steps, locked.tolist()):
            if inside:
                axis.add_patch(Rectangle((start, bottom), end - start, THICK, fill=False, ec=BLACK, lw=1.3, zorder=3))


def _draw_run(axis: Axes, row: float, run: RunRows, width: float) -> None:
    _draw_answers(axis, row, run, width)
    for lane, side, threshold, looks in ((1, "outer", LOCK_SCORE, OUTER), (2, "inner", TAKEOVER_SCORE, INNER)):
        _draw_rings(axis, row + lane * LANE, run.table(STRIDES, f"{side}_stride"), threshold, looks, width)


def _label_rows(axis: Axes, runs: list[RunRows]) -> None:
    """Seeds beside their rows, the weight decay at its first one under a line, the lanes' names beside the top row."""
    labels = []
    for place, run in enumerate(runs):
        new = place == 0 or runs[place - 1].weight_decay != run.weight_decay
        labels.append(f"{f'wd {run.weight_decay}   ' if new else ''}seed {run.seed}")
        if new and place:
            axis.axhline(place * ROW - GAP / 2, color=BLACK, lw=0.6)
    axis.set_yticks([place * ROW + 1.5 * LANE for place in range(len(runs))], labels)
    axis.tick_params(axis="y", length=0)
    for lane, word in enumerate(LANES):
        axis.text(1.01, (lane + 0.45) * LANE, word, transform=axis.get_yaxis_transform(), fontsize=7.5, va="center")


def _legends(figure: Figure, height: float) -> None:
    groups = (
        ("answers", ANSWERS),
        (f"outer ring, score >= {LOCK_SCORE}", OUTER),
        (f"inner ring, score >= {TAKEOVER_SCORE}", INNER),
    )
    for place, (title, looks) in enumerate(groups):
        handles = [Patch(facecolor=c, hatch=h, edgecolor=WHITE, lw=0, label=t) for t, c, h in looks.values()]
        if place:
            handles.append(Patch(facecolor=NONE[1], label=NONE[0]))
        if place == 1:
            handles.append(Patch(fill=False, edgecolor=BLACK, lw=1.3, label="framed: locked"))
        legend = figure.legend(
            handles=handles,
            title=title,
            loc="upper left",
            bbox_to_anchor=(0.12 + 0.29 * place, 1.62 / height),
            alignment="left",
        )
        legend.get_title().set_fontweight("bold")


def plot_phase(metrics: pd.DataFrame) -> Figure:
    """One row a small run, ordered by weight decay, three lanes over the steps: answers, outer ring, inner ring.

    Reads evaluation accuracy (test), outer_stride and inner_stride; thresholds from thresholds.py. Source: table N7.
    """
    title = "What each weight decay leads to, step by step"
    runs = select(metrics, SMALL)
    if not runs:
        return missing_figure(title, "No small-model run in these metrics: missing")
    below, above = 2.15, heading_space(2)
    height = 0.62 * len(runs) + below + above
    figure = Figure(figsize=(9.5, height))
    heading(
        figure,
        title,
        "Each run has three lanes: are the answers right; does one outer stride order the 12 cosets; does one inner "
        "stride order the 8 elements of a coset. White: not trained or not measured. Each measurement holds until "
        "the next one.",
    )
    axis = figure.add_axes((0.13, below / height, 0.78, 1 - (below + above) / height))
    step_axis(axis)
    width = max(run.last_step for run in runs)
    for place, run in enumerate(runs):
        _draw_run(axis, place * ROW, run, width)
    _label_rows(axis, runs)
    axis.set(xlim=(0, width), ylim=(len(runs) * ROW - GAP / 2, -GAP))
    _legends(figure, height)
    return figure
