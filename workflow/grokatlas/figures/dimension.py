"""Table G1 and prediction 5.1 as a picture: how many dimensions the hidden states fill, through the grok step."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .arms import Panel, draw_metric, legend_above, side_by_side
from .data import RunRows
from .style import BLUE, ORANGE, VERMILLION

SPLITS = (("train", ORANGE, "--"), ("test", BLUE, "-"))
ESTIMATES = (
    ("pca", "pca_dimension_95", "PCA components\nfor 95%"),
    ("pca", "participation_ratio", "participation\nratio"),
    ("twonn", "twonn_dimension", "TwoNN"),
    ("local_pca", "local_pca_dimension", "local PCA\n(95%)"),
)
# Table G1, (step, PCA components for 95% on test points).
PUBLISHED = {
    "addition": (
        (1_000, 78), (4_000, 17), (7_000, 8), (9_000, 12), (11_000, 3), (14_000, 1), (17_000, 10), (150_000, 13)
    ),
    "multiplication": (
        (1_000, 89), (4_000, 20), (8_000, 11), (9_000, 11), (11_000, 3), (13_000, 12), (150_000, 17)
    ),
}  # fmt: skip


def _panel(probe: str, metric: str, label: str) -> Panel:
    def draw(axis: Axes, runs: list[RunRows]) -> None:
        for split, colour, dashes in SPLITS:
            draw_metric(axis, runs, probe, metric, split, colour, dashes, f"{split} points")

    return Panel(1.1, label, _with_published(draw) if metric == "pca_dimension_95" else draw, from_zero=True)


def _with_published(draw: Callable[[Axes, list[RunRows]], None]) -> Callable[[Axes, list[RunRows]], None]:
    def drawn(axis: Axes, runs: list[RunRows]) -> None:
        draw(axis, runs)
        last = max(run.last_step for run in runs)
        shown = [point for point in PUBLISHED[runs[0].rows["operation"].iloc[0]] if point[0] <= last]
        if axis.lines and shown:
            steps, values = zip(*shown, strict=True)
            axis.plot(
                steps, values, "o", color=VERMILLION, markerfacecolor="none", label="published, test", clip_on=False
            )
        if axis.lines:
            legend_above(axis)

    return drawn


def plot_dimension(metrics: pd.DataFrame) -> Figure:
    """Four estimates of dimension, on test and on train points, of addition (left) and multiplication (right).

    Reads pca_dimension_95, participation_ratio, twonn_dimension and local_pca_dimension. Source: table G1, prediction
    5.1; the predicted fall at the grok step is judged in the tables.
    """
    return side_by_side(
        metrics,
        "How many dimensions the hidden states fill",
        "Predicted: a sudden fall at the grok step, from about the number of samples to the task's one. PCA and the "
        "participation ratio count directions that the whole cloud spans, TwoNN and local PCA those around a point.",
        [_panel(*estimate) for estimate in ESTIMATES],
    )
