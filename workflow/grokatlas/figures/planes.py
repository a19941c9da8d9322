"""UMAP and PCA planes of one run at its plane steps, every test pair a point, as the article pictures them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.figure import Figure

from ..thresholds import FALLEN
from .arms import accuracy, first_reach
from .data import RunRows
from .style import BLACK, VERMILLION, heading, heading_space, missing_figure

N_COSETS = 12
COSET_COLOURS = ListedColormap(colormaps["hsv"](np.arange(N_COSETS) / N_COSETS) * [0.9, 0.85, 0.9, 1])
METHODS = {"umap": "UMAP", "pca": "PCA"}
MOST_STEPS = 5
LEAST_APART = 0.05  # of a panel, between coset numbers that can still be read
SIDE, GAP = 1.75, 0.22  # inches of a panel and between panels
STRIDE_1 = 1  # the index of the score whose neighbours are neighbours on the ring: raw adjacency


def colourings(rows: pd.DataFrame) -> list[tuple[str, str, Colormap]]:
    """Column, words and colour map of each colouring that means something for these rows.

    For addition the place on the ring is the residue itself, and there are no cosets.
    """
    if (rows["label"] == rows["logarithm"]).all():
        return [("label", "residue (a ring)", colormaps["hsv"])]
    found = [("label", "residue", colormaps["viridis"]), ("logarithm", "discrete logarithm (a ring)", colormaps["hsv"])]
    return [*found, ("coset", "coset (logarithm mod 12)", COSET_COLOURS)] if rows["coset"].notna().all() else found


def shown_steps(steps: np.ndarray) -> list[int]:
    """At most five of the measured steps [n], evenly spread, the first and the last among them."""
    places = np.linspace(0, len(steps) - 1, min(MOST_STEPS, len(steps))).round().astype(int)
    return [int(steps[place]) for place in places]


def spread(table: pd.DataFrame, step: int) -> str:
    """Median of a step's values over their indices (seeds), and their range if there are several; or what is amiss."""
    if step not in table.index:
        return "missing"
    values = table.loc[step].dropna()
    if values.empty:
        return "none: collapsed"
    words = f"{values.median():.2f}"
    return words if len(values) == 1 else f"{words} ({values.min():.2f} to {values.max():.2f})"


def readings(run: RunRows, step: int, cosets: bool) -> str:
    """What was measured on the UMAP planes and in the full width: purity of the cosets, or else adjacency, in words."""
    if cosets:
        name, raw = "coset purity", run.table("plane", "raw_coset_purity")
        plane = run.table("plane", "plane_coset_purity")
    else:
        name, raw = "adjacency", run.table("ring", "ring_stride").filter([STRIDE_1])
        plane = run.table("plane", "plane_adjacency")
    return f"{name} {spread(plane, step)}\nraw {spread(raw, step)}"


def answers(run: RunRows, step: int) -> tuple[str, bool]:
    """The test accuracy at a step in words, and whether the answers are lost: below 0.5 after the first grok step."""
    found = accuracy(run)
    values, grok = found.values[found.steps == step], first_reach(found)
    if not len(values):
        return "not evaluated", False
    return f"accuracy {values[0]:.2f}", grok is not None and step > grok and bool(values[0] < FALLEN)


def _title(axis: Axes, run: RunRows, step: int, cosets: bool) -> None:
    """Over a column: the step and its numbers, in red if the answers are lost there."""
    words, lost = answers(run, step)
    colour = VERMILLION if lost else BLACK
    numbers = readings(run, step, cosets)
    axis.set_title(f"step {step:,}: {words}\n{numbers}", fontsize=7.5, color=colour, linespacing=1.3)


