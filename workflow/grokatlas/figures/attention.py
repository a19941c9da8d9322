"""Prediction 5.3 as a picture: the entropy of every attention head through the grok step."""

from __future__ import annotations

from math import log

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .arms import Panel, legend_above, side_by_side
from .data import SMALL, RunRows
from .panels import draw_seeds
from .style import BLUE, GREY, ORANGE, PURPLE, SKY

HEADS = ((BLUE, "-"), (ORANGE, "--"), (PURPLE, "-."), (SKY, (0, (1, 1))))
MOST = log(2)  # of two tokens


def _layer(layer: int) -> Panel:
    def draw(axis: Axes, runs: list[RunRows]) -> None:
        for head, (colour, dashes) in zip(range(SMALL.heads), HEADS, strict=True):
            index = layer * SMALL.heads + head
            found = [run.series("attention", "attention_entropy", "test", index) for run in runs]
            if any(map(len, found)):
                draw_seeds(axis, found, colour, dashes, label=f"head {head}")
        if axis.lines:
            axis.axhline(MOST, color=GREY, lw=0.9, ls=":")
            axis.text(1, MOST, "most possible: ln 2", transform=axis.get_yaxis_transform(), fontsize=7.5, va="bottom",
                      ha="right", color="#404040")  # fmt: skip
            axis.set(ylim=(-0.02, 0.78), yticks=np.arange(0, 0.71, 0.2))
            legend_above(axis)

    return Panel(1.9, f"layer {layer}: entropy (nats)", draw)


def plot_attention(metrics: pd.DataFrame) -> Figure:
    """Attention entropy of each layer and head of addition (left) and multiplication (right).

    Reads attention_entropy, index = layer * heads + head. Source: prediction 5.3.
    """
    return side_by_side(
        metrics,
        "How widely each head attends",
        "Mean entropy of a head's attention over the two tokens; 0: always one token, ln 2: both alike. Predicted: "
        "low, then a peak just before the grok step, then between.",
        [_layer(layer) for layer in range(SMALL.layers)],
    )
