"""One look for all figures, and saving them so that the same data give the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import wrap

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from ..atomic import atomic_write
from ..metrics import HERE

# Okabe and Ito (2008): eight colours that stay apart under the common colour-vision deficiencies.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY, LIGHT = "#767676", "#E4E4E4"

LETTERS_PER_INCH = 15.5  # of an 8.5 point explanation

STYLE = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "font.family": "DejaVu Sans",  # ships with matplotlib, so every machine draws the same letters
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "hatch.linewidth": 0.6,
    "svg.hashsalt": "grokatlas",  # else element ids are random and two draws differ
    "svg.fonttype": "path",
    "savefig.dpi": 200,
}


def step_axis(axis: Axes, label: bool = True) -> None:
    """Tick labels in thousands of steps; the plotted data stay whole steps."""
    axis.xaxis.set_major_locator(MaxNLocator(nbins=10, steps=[1, 2, 2.5, 5, 10]))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step / 1000:,.10g}"))
    if label:
        axis.set_xlabel("optimizer step (thousands)")


def log_step_axis(axis: Axes, label: bool = True) -> None:
    """The same on a logarithmic axis, where grokking and what comes long after it both have room."""
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step / 1000:,.10g}"))
    if label:
        axis.set_xlabel("optimizer step (thousands, logarithmic)")


def heading(figure: Figure, title: str, explanation: str) -> None:
    """A bold title that says what is shown and, under it, how to read it, wrapped to the figure's width."""
    width, height = figure.get_size_inches()
    explanation = "\n".join(wrap(explanation, int(LETTERS_PER_INCH * width)))
    figure.text(0.01, 1 - 0.08 / height, title, fontsize=12, fontweight="bold", va="top", ha="left")
    figure.text(0.01, 1 - 0.33 / height, explanation, fontsize=8.5, color="#404040", va="top", ha="left")


def heading_space(lines: int) -> float:
    """Inches that a heading with this many lines of explanation takes at the top."""
    return 0.45 + 0.15 * lines


def say_missing(axis: Axes, sentence: str) -> None:
    """Write in an empty panel why it is empty, so that absent data are never read as zeros."""
    axis.set_xticks([])
    axis.text(0.5, 0.5, sentence, transform=axis.transAxes, ha="center", va="center", color=GREY, fontstyle="italic")


def say_evidence(figure: Figure, metrics: pd.DataFrame) -> None:
    """Write in a corner how many runs of the metrics were taken from evidence and not trained here, if any were."""
    runs = metrics.drop_duplicates("run").origin
    taken = int((runs.dropna() != HERE).sum())
    if taken:
        note = f"of {len(runs)} runs {len(runs) - taken} trained here, {taken} from resources/evidence"
        figure.text(0.995, 1 - 0.05 / figure.get_figheight(), note, fontsize=6.5, color=GREY, ha="right", va="top")


def missing_figure(title: str, sentence: str) -> Figure:
    """A figure with one empty panel that says what is missing; it has no ticks, hence no number to misread."""
    figure = Figure(figsize=(9.5, 2.6))
    heading(figure, title, "")
    axis = figure.add_axes((0.03, 0.18, 0.94, 0.62), yticks=[], xlabel="optimizer step (thousands)")
    say_missing(axis, sentence)
    return figure


def styled(plot: Callable[[], Figure], png: Path, svg: Path) -> list[Path]:
    """Draw under the shared style and write both files, each whole or not at all.

    Returns [png, svg]. Raises GrokatlasError if a file cannot be written.
    """
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE}):
        figure = plot()
        FigureCanvasAgg(figure)
        with atomic_write(png) as temporary:
            figure.savefig(temporary, format="png", metadata={"Software": None})
        with atomic_write(svg) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})
    return [png, svg]
