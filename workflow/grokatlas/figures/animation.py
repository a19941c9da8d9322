"""The class means of one run through training, on each step's plane of most variance, as an animated GIF."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ..atomic import atomic_write
from .planes import COSET_COLOURS, N_COSETS, name_cosets
from .style import BLACK, GREY, STYLE, VERMILLION, missing_figure, step_axis

FRAMES = 120  # at most: 12 seconds
MILLISECONDS, LAST_MILLISECONDS = 100, 2_000
COLOURS = 128  # of the one palette that all frames share
SIZE, DPI = (4.8, 5.8), 90


def frame_steps(steps: np.ndarray) -> list[int]:
    """At most 120 of the steps [n], evenly spread, the first and the last among them."""
    places = np.linspace(0, len(steps) - 1, min(FRAMES, len(steps))).round().astype(int)
    return [int(steps[place]) for place in places]


def _picture(figure: Figure) -> Image.Image:
    """A figure in full colour."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])


class _Film:
    """The figure of which each frame shows one step."""

    def __init__(self, means: pd.DataFrame, run: str) -> None:
        self._means = means.sort_values(["step", "logarithm"], kind="stable")
        self._cosets = bool(self._means["coset"].notna().all())
        self._history = self._means.drop_duplicates("step")
        self._figure = Figure(figsize=SIZE, dpi=DPI)
        self._plane = self._figure.add_axes((0.04, 0.235, 0.92, 0.69))
        self._record = self._figure.add_axes((0.13, 0.08, 0.83, 0.10))
        self._figure.text(0.04, 0.985, run, fontsize=8, va="top", color=GREY)

    def draw(self, step: int) -> Image.Image:
        """The frame of a step, in full colour."""
        rows = self._means[self._means["step"] == step]
        accuracy = rows["test_accuracy"].iloc[0]
        self._draw_plane(self._plane, rows)
        self._plane.set_title(f"step {step:,}, test accuracy {accuracy:.0%}", fontsize=11, pad=4)
        self._plane.text(0, -0.015, _carried(rows), transform=self._plane.transAxes, fontsize=7.5, color=GREY, va="top")
        self._draw_record(self._record, step)
        return _picture(self._figure)

    def _draw_plane(self, axis: Axes, rows: pd.DataFrame) -> None:
        axis.clear()
        x, y = rows["x"].to_numpy(), rows["y"].to_numpy()
        # Each frame on its own scale, which the line below tells: the means grow a hundredfold in training.
        edge = 1.12 * float(np.hypot(x, y).max()) or 1.0
        if self._cosets:
            axis.scatter(x, y, c=rows["coset"], cmap=COSET_COLOURS, vmin=0, vmax=N_COSETS - 1, s=26, lw=0)
            name_cosets(axis, rows.groupby("coset")[["x", "y"]].mean(), 2 * edge)
        else:
            axis.scatter(x, y, c=rows["logarithm"], cmap=colormaps["hsv"], vmin=0, vmax=len(rows), s=26, lw=0)
        axis.set(xlim=(-edge, edge), ylim=(-edge, edge), xticks=[], yticks=[], aspect="equal")
        axis.spines[:].set_visible(True)
        axis.spines[:].set_color("#B0B0B0")

    def _draw_record(self, axis: Axes, step: int) -> None:
        axis.clear()
        axis.plot(self._history["step"], self._history["test_accuracy"], color=BLACK, lw=0.9)
        axis.axvline(step, color=VERMILLION, lw=1.2)
        axis.set(xlim=(0, self._history["step"].max()), ylim=(-0.05, 1.08), yticks=(0, 1))
        axis.tick_params(labelsize=7)
        step_axis(axis)
        axis.set_xlabel(axis.get_xlabel(), fontsize=7.5)
        axis.set_ylabel("accuracy", fontsize=7.5)


def _carried(rows: pd.DataFrame) -> str:
    """How much of the class means a frame shows, and how large it is."""
    share, radius = rows["plane_share"].iloc[0], float(np.hypot(rows["x"], rows["y"]).mean())
    if pd.isna(share):
        return "all class means are equal"
    return f"{share:.0%} of the class means' variance; mean radius {radius:.2g}"


def animate(means: pd.DataFrame, run: str, path: Path) -> None:
    """Write the animation of a run's class means, coloured by coset (multiplication) or residue, as a GIF.

    `means`: rows of planes.MEAN_SCHEMA, of any runs. The same rows give the same bytes. A run without rows (it diverged
    before its first snapshot) gets one frame that says so. Raises GrokatlasError if the file cannot be written.
    """
    own = means[means["run"] == run]
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE}):
        if own.empty:
            frames = [_picture(missing_figure(run, "No snapshot of this run was measured: missing")).quantize(COLOURS)]
        else:
            film, steps = _Film(own, run), frame_steps(np.sort(own["step"].unique()))
            # One palette for all frames, so that colours neither flicker nor cost bytes in each.
            palette = film.draw(steps[-1]).quantize(COLOURS)
            frames = [film.draw(step).quantize(palette=palette, dither=Image.Dither.NONE) for step in steps]
    durations = [MILLISECONDS] * (len(frames) - 1) + [LAST_MILLISECONDS]
    with atomic_write(path) as temporary:
        frames[0].save(
            temporary, format="GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=True
        )
