"""Tables N3 and N4 as pictures: accuracy, every stride, variance and dimension of one weight decay over training."""

from __future__ import annotations

from math import gcd

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..readouts import collapse_step, stretches
from ..thresholds import GROK, LOCK_PROBES, LOCK_SCORE, LOCK_STEPS
from .data import HORIZON, N_INNER, N_OUTER, SMALL, STRIDES, RunRows, select
from .panels import CLASS_LOOKS, draw_accuracy, draw_seeds
from .style import BLACK, GREY, PURPLE, VERMILLION, heading, heading_space, missing_figure, step_axis

# Panel heights in inches: accuracy, one a stride, variance share, dimension.
TALL, STRIP, MIDDLE, TITLE = 1.35, 0.5, 1.0, 0.3


def _draw_accuracy(axis: Axes, runs: list[RunRows]) -> None:
    draw_accuracy(axis, runs)
    axis.set_ylabel("accuracy")
    axis.text(1.005, GROK, f"{GROK}: grokked", transform=axis.get_yaxis_transform(), fontsize=7.5, va="center")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.35))
    for run in runs:
        diverged = run.series("evaluation", "diverged")
        axis.plot(diverged.steps, np.full(len(diverged), 0.02), "X", color=VERMILLION, markersize=8, clip_on=False)
        for step in diverged.steps:
            axis.annotate(f"seed {run.seed} diverged", (step, 0.02), (4, 6), textcoords="offset points", fontsize=7.5)


def _draw_stride(axis: Axes, runs: list[RunRows], side: str, stride: int, size: int) -> None:
    """One stride's score: baseline dashed, the first seed's locks shaded and its collapse marked."""
    found = [run.series(STRIDES, f"{side}_stride", "test", stride) for run in runs]
    first, colour = found[0], CLASS_LOOKS[gcd(stride, size)][0]
    for stretch in stretches(first.steps, first.values):
        if stretch.kind == "lock":
            axis.axvspan(stretch.start, stretch.end, color=colour, alpha=0.2, lw=0)
        elif stretch.kind == "unfinished":
            axis.axvspan(stretch.start, stretch.end, facecolor="none", edgecolor="#B8B8B8", hatch="////", lw=0)
    collapsed = collapse_step(first.steps, first.values)
    if collapsed is not None:
        axis.axvline(collapsed, color=VERMILLION, lw=1.2, ls="-.")
        axis.annotate(
            f"collapse {collapsed:,}",
            (collapsed, 0.72),
            (3, 0),
            textcoords="offset points",
            fontsize=7.5,
            color=VERMILLION,
        )
    draw_seeds(axis, found, colour)
    axis.plot(first.steps, first.baselines, color=GREY, lw=0.9, ls="--")
    axis.set(ylim=(-0.06, 1.12), yticks=(0, 1))
    axis.set_ylabel(f"s={stride}", rotation=0, ha="right", va="center", labelpad=6)
    chance = f"chance {first.baselines[0]:.3f}" if len(first) else "missing"
    axis.text(1.005, 0.5, chance, transform=axis.transAxes, fontsize=7.5, va="center", color="#404040")


def _draw_variance(axis: Axes, runs: list[RunRows]) -> None:
    for metric, colour, dashes, label in (
        ("variance_share_labels", BLACK, "-", "between labels"),
        ("variance_share_cosets", VERMILLION, "--", "between cosets"),
    ):
        draw_seeds(axis, [run.series(STRIDES, metric) for run in runs], colour, dashes, label=label)
    axis.set(ylim=(-0.03, 1.05), ylabel="share of\nvariance")
    axis.legend(loc="center left", bbox_to_anchor=(1.005, 0.5))