def _draw_plane(axis: Axes, rows: pd.DataFrame, column: str, colours: Colormap) -> None:
    x, y, value = (rows[name].to_numpy() for name in ("x", "y", column))
    top = N_COSETS - 1 if column == "coset" else rows["label"].max()
    size = float(np.clip(12_000 / len(rows), 1.9, 8))  # 6,452 points at p = 97
    axis.scatter(x, y, c=value, cmap=colours, vmin=0, vmax=top, s=size, lw=0, rasterized=True)
    axis.set(xticks=[], yticks=[], box_aspect=1)
    axis.spines[:].set_visible(True)
    axis.spines[:].set(color="#B0B0B0", lw=0.6)
    if np.ptp(x) == 0 and np.ptp(y) == 0:
        axis.text(0.5, 0.62, "collapsed:\nall rows equal", transform=axis.transAxes, ha="center", fontsize=8)
    elif column == "coset":
        name_cosets(axis, rows.groupby("coset")[["x", "y"]].median(), max(np.ptp(x), np.ptp(y)))


def name_cosets(axis: Axes, centres: pd.DataFrame, span: float) -> None:
    """Each coset's number at its centre, unless centres lie on one another: there the cosets are mixed."""
    points = centres.to_numpy()
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    if apart[~np.eye(len(points), dtype=bool)].min(initial=np.inf) < LEAST_APART * span:
        return
    for coset, (x, y) in zip(centres.index, points, strict=True):
        axis.text(
            x, y, str(int(coset)), ha="center", va="center", fontsize=6.5,
            bbox={"facecolor": "white", "alpha": 0.7, "lw": 0, "pad": 0.6},
        )  # fmt: skip


def plot_planes(metrics: pd.DataFrame, coordinates: pd.DataFrame, run: str) -> Figure:
    """A column a step, a row a method and colouring (residue, discrete logarithm, coset): every test pair a point.

    `coordinates`: rows of planes.PLANE_SCHEMA, of any runs. Reads accuracy, plane_coset_purity and raw_coset_purity,
    or plane_adjacency and ring_stride 1. Source: the article's UMAP pictures (docs/methods.md), tables G5 and G6.
    """
    title = f"Planes of the hidden states: {run}"
    own = coordinates[coordinates["run"] == run].sort_values(["step", "a", "b"], kind="stable")
    if own.empty:
        return missing_figure(title, "No plane of this run was measured: missing")
    steps, looks = shown_steps(own["step"].unique()), colourings(own)
    rows = [(method, *look) for method in METHODS for look in looks]
    measured = RunRows(run, float("nan"), "", metrics[metrics["run"] == run])
    above, left, right = heading_space(4) + 0.5, 0.62, 0.1
    width = max(left + len(steps) * (SIDE + GAP) + right, 7.5)
    height = above + len(rows) * (SIDE + GAP) + 0.05
    figure = Figure(figsize=(width, height))
    cosets = any(column == "coset" for column, *_ in looks)
    heading(figure, title, _explanation(cosets))
    for line, (method, column, words, colours) in enumerate(rows):
        for place, step in enumerate(steps):
            corner = (left + place * (SIDE + GAP), height - above - (line + 1) * (SIDE + GAP) + GAP)
            axis = figure.add_axes((corner[0] / width, corner[1] / height, SIDE / width, SIDE / height))
            _draw_plane(axis, own[(own["step"] == step) & (own["method"] == method)], column, colours)
            if line == 0:
                _title(axis, measured, step, cosets)
            if place == 0:
                axis.set_ylabel(f"{METHODS[method]} by\n{words}", fontsize=8)
    return figure


def _explanation(cosets: bool) -> str:
    number = (
        "Coset purity: share of the commonest coset in each of 12 clusters, mean"
        if cosets
        else "Adjacency: share of the 2 nearest other residues that are next on the ring"
    )
    return (
        "Every point is a test pair, placed by its hidden state; each panel has its own scale. UMAP (15 neighbours, "
        "cosine, seed 42) keeps who is near whom, not distances; PCA is the plane of most variance. "
        f"{number}; on the UMAP plane (median and range over seeds) and raw, in the full width. Red: test accuracy "
        f"below {FALLEN} after the grok step, the answers are lost."
    )
