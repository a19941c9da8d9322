"""The vocabulary's readouts of stride scores. Each takes a view of one run; see `vocabulary` for what they give."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan

import numpy as np

from .. import readouts
from ..records import NO_INDEX, View
from ..tasks import CosetSplit
from .accuracy import accuracy_series
from .reading import Reading

COSETS = "12x8"


def _every_stride(view: View, probe: str, metric: str) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    found = {s: view.series(probe, metric, "test", s) for s in view.record.indices(probe, metric)}
    if not found:
        return np.empty(0, dtype=np.int64), {}
    length = min(len(steps) for steps, _ in found.values())
    return next(iter(found.values()))[0][:length], {s: values[:length] for s, (_, values) in found.items()}


def _scores(view: View, side: str, cosets: str) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Steps int [n] and the score float [n] of every stride of one side, as far as all strides go; empty for none."""
    return _every_stride(view, f"strides_{cosets}", f"{side}_stride")


def ring_scores(view: View, cosets: str) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """The same of the run's outer ring: the cosets for multiplication, all residues for addition."""
    if view.record.columns["operation"] == "multiplication":
        return _scores(view, "outer", cosets)
    return _every_stride(view, "ring", "ring_stride")


def _window(steps: np.ndarray, values: np.ndarray, start: int, stop: int | None) -> tuple[np.ndarray, np.ndarray]:
    keep = (steps >= start) & (steps <= (steps[-1] if stop is None else stop)) if len(steps) else slice(0)
    return steps[keep], values[keep]


def score_at(view: View, *, step: int, side: str, stride: int, cosets: str = COSETS) -> Reading | None:
    """Score of one stride at exactly this step: the published kind of readout."""
    value = view.at(f"strides_{cosets}", f"{side}_stride", "test", stride, step)
    return None if value is None else Reading(value, step, step)


def pca_at(view: View, *, step: int) -> Reading | None:
    """PCA dimension (95% of the variance) at exactly this step."""
    value = view.at("pca", "pca_dimension_95", "test", NO_INDEX, step)
    return None if value is None else Reading(value, step, step)


def score_in_window(
    read_values: Callable[[np.ndarray, np.ndarray], tuple[float, int]],
) -> Callable[..., Reading | None]:
    """The readout that gives a summary (number, step) of one stride's scores over a window of steps."""

    def read(
        view: View, *, side: str, stride: int, start: int = 0, stop: int | None = None, cosets: str = COSETS
    ) -> Reading | None:
        steps, scores = _scores(view, side, cosets)
        inside, values = _window(steps, scores.get(stride, np.empty(0)), start, stop)
        return Reading(*read_values(inside, values), int(steps[-1])) if len(inside) else None

    return read


def lowest(steps: np.ndarray, values: np.ndarray) -> tuple[float, int]:
    """The lowest value and its step."""
    return float(values.min()), int(steps[values.argmin()])


def highest(steps: np.ndarray, values: np.ndarray) -> tuple[float, int]:
    """The highest value and its step."""
    return float(values.max()), int(steps[values.argmax()])


def median(steps: np.ndarray, values: np.ndarray) -> tuple[float, int]:
    """The median and the last step that went into it."""
    return float(np.median(values)), int(steps[-1])


def score_trend(view: View, *, side: str, stride: int, start: int, stop: int, cosets: str = COSETS) -> Reading | None:
    """Median score in the second half of a window of steps minus that in the first half."""
    steps, scores = _scores(view, side, cosets)
    inside, values = _window(steps, scores.get(stride, np.empty(0)), start, stop)
    if len(inside) < 2:
        return None
    late = inside > (start + stop) / 2
    if not late.any() or late.all():
        return None
    return Reading(float(np.median(values[late]) - np.median(values[~late])), int(inside[-1]), int(steps[-1]))


def median_p_value(
    view: View, *, side: str, start: int = 0, stop: int | None = None, cosets: str = COSETS
) -> Reading | None:
    """Median p-value, over a window of steps, of the best score of any stride against random relabelling."""
    steps, p_values = view.series(f"strides_{cosets}", f"{side}_stride_max", "test", column=2)
    inside, values = _window(steps, p_values, start, stop)
    return Reading(float(np.median(values)), int(inside[-1]), int(steps[-1])) if len(inside) else None


