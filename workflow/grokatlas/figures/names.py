"""Names of the figures, known without data and without matplotlib: the workflow declares its outputs from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..errors import GrokatlasError
from ..runs import Run

FIXED_NAMES = ("clock", "phase", "adjacency", "spectrum", "sizes", "long_run")
# The second article's figures, each with the probes of which one is enough to draw it.
MANIFOLD_NAMES = {
    "dimension": {"pca", "twonn", "local_pca"},
    "topology": {"topology"},
    "attention": {"attention"},
    "activations": {"activations"},
    "bottleneck": set(),
    "drift": {"drift"},
    "seeds": set(),
}
TIMELINE = "timeline_wd"
PLANES = "planes_"


def timeline_name(weight_decay: float) -> str:
    """The timeline figure of one weight decay, e.g. 2 -> timeline_wd2.0."""
    return f"{TIMELINE}{float(weight_decay)}"


def timeline_weight_decay(name: str) -> float | None:
    """The weight decay in a timeline's name; None for the other figures.

    Raises GrokatlasError if the name starts like a timeline but no number follows.
    """
    if not name.startswith(TIMELINE):
        return None
    try:
        return float(name.removeprefix(TIMELINE))
    except ValueError:
        raise GrokatlasError(f"figure {name!r}: a timeline's name ends in a weight decay, e.g. {TIMELINE}2.0") from None


def figure_names(weight_decays: Sequence[float]) -> list[str]:
    """Every figure for a config whose small multiplication runs have these weight decays, duplicates dropped."""
    return [
        FIXED_NAMES[0],
        *(timeline_name(value) for value in sorted(set(map(float, weight_decays)))),
        *FIXED_NAMES[1:],
    ]


def manifold_names(runs: Iterable[Run], probes: Iterable[str]) -> list[str]:
    """The second article's figures that runs and probes can fill: in its setting, at weight decay 1.0.

    `bottleneck` needs a run with one, `seeds` two seeds of one operation, each of the others a probe.
    """
    runs = [run for run in runs if _in_setting(run)]
    plain = [run.operation for run in runs if run.bottleneck is None]
    can = {name: bool(plain and useful & set(probes)) for name, useful in MANIFOLD_NAMES.items()}
    can["bottleneck"] = len(plain) < len(runs)
    can["seeds"] = len(set(plain)) < len(plain)
    return [name for name in MANIFOLD_NAMES if can[name]]


def _in_setting(run: Run) -> bool:
    """Whether a run is the default one (the published setting) up to its operation, bottleneck and seeds."""
    return replace(run, operation=Run.operation, bottleneck=None, seeds=Run.seeds) == Run()


def planes_name(run: str) -> str:
    """The figure of a run's planes, e.g. planes_mul97-L2d128h4-wd1-s42."""
    return f"{PLANES}{run}"
