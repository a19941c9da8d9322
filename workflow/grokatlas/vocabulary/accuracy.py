"""The vocabulary's readouts of accuracy. Each takes a view of one run; see `vocabulary` for what they give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from math import inf, nan

import numpy as np

from .. import readouts
from ..records import NO_INDEX, View
from ..thresholds import GROK, SIGNIFICANCE
from .reading import Reading


def accuracy_series(
    view: View, split: str, start: int = 0, stop: int | None = None
) -> tuple[np.ndarray, np.ndarray, int]:
    """Steps int [n] and accuracies float [n] within a window of steps, and how far the whole record reaches."""
    steps, values = view.series("evaluation", "accuracy", split)
    keep = (steps >= start) & (steps <= (view.horizon if stop is None else stop))
    return steps[keep], values[keep], int(steps[-1]) if len(steps) else 0


def accuracy_at(view: View, *, step: int, split: str = "test") -> Reading | None:
    """Accuracy at exactly this step: the published kind of readout."""
    value = view.at("evaluation", "accuracy", split, NO_INDEX, step)
    return None if value is None else Reading(value, step, step)


def of_readout(field: str) -> Callable[..., Reading | None]:
    """The readout that gives one field of AccuracyReadout over a window of steps."""

    def read(view: View, *, split: str = "test", start: int = 0, stop: int | None = None) -> Reading | None:
        steps, values, reach = accuracy_series(view, split, start, stop)
        if not len(steps):
            return None
        value = asdict(readouts.read_accuracy(steps, values))[field]
        at = value if field == "first_grok_step" else None if value is None else int(steps[-1])
        return Reading(nan if value is None else float(value), at, reach)

    return read


def extreme(pick: Callable[[np.ndarray], int]) -> Callable[..., Reading | None]:
    """The readout that gives the accuracy at the picked place (argmin or argmax) of a window of steps."""

    def read(view: View, *, split: str = "test", start: int = 0, stop: int | None = None) -> Reading | None:
        steps, values, reach = accuracy_series(view, split, start, stop)
        if not len(steps):
            return None
        place = pick(values)
        return Reading(float(values[place]), int(steps[place]), reach)

    return read


def median_difference(view: View, *, early: list, late: list, split: str = "test") -> Reading | None:
    """Median accuracy in the late window of steps minus that in the early one."""
    before, after = (accuracy_series(view, split, *window) for window in (early, late))
    if not len(before[0]) or not len(after[0]):
        return None
    return Reading(float(np.median(after[1]) - np.median(before[1])), int(after[0][-1]), after[2])


def regime_change_step(view: View, *, split: str = "test") -> Reading | None:
    """The step of the one best change in level, if it is no chance and the level falls; else NaN."""
    steps, values, reach = accuracy_series(view, split)
    found = readouts.change_point(steps, values)
    if found is None:
        return None
    if found.p_value >= SIGNIFICANCE or values[steps >= found.step].mean() >= values[steps < found.step].mean():
        return Reading(nan, None, reach)
    return Reading(float(found.step), found.step, reach)


def first_reach(absent: float) -> Callable[..., Reading | None]:
    """The readout that gives the first step with accuracy at `level` or more, or `absent`."""

    def read(view: View, *, level: float, split: str = "test") -> Reading | None:
        steps, values, reach = accuracy_series(view, split)
        if not len(steps):
            return None
        there = np.flatnonzero(values >= level)
        return (
            Reading(float(steps[there[0]]), int(steps[there[0]]), reach) if len(there) else Reading(absent, None, reach)
        )

    return read


time_to_accuracy, first_step_at = first_reach(inf), first_reach(nan)


def reaches_accuracy(view: View, *, level: float, split: str = "test") -> Reading | None:
    """1 if the accuracy is ever at `level` or more, else 0."""
    found = first_step_at(view, level=level, split=split)
    return None if found is None else Reading(float(found.step is not None), found.step, found.reach)


def share_below_grok_since_grok(view: View, *, split: str = "test") -> Reading | None:
    """Share of the evaluations from the first grok step on that are below 0.9; None if it never grokked."""
    steps, values, reach = accuracy_series(view, split)
    grokked = np.flatnonzero(values >= GROK)
    return Reading(float(np.mean(values[grokked[0] :] < GROK)), reach, reach) if len(grokked) else None


def low_stretch_at_end(view: View, *, split: str = "test") -> Reading | None:
    """Steps since the accuracy was last 0.9 or more, since the start if never; None for a run that ends there."""
    steps, values, reach = accuracy_series(view, split)
    if not len(steps) or values[-1] >= GROK:
        return None
    good = steps[values >= GROK]
    return Reading(float(reach - (good[-1] if len(good) else 0)), reach, reach)