def first_lock_reading(pick: Callable[[int, int, int], float]) -> Callable[..., Reading | None]:
    """The readout that gives pick(stride, first step, ring size) of the first lock of any stride; NaN for none."""

    def read(view: View, *, side: str, cosets: str = COSETS) -> Reading | None:
        steps, scores = _scores(view, side, cosets)
        if not len(steps):
            return None
        found = readouts.first_lock(steps, scores)
        size = getattr(CosetSplit(*map(int, cosets.split("x"))), side)
        return Reading(pick(*found[:2], size) if found else nan, found[1] if found else None, int(steps[-1]))

    return read


def lock_steps(view: View, *, side: str, cosets: str = COSETS) -> Reading | None:
    """Steps covered by the longest lock of any stride of this side; 0 if none ever locked."""
    steps, scores = _scores(view, side, cosets)
    if not len(steps):
        return None
    spans = [(steps[(steps >= a) & (steps <= b)]) for row in scores.values() for a, b in readouts.locks(steps, row)]
    longest = max(spans, key=readouts.covered_steps, default=None)
    if longest is None:
        return Reading(0.0, None, int(steps[-1]))
    return Reading(float(readouts.covered_steps(longest)), int(longest[0]), int(steps[-1]))


def collapse_step(view: View, *, side: str, cosets: str = COSETS) -> Reading | None:
    """Collapse step of the stride that locked first; NaN if none ever locked, infinity if it stands."""
    steps, scores = _scores(view, side, cosets)
    if not len(steps):
        return None
    found = readouts.first_lock(steps, scores)
    if found is None:
        return Reading(nan, None, int(steps[-1]))
    step = readouts.collapse_step(steps, scores[found[0]])
    return Reading(inf if step is None else float(step), step, int(steps[-1]))


def takeover_stride(view: View, *, cosets: str = COSETS) -> Reading | None:
    """The inner stride that has taken over at the record's end; NaN for none."""
    steps, inner = _scores(view, "inner", cosets)
    outer_steps, outer = _scores(view, "outer", cosets)
    if not len(steps) or not len(outer_steps):
        return None
    length = min(len(steps), len(outer_steps))
    inner, outer = ({s: row[:length] for s, row in side.items()} for side in (inner, outer))
    best = readouts.takeover_stride(steps[:length], inner, outer)
    return Reading(nan if best is None else float(best), int(steps[length - 1]), int(steps[length - 1]))


def leading_stride(view: View, *, side: str, cosets: str = COSETS) -> Reading | None:
    """The stride with the highest median score over the last 40% of probes, however high that is."""
    steps, scores = _scores(view, side, cosets)
    if not len(steps):
        return None
    medians = readouts.tail_medians(steps, scores)
    return Reading(float(max(medians, key=lambda s: (medians[s], -s))), int(steps[-1]), int(steps[-1]))


def tail_score(view: View, *, side: str, stride: int, cosets: str = COSETS) -> Reading | None:
    """Median score of one stride over the last 40% of probes."""
    steps, scores = _scores(view, side, cosets)
    if not len(steps) or stride not in scores:
        return None
    return Reading(readouts.tail_medians(steps, scores)[stride], int(steps[-1]), int(steps[-1]))


def coexistence_steps(view: View, *, outer: list, inner: int, cosets: str = COSETS) -> Reading | None:
    """Longest time for which one of the outer strides and the inner stride both score 0.5 or more."""
    steps, inner_scores = _scores(view, "inner", cosets)
    outer_steps, outer_scores = _scores(view, "outer", cosets)
    length = min(len(steps), len(outer_steps))
    if not length or inner not in inner_scores or not set(outer) <= set(outer_scores):
        return None
    steps = steps[:length]
    found = (readouts.coexistence_steps(steps, outer_scores[s][:length], inner_scores[inner][:length]) for s in outer)
    longest, start = max(found, key=lambda pair: pair[0])
    return Reading(float(longest), start, int(steps[-1]))


def lowest_accuracy_around_collapse(view: View, *, margin: int, split: str = "test") -> Reading | None:
    """Lowest accuracy within `margin` steps of the collapse of the first locked outer ring; None without a collapse."""
    collapse = collapse_step(view, side="outer")
    if collapse is None or not np.isfinite(collapse.value):
        return None
    steps, values, reach = accuracy_series(view, split, int(collapse.value) - margin, int(collapse.value) + margin)
    if not len(steps):
        return None
    return Reading(float(values.min()), int(steps[values.argmin()]), min(reach, collapse.reach))
