"""The figures, drawn from the metrics table alone. `names` is light; everything else loads matplotlib when drawing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import GrokatlasError
from .names import (
    FIXED_NAMES,
    MANIFOLD_NAMES,
    PLANES,
    figure_names,
    planes_name,
    timeline_name,
    timeline_weight_decay,
)

if TYPE_CHECKING:  # the Snakefile needs the names in every job, so neither pandas nor matplotlib is loaded for them
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["draw", "figure_names", "planes_name", "plotter", "timeline_name"]


def plotter(name: str) -> Callable[..., Figure]:
    """The function that makes the figure of this name: metrics frame -> matplotlib Figure (not saved).

    A figure named planes_{run} also takes the run's coordinates (planes.PLANE_SCHEMA).

    Raises GrokatlasError for a name that no figure has.
    """
    weight_decay = timeline_weight_decay(name)
    if weight_decay is not None:
        return partial(import_module(".timeline", __name__).plot_timeline, weight_decay=weight_decay)
    if name.startswith(PLANES):
        return partial(import_module(".planes", __name__).plot_planes, run=name.removeprefix(PLANES))
    if name not in (*FIXED_NAMES, *MANIFOLD_NAMES):
        known = ", ".join((*FIXED_NAMES, *MANIFOLD_NAMES, "timeline_wd{weight decay}", "planes_{run}"))
        raise GrokatlasError(f"figure {name!r} is unknown: use one of {known}")
    return getattr(import_module(f".{name}", __name__), f"plot_{name}")


def draw(name: str, metrics: pd.DataFrame, folder: Path, coordinates: pd.DataFrame | None = None) -> list[Path]:
    """Draw one figure and write {name}.png (200 dpi) and {name}.svg into `folder`; returns both paths.

    `coordinates`: those of planes_{run}. The same tables give the same bytes. Raises GrokatlasError for an unknown name
    or a folder that cannot be written.
    """
    from .style import say_evidence, styled

    plot, tables = plotter(name), (metrics,) if coordinates is None else (metrics, coordinates)

    def figure() -> Figure:
        made = plot(*tables)
        if coordinates is None:  # planes are of a run that was trained here
            say_evidence(made, metrics)
        return made

    return styled(figure, Path(folder) / f"{name}.png", Path(folder) / f"{name}.svg")
