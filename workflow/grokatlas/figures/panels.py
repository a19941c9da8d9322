"""Panels and looks that several figures share."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from ..thresholds import GROK
from .data import RunRows, Series
from .style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY

# One colour and one marker a ring class, by gcd(stride, ring size): the marker tells them apart without the colour.
CLASS_LOOKS = {1: (GREEN, "o"), 2: (ORANGE, "s"), 3: (PURPLE, "^"), 4: (BLUE, "D"), 6: (SKY, "v")}


def draw_seeds(
    axis: Axes, found: Sequence[Series], colour: str, dashes: str = "-", width: float = 1.5, label: str | None = None
) -> None:
    """One series a seed against the step: the first bold and labelled, the others thin and pale, the more the paler."""
    for place, series in reversed(list(enumerate(found))):
        first = place == 0
        axis.plot(
            series.steps,
            series.values,
            color=colour,
            linestyle=dashes,
            linewidth=width if first else 0.4 * width,
            alpha=1 if first else min(0.55, 2.5 / len(found)),
            label=label if first else None,
        )


def draw_accuracy(axis: Axes, runs: Sequence[RunRows]) -> None:
    """Train (broad, pale) and test accuracy (narrow, black) of every run at its evaluations, and the grok threshold."""
    for split, colour, width in (("train", SKY, 3.2), ("test", BLACK, 1.2)):
        draw_seeds(axis, [run.series("evaluation", "accuracy", split) for run in runs], colour, "-", width, split)
    axis.axhline(GROK, color=GREY, lw=0.8, ls=":")
    axis.set(ylim=(-0.03, 1.05))
