"""UMAP and PCA planes of one run at its plane steps, every test pair a point, as the article pictures them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.figure import Figure

from .style import heading, heading_space, missing_figure

N_COSETS = 12
COSET_COLOURS = ListedColormap(colormaps["hsv"](np.arange(N_COSETS) / N_COSETS) * [0.9, 0.85, 0.9, 1])
METHODS = {"umap": "UMAP", "pca": "PCA"}
MOST_STEPS = 5
LEAST_APART = 0.05  # of a panel, between coset numbers that can still be read
SIDE, GAP = 1.75, 0.22  # inches of a panel and between panels


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


def plot_planes(coordinates: pd.DataFrame, run: str) -> Figure:
    """A column a step, a row a method and colouring (residue, discrete logarithm, coset): every test pair a point.

    `coordinates`: rows of planes.PLANE_SCHEMA, of any runs. Source: the article's UMAP pictures (docs/methods.md).
    """
    title = f"Planes of the hidden states: {run}"
    own = coordinates[coordinates["run"] == run].sort_values(["step", "a", "b"], kind="stable")
    if own.empty:
        return missing_figure(title, "No plane of this run was measured: missing")
    steps, looks = shown_steps(own["step"].unique()), colourings(own)
    rows = [(method, *look) for method in METHODS for look in looks]
    above, left, right = heading_space(2) + 0.25, 0.62, 0.1
    width = max(left + len(steps) * (SIDE + GAP) + right, 7.5)
    height = above + len(rows) * (SIDE + GAP) + 0.05
    figure = Figure(figsize=(width, height))
    heading(
        figure,
        title,
        "Every point is a test pair, placed by its hidden state; each panel has its own scale. UMAP (15 neighbours, "
        "cosine, seed 42) keeps who is near whom, not distances; PCA is the plane of most variance.",
    )
    for line, (method, column, words, colours) in enumerate(rows):
        for place, step in enumerate(steps):
            corner = (left + place * (SIDE + GAP), height - above - (line + 1) * (SIDE + GAP) + GAP)
            axis = figure.add_axes((corner[0] / width, corner[1] / height, SIDE / width, SIDE / height))
            _draw_plane(axis, own[(own["step"] == step) & (own["method"] == method)], column, colours)
            if line == 0:
                axis.set_title(f"step {step:,}", fontsize=9)
            if place == 0:
                axis.set_ylabel(f"{METHODS[method]} by\n{words}", fontsize=8)
    return figure
