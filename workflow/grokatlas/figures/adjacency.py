"""Who is whose nearest neighbour: the 12 cosets, and the 8 elements within a coset, at a few steps of one run."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .data import N_INNER, N_OUTER, STRIDES, RunRows, showcase
from .style import heading, missing_figure

# The steps at which the article's weight decay 2.0 account turns (tables N3 and N4, and the scan behind them).
PUBLISHED_STEPS = (20_000, 100_000, 140_000, 400_000, 1_000_000)
COLUMNS = 5


def chosen_steps(steps: np.ndarray) -> list[int]:
    """Up to five probed steps: the article's if at least three of them were probed, else evenly spread ones.

    `steps`: probed steps, increasing, int64 [n]. The last probed step is always among the spread ones.
    """
    published = [step for step in PUBLISHED_STEPS if step in steps]
    if len(published) >= 3:
        return published
    places = np.linspace(0, len(steps) - 1, COLUMNS + 1)[1:] if len(steps) > COLUMNS else np.arange(len(steps))
    return [int(steps[place]) for place in places.round().astype(int)]


def _draw_matrix(axis: Axes, values: np.ndarray, title: str, ring: str) -> None:
    size = len(values)
    axis.imshow(values, cmap=colormaps["cividis"].with_extremes(bad="#D0D0D0"), vmin=0, vmax=1, interpolation="nearest")
    ticks = range(0, size, 2)
    axis.set_xticks(ticks)
    axis.set_yticks(ticks)
    axis.tick_params(length=2, labelsize=7.5)
    axis.set_title(title, fontsize=8.5)
    axis.set_xlabel(f"{ring} of the neighbour", fontsize=8)
    axis.spines[:].set_visible(False)


def _best(run: RunRows, side: str, step: int) -> str:
    """E.g. 'best s=2: 1.00 (p=0.001)' from the maximum-statistic row of a step."""
    found = run.winners(STRIDES, f"{side}_stride_max").query("step == @step")
    if found.empty:
        return "best stride: missing"
    row = found.iloc[0]
    p_value = "" if pd.isna(row["p_value"]) else f", p={row['p_value']:.2g}"
    return f"best s={int(row['index'])}: {row['value']:.2f}{p_value}"


def plot_adjacency(metrics: pd.DataFrame) -> Figure:
    """Nearest-neighbour matrices of one run: outer 12 x 12 (0 or 1), inner 8 x 8 (share of cosets, 0 to 1).

    Reads outer_pair_adjacency and inner_pair_adjacency, index row * size + column. Source: nested article, table N1.
    """
    run = showcase(metrics, STRIDES, "outer_pair_adjacency")
    if run is None:
        title = "Nearest neighbours among cosets and within them"
        return missing_figure(title, "No small-model run with probed strides in these metrics: missing")
    tables = {side: run.table(STRIDES, f"{side}_pair_adjacency") for side in ("outer", "inner")}
    steps = chosen_steps(tables["outer"].index.to_numpy())
    figure = Figure(figsize=(2.35 * max(len(steps), 3) + 0.9, 6.3))
    heading(
        figure,
        f"Nearest neighbours among cosets and within them: weight decay {run.weight_decay}, seed {run.seed}",
        "Row: a coset (or element); bright: its nearest neighbours. A ring of stride s shows as bright diagonals s "
        "places off the grey main one. Above, each coset's 2 nearest; below, each element's 1 nearest, as share of the "
        "12 cosets.",
    )
    grid = figure.add_gridspec(
        2, len(steps), left=0.07, right=0.9, bottom=0.08, top=0.82, wspace=0.25, hspace=0.42, height_ratios=(1, 1)
    )
    for line, (side, size, ring) in enumerate((("outer", N_OUTER, "coset"), ("inner", N_INNER, "element"))):
        for column, step in enumerate(steps):
            axis = figure.add_subplot(grid[line, column])
            values = tables[side].reindex(columns=range(size * size)).loc[step].to_numpy().reshape(size, size)
            _draw_matrix(axis, values, f"step {step:,}\n{_best(run, side, step)}", ring)
            if column == 0:
                axis.set_ylabel(f"{side}: {ring}")
    bar = figure.colorbar(axis.images[0], cax=figure.add_axes((0.925, 0.2, 0.012, 0.5)))
    bar.set_label("share that are nearest neighbours")
    return figure
