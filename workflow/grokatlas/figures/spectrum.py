"""Which frequencies of the discrete logarithm carry the class means, and the strides that follow from them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from ..thresholds import LOCK_SCORE
from .data import N_INNER, N_OUTER, STRIDES, RunRows, showcase
from .style import BLUE, GREY, VERMILLION, heading, missing_figure, say_missing, step_axis

OUTER_STEP = N_INNER  # averaging over a coset leaves only the multiples of the inner ring's size


def cell_edges(steps: np.ndarray) -> np.ndarray:
    """Cell borders half-way between neighbouring steps: float64 [n + 1] for steps [n]; heat map columns meet there."""
    if len(steps) == 1:
        return np.array([steps[0] - 0.5, steps[0] + 0.5])
    middle = (steps[1:] + steps[:-1]) / 2
    return np.concatenate([[2 * steps[0] - middle[0]], middle, [2 * steps[-1] - middle[-1]]])


def _draw_spectrum(figure: Figure, axis: Axes, run: RunRows) -> None:
    shares = run.table("spectrum", "power_share")
    steps, frequencies = shares.index.to_numpy(), shares.columns.to_numpy()
    # A power norm, not a logarithm: zero power must stay drawable and apart from missing cells.
    image = axis.pcolormesh(
        cell_edges(steps),
        np.arange(frequencies[0], frequencies[-1] + 2) - 0.5,
        shares.reindex(columns=np.arange(frequencies[0], frequencies[-1] + 1)).to_numpy().T,
        norm=PowerNorm(0.4, vmin=0, vmax=1),
        cmap="cividis",
        rasterized=True,
    )
    outer = np.arange(OUTER_STEP, frequencies[-1] + 1, OUTER_STEP)
    axis.set_yticks([1, *outer])
    axis.set_yticklabels(["1", *(f"{f}  (outer f={f // OUTER_STEP})" for f in outer)])
    axis.set_ylabel("frequency j of the ring of 96")
    axis.set_title("Share of the class means' power at each frequency")
    box = axis.get_position()
    bar = figure.colorbar(image, cax=figure.add_axes((box.x1 + 0.012, box.y0, 0.014, box.height)))
    bar.set_ticks([0, 0.01, 0.1, 0.3, 0.6, 1])
    bar.set_label("share of power (0 to 1)")


def _draw_strides(axis: Axes, run: RunRows, side: str, size: int) -> None:
    best = run.winners(STRIDES, f"{side}_stride_max")
    predicted = run.series(STRIDES, f"{side}_predicted_stride")
    axis.set(ylim=(size // 2 + 0.6, 0.4), ylabel="stride s")
    if best.empty or not len(predicted):
        say_missing(axis, f"No {side} strides were probed in this run: missing")
        return
    axis.plot(
        predicted.steps, predicted.values, "x", color=VERMILLION, markersize=5, label="predicted from the spectrum"
    )
    for high, face, word in (
        (True, BLUE, f"measured best, score >= {LOCK_SCORE}"),
        (False, "none", "measured best, lower"),
    ):
        rows = best[(best["value"] >= LOCK_SCORE) == high]
        axis.plot(
            rows["step"], rows["index"], "o", color=BLUE, markerfacecolor=face, markersize=6.5, label=word, zorder=1
        )
    both = predicted.steps[np.isin(predicted.steps, best["step"])]
    measured = best.set_index("step")["index"].loc[both].to_numpy()
    agree = np.mean(measured == predicted.values[np.isin(predicted.steps, both)])
    axis.set_yticks(range(1, size // 2 + 1))
    axis.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.6)
    axis.set_title(f"{side.capitalize()} ring of {size}: predicted and measured stride agree at {agree:.0%} of probes")


def plot_spectrum(metrics: pd.DataFrame) -> Figure:
    """Power share by frequency and step of one run, over its predicted and measured strides.

    Reads spectrum/power_share (index = frequency), {side}_stride_max (index = stride) and {side}_predicted_stride.
    docs/methods.md, correction 5: D(s) = sum over f of P_f * 4 sin^2(pi f s / n), predicted stride = its argmin.
    """
    run = showcase(metrics, "spectrum", "power_share")
    if run is None:
        title = "The spectrum on the discrete logarithm"
        return missing_figure(title, "No small-model run with a spectrum in these metrics: missing")
    figure = Figure(figsize=(9.5, 8))
    heading(
        figure,
        f"The spectrum on the discrete logarithm: weight decay {run.weight_decay}, seed {run.seed}",
        "Strides are shadows of these frequencies: the outer ring of 12 sees only multiples of 8 (as f = j / 8), the "
        "inner ring of 8 sees every frequency folded to j mod 8. Where cross and circle meet, the spectrum explains "
        "the stride.",
    )
    grid = figure.add_gridspec(
        3, 1, left=0.15, right=0.88, bottom=0.11, top=0.86, hspace=0.22, height_ratios=(3, 1, 0.8)
    )
    top, outer, inner = (figure.add_subplot(grid[line]) for line in range(3))
    _draw_spectrum(figure, top, run)
    _draw_strides(outer, run, "outer", N_OUTER)
    _draw_strides(inner, run, "inner", N_INNER)
    edges = top.get_xlim()
    for axis in (top, outer, inner):
        axis.set_xlim(edges)
        step_axis(axis, label=axis is inner)
        axis.tick_params(labelbottom=axis is inner)
    handles, labels = outer.get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=3)
    return figure