def _draw_dimension(axis: Axes, runs: list[RunRows]) -> None:
    for level, colour, dashes in ((95, BLACK, "-"), (99, PURPLE, "--")):
        found = [run.series("pca", f"pca_dimension_{level}", "test") for run in runs]
        draw_seeds(axis, found, colour, dashes, label=f"{level}% of variance")
    axis.set(ylabel="PCA\ncomponents")
    axis.set_ylim(bottom=0)
    axis.legend(loc="center left", bbox_to_anchor=(1.005, 0.5))


def plot_timeline(metrics: pd.DataFrame, weight_decay: float) -> Figure:
    """One weight decay over training (to 1,000,000 steps), panels on one step axis, all seeds of the small model.

    Panels: accuracy; outer strides 1 to 6 and inner strides 1 to 4 with exact baselines; share of the hidden states'
    variance between labels and between cosets; PCA dimension. Locks and collapses are the first seed's.
    Source: nested article, tables N3 and N4; thresholds in thresholds.py.
    """
    runs = select(metrics, SMALL, weight_decay)
    if not runs:
        sentence = f"No small-model run at weight decay {weight_decay} in these metrics: missing"
        return missing_figure(f"Timeline of weight decay {weight_decay}", sentence)
    strides = [("outer", s, N_OUTER) for s in range(1, N_OUTER // 2 + 1)]
    strides += [("inner", s, N_INNER) for s in range(1, N_INNER // 2 + 1)]
    panels = [TALL, *[STRIP] * len(strides), MIDDLE, MIDDLE]
    above, below, gap = heading_space(3), 0.5, 0.1
    height = above + below + sum(panels) + gap * len(panels) + 3 * TITLE
    figure = Figure(figsize=(9.5, height))
    axes = _stack_panels(figure, panels, above, gap)
    _draw_accuracy(axes[0], runs)
    for axis, (side, stride, size) in zip(axes[1:-2], strides, strict=True):
        _draw_stride(axis, runs, side, stride, size)
    _draw_variance(axes[-2], runs)
    _draw_dimension(axes[-1], runs)
    axes[-2].set_title("What the hidden states spread over")
    axes[1].set_title("Outer: share of the 12 coset centres' nearest neighbours that lie s steps away")
    axes[1 + N_OUTER // 2].set_title("Inner: the same for the 8 elements within a coset, mean over cosets")
    _say_how_to_read(figure, runs, weight_decay)
    last = max(run.last_step for run in runs)
    for axis in axes:
        axis.set_xlim(0, last)
        step_axis(axis, label=axis is axes[-1])
        axis.tick_params(labelbottom=axis is axes[-1])
    return figure


def _stack_panels(figure: Figure, panels: list[float], above: float, gap: float) -> list[Axes]:
    """Panels from top to bottom, the stride groups set off by room for their titles."""
    width, height = figure.get_size_inches()
    axes: list[Axes] = []
    top = height - above
    for place, size in enumerate(panels):
        if place in (1, 1 + N_OUTER // 2, len(panels) - 2):
            top -= TITLE
        axes.append(
            figure.add_axes((0.09, (top - size) / height, 0.75, size / height), sharex=axes[0] if axes else None)
        )
        top -= size + gap
    return axes


def _say_how_to_read(figure: Figure, runs: list[RunRows], weight_decay: float) -> None:
    others = ", ".join(run.seed for run in runs[1:])
    seeds = f"seed {runs[0].seed}" + (f" (bold) and seed{'s' * (len(runs) > 2)} {others} (thin)" if others else "")
    heading(
        figure,
        f"Weight decay {weight_decay}: answers and representation over training",
        f"{seeds[0].upper()}{seeds[1:]}; at most {HORIZON:,} steps. Dashed grey: the exact score of random labelling. "
        f"For seed {runs[0].seed}: shaded, a lock (score >= {LOCK_SCORE} over {LOCK_PROBES} or more probes and "
        f"{LOCK_STEPS:,} steps); hatched, as high at the end but too short to tell; red, its collapse. "
        "Strides of one colour (outer 1 and 5, inner 1 and 3) differ only by the choice of primitive root.",
    )
