"""Prediction 5.3 as a picture: how far the entropy of every attention head is from ln 2 through the grok step."""

from __future__ import annotations

from dataclasses import replace
from math import log

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from .arms import Panel, legend_above, side_by_side
from .data import SMALL, RunRows, Series
from .panels import draw_seeds
from .style import BLUE, GREY, ORANGE, PURPLE, SKY

HEADS = ((BLUE, "-"), (ORANGE, "--"), (PURPLE, "-."), (SKY, (0, (1, 1))))
MOST = log(2)  # of two tokens
LEAST_GAP = 1e-9  # gaps below are drawn here: a logarithmic axis has no 0


def gap(entropy: Series) -> Series:
    """How far an entropy lies below the most possible, ln 2 nats, and 1e-9 where it is nearer."""
    return replace(entropy, values=np.maximum(MOST - entropy.values, LEAST_GAP))


def _layer(layer: int) -> Panel:
    def draw(axis: Axes, runs: list[RunRows]) -> None:
        for head, (colour, dashes) in zip(range(SMALL.heads), HEADS, strict=True):
            index = layer * SMALL.heads + head
            found = [gap(run.series("attention", "attention_entropy", "test", index)) for run in runs]
            if any(map(len, found)):
                draw_seeds(axis, found, colour, dashes, label=f"head {head}")
        if axis.lines:
            axis.set(yscale="log", ylim=(LEAST_GAP / 2, 1))
            axis.set_yticks([1e-9, 1e-6, 1e-3, 1])
            axis.yaxis.set_minor_locator(NullLocator())
            axis.axhline(MOST, color=GREY, lw=0.9, ls=":")
            axis.text(0.005, MOST, "one token alone: ln 2", transform=axis.get_yaxis_transform(), fontsize=7.5,
                      va="top", color="#404040")  # fmt: skip
            legend_above(axis)

    return Panel(1.9, f"layer {layer}: ln 2 - entropy\n(nats, logarithmic)", draw)


def plot_attention(metrics: pd.DataFrame) -> Figure:
    """How far each head of addition (left) and multiplication (right) is from attending to both tokens alike.

    Reads attention_entropy, index = layer * heads + head, and draws ln 2 - entropy: after the first few thousand steps
    the entropies are so near ln 2 that they cannot be told apart on their own scale. Source: prediction 5.3.
    """
    return side_by_side(
        metrics,
        "How unevenly each head attends",
        "How far the mean entropy of a head's attention over the two tokens lies below ln 2. 0: it attends to both "
        "alike; whatever is below 1e-9 is drawn there: the head attends evenly. Predicted, as entropy: low, then a "
        "peak (a dip here) just before the grok step, then between.",
        [_layer(layer) for layer in range(SMALL.layers)],
    )
