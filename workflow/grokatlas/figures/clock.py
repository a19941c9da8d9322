"""Table N2 as a picture: which cosets are neighbours when the 12 of them are walked with a fixed stride."""

from __future__ import annotations

from math import gcd

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from .data import N_OUTER
from .style import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION, heading

# Colour and line style both tell the rings of one clock apart.
RING_LOOKS = (
    (BLUE, "-"),
    (VERMILLION, "--"),
    (GREEN, "-."),
    (ORANGE, (0, (1, 1))),
    (PURPLE, "-"),
    (SKY, "--"),
)
PUBLISHED_STRIDES, OTHER_STRIDES = (1, 2, 4), (3, 5, 6)


def rings(stride: int, places: int = N_OUTER) -> list[list[int]]:
    """The closed walks of a stride on a ring of `places`: gcd(stride, places) of them, of equal length."""
    count = gcd(stride, places)
    return [[(start + stride * k) % places for k in range(places // count)] for start in range(count)]


def clock_title(stride: int) -> str:
    """E.g. 'stride 2: two rings of 6'; two places only make a pair."""
    found = rings(stride)
    number = {1: "one", 2: "two", 3: "three", 4: "four", 6: "six"}[len(found)]
    shape = f"ring{'s' * (len(found) > 1)} of {len(found[0])}" if len(found[0]) > 2 else "opposite pairs"
    return f"stride {stride}: {number} {shape}"


def _draw_clock(axis: Axes, stride: int, fontsize: float) -> None:
    angle = np.pi / 2 - 2 * np.pi * np.arange(N_OUTER) / N_OUTER
    x, y = np.cos(angle), np.sin(angle)
    axis.add_patch(Circle((0, 0), 1, fill=False, color="#D8D8D8", lw=0.8))
    for walk, (colour, dashes) in zip(rings(stride), RING_LOOKS, strict=False):
        closed = [*walk, walk[0]]
        axis.plot(x[closed], y[closed], color=colour, linestyle=dashes, linewidth=1.8, zorder=2)
        axis.scatter(x[walk], y[walk], s=(2.6 * fontsize) ** 2 * 0.55, color="white", edgecolors=colour, zorder=3)
    for place in range(N_OUTER):
        axis.text(x[place], y[place], str(place), ha="center", va="center", fontsize=fontsize, color=BLACK, zorder=4)
    axis.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), aspect="equal")
    axis.set_axis_off()
    axis.set_title(clock_title(stride), fontsize=fontsize + 1.5, loc="center")


def plot_clock(metrics: pd.DataFrame) -> Figure:
    """Clock diagrams of strides 1, 2 and 4 on the 12 cosets (the article's three), and 3, 5 and 6 below.

    Drawn from arithmetic alone: `metrics` is not read. Source: nested article, table N2.
    """
    figure = Figure(figsize=(9, 6.6))
    heading(
        figure,
        "Walking the 12 cosets of Z12 with a fixed stride",
        "Lines join coset c to c + s and c - s (mod 12); the rings of a clock differ in colour and line style. The "
        "upper three strides are the published ones. Stride 5 is the ring of stride 1 under another primitive root.",
    )
    grid = figure.add_gridspec(2, 3, left=0.02, right=0.98, bottom=0.02, top=0.83, height_ratios=(1.25, 1), hspace=0.16)
    for column in range(3):
        _draw_clock(figure.add_subplot(grid[0, column]), PUBLISHED_STRIDES[column], 9)
        _draw_clock(figure.add_subplot(grid[1, column]), OTHER_STRIDES[column], 7)
    return figure
