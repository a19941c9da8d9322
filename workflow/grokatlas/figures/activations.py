"""Table G3 as a picture: the size of the activations beside the accuracy, through collapses."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .arms import Panel, accuracy, draw_metric, legend_above, side_by_side
from .data import RunRows
from .style import BLUE, VERMILLION

MEASURES = (("mean_norm", "mean L2 norm", 1), ("std", "standard\ndeviation", 2), ("sparsity", "share of\n|h| < 0.1", 3))
# Table G3: step, mean L2 norm, standard deviation, sparsity (addition's is not published).
PUBLISHED = {
    "addition": (
        (9_000, 9.9, 0.88, None), (14_000, 1.79, 0.16, None), (17_000, 9.7, 0.87, None), (26_000, 1.88, 0.17, None),
        (54_000, 3.65, 0.33, None), (92_000, 2.90, 0.26, None), (97_000, 1.93, 0.17, None),
    ),
    "multiplication": ((8_000, 9.197, 0.813, 0.770), (14_000, 9.997, 0.884, 0.688)),
}  # fmt: skip


def rank_correlation(run: RunRows, metric: str) -> tuple[float, int]:
    """Spearman's correlation of an activation metric with test accuracy, and over how many steps that have both.

    NaN where either is constant or fewer than 3 steps have both.
    """
    series, answers = run.series("activations", metric, "test"), accuracy(run)
    both = np.intersect1d(series.steps, answers.steps)
    if len(both) < 3:
        return float("nan"), len(both)
    columns = [pd.Series(s.values[np.isin(s.steps, both)]).rank() for s in (series, answers)]
    return float(columns[0].corr(columns[1])), len(both)


def _panel(metric: str, label: str, column: int) -> Panel:
    def draw(axis: Axes, runs: list[RunRows]) -> None:
        draw_metric(axis, runs, "activations", metric, "test", BLUE, "-", "test points")
        if not axis.lines:
            return
        last = max(run.last_step for run in runs)
        rows = PUBLISHED[runs[0].rows["operation"].iloc[0]]
        shown = [(row[0], row[column]) for row in rows if row[0] <= last and row[column] is not None]
        if shown:
            steps, values = zip(*shown, strict=True)
            axis.plot(steps, values, "o", color=VERMILLION, markerfacecolor="none", label="published", clip_on=False)
        legend_above(axis)
        correlation, count = rank_correlation(runs[0], metric)
        axis.set_title(f"rank correlation with accuracy {correlation:+.2f}, {count} steps", fontsize=8, pad=3)

    return Panel(1.35, label, draw, from_zero=metric != "sparsity")


def plot_activations(metrics: pd.DataFrame) -> Figure:
    """Mean norm, standard deviation and sparsity of the test hidden states of both operations, below the accuracy.

    Reads mean_norm, std and sparsity. Source: table G3.
    """
    return side_by_side(
        metrics,
        "Do the activations shrink when the answers are lost?",
        "Published: norm and standard deviation fall and rise with the accuracy. The rank correlations (Spearman, "
        "first seed) count every probed step, those before the grok step too.",
        [_panel(*measure) for measure in MEASURES],
        logarithmic=False,
    )
