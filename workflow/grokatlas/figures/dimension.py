"""Table G1 and prediction 5.1 as a picture: how many dimensions the hidden states fill, through the grok step."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..vocabulary import READOUTS
from .arms import Panel, draw_metric, judged, legend_above, side_by_side
from .data import RunRows
from .panels import draw_seeds
from .style import BLUE, ORANGE, VERMILLION

SPLITS = (("train", ORANGE, "--"), ("test", BLUE, "-"))
SHADE = "#C9E4F5"
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
        if axis.lines:
            _shade_fall(axis, runs[0], metric)

    return Panel(1.1, label, _first(draw) if metric == "pca_dimension_95" else draw, from_zero=True)


def fall_interval(run: RunRows, metric: str) -> tuple[int, int] | None:
    """The 95% interval of the step at which the test points' estimate falls, as the claims read it; None without."""
    view = judged(run)
    found = [READOUTS[name](view, measure=metric) for name in ("fall_low", "fall_high")]
    return None if any(end is None or end.step is None for end in found) else tuple(int(end.value) for end in found)


def _shade_fall(axis: Axes, run: RunRows, metric: str) -> None:
    """Shade the interval; its outline keeps one of a single step visible."""
    found = fall_interval(run, metric)
    if found is not None:
        axis.axvspan(*found, color=SHADE, lw=3, zorder=0)


def _first(draw: Callable[[Axes, list[RunRows]], None]) -> Callable[[Axes, list[RunRows]], None]:
    """The same with the components for 99%, the published points and the legend of all panels."""

    def drawn(axis: Axes, runs: list[RunRows]) -> None:
        draw(axis, runs)
        finer = [run.series("pca", "pca_dimension_99", "test") for run in runs]
        if any(map(len, finer)):
            draw_seeds(axis, finer, BLUE, ":", width=0.9, label="test, for 99%")
        _draw_published(axis, runs)
        if axis.lines:
            legend_above(axis)

    return drawn


def _draw_published(axis: Axes, runs: list[RunRows]) -> None:
    last = max(run.last_step for run in runs)
    shown = [point for point in PUBLISHED[runs[0].rows["operation"].iloc[0]] if point[0] <= last]
    if axis.lines and shown:
        steps, values = zip(*shown, strict=True)
        axis.plot(steps, values, "o", color=VERMILLION, markerfacecolor="none", label="published, test", clip_on=False)


def plot_dimension(metrics: pd.DataFrame) -> Figure:
    """Four estimates of dimension, on test and on train points, of addition (left) and multiplication (right).

    Reads pca_dimension_95, pca_dimension_99, participation_ratio, twonn_dimension and local_pca_dimension. Source:
    table G1, prediction 5.1; the shaded step of the fall is that of the claims (vocabulary's fall_low and fall_high).
    """
    return side_by_side(
        metrics,
        "How many dimensions the hidden states fill",
        "Predicted: a sudden fall at the grok step, from about the number of samples to the task's one. PCA and the "
        "participation ratio see the whole cloud, TwoNN and local PCA the rows around a point. Shaded: 95% interval of "
        "the step at which the first seed's test points fall; none without a single such step.",
        [_panel(*estimate) for estimate in ESTIMATES],
    )
