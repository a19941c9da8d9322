"""Names of the figures, known without data and without matplotlib: the workflow declares its outputs from them."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import GrokatlasError

FIXED_NAMES = ("clock", "phase", "adjacency", "spectrum", "sizes", "long_run")
TIMELINE = "timeline_wd"


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
