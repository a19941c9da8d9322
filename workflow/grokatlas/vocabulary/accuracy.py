"""The vocabulary's readouts of accuracy. Each takes a view of one run; see `vocabulary` for what they give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from math import nan

import numpy as np

from .. import readouts
from ..records import NO_INDEX, View
from ..thresholds import SIGNIFICANCE
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
