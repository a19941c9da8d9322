"""The vocabulary's readouts of a measure at single steps and in phases. See `vocabulary` for what they give."""

from __future__ import annotations

from collections.abc import Callable
from math import nan

import numpy as np

from .. import readouts
from ..records import MEASURES, NO_INDEX, View
from ..thresholds import SOLID
from .reading import Reading
from .trajectory import Trajectory, grokked, trajectory

PICKS: dict[str, Callable[[list[float]], float]] = {"lowest": min, "median": np.median, "highest": max}


def value_at(view: View, *, measure: str, step: int, split: str = "test", index: int = NO_INDEX) -> Reading | None:
    """The value at exactly this step: the published kind of readout."""
    value = view.at(MEASURES[measure], measure, split, index, step)
    return None if value is None else Reading(value, step, step)


def across_seeds(view: View, *, measure: str, pick: str, step: int | None = None) -> Reading | None:
    """Lowest, median or highest value over the seeds (the index) at one step, by default the last one measured."""
    keys = [(MEASURES[measure], measure, "test", i) for i in view.record.indices(MEASURES[measure], measure)]
    if step is None:
        step = max((view.last_step(*key) for key in keys), default=0)
    values = [value for key in keys if (value := view.at(*key, step)) is not None]
    return Reading(float(PICKS[pick](values)), step, step) if values else None


def _median(found: Trajectory, phase: str) -> float:
    inside = found.values[found.phase(phase)]
    return float(np.median(inside)) if len(inside) else nan


def median_in_phase(view: View, *, measure: str, phase: str, split: str = "test") -> Reading | None:
    """Median over a phase of a run that grokked; None if no probe is in it."""
    found = grokked(view, measure, split)
    if found is None or np.isnan(value := _median(found, phase)):
        return None
    return Reading(value, int(found.steps[found.phase(phase)][-1]), found.reach)


def fallen_over_solid(view: View, *, measure: str, split: str = "test") -> Reading | None:
    """Median where the answers are lost again over that where they are right; None without both, or over 0."""
    found = grokked(view, measure, split)
    if found is None:
        return None
    fallen, solid = _median(found, "fallen"), _median(found, "solid")
    return Reading(fallen / solid, None, found.reach) if solid and np.isfinite(fallen + solid) else None


def at_grok(view: View, *, measure: str, offset: int, split: str = "test") -> Reading | None:
    """Value `offset` evaluations from the first grok step; None if it was not measured there."""
    found = grokked(view, measure, split)
    if found is None:
        return None
    step = found.grok + offset * view.cadence
    value = found.at(step)
    return None if value is None else Reading(value, step, found.reach)


def first_solid_after_grok(view: View, *, measure: str, offset: int, split: str = "test") -> Reading | None:
    """Value at the first probe `offset` or more evaluations after the first grok step with accuracy 0.99 or more."""
    found = grokked(view, measure, split)
    if found is None:
        return None
    there = np.flatnonzero((found.steps >= found.grok + offset * view.cadence) & (found.accuracy >= SOLID))
    if not len(there):
        return None
    return Reading(float(found.values[there[0]]), int(found.steps[there[0]]), found.reach)


def change_across_grok(
    view: View, *, measure: str, before: int, after: int, solid: bool = False, split: str = "test"
) -> Reading | None:
    """Value `after` evaluations from the first grok step (or the first solid one from there) minus that `before`."""
    late = (first_solid_after_grok if solid else at_grok)(view, measure=measure, offset=after, split=split)
    early = at_grok(view, measure=measure, offset=before, split=split)
    if late is None or early is None:
        return None
    return Reading(late.value - early.value, late.step, late.reach)


def first_step_reaching(view: View, *, measure: str, value: float, split: str = "test") -> Reading | None:
    """The first of LASTING probes in a row with the value or more; NaN if never."""
    found = trajectory(view, measure, split)
    if found is None:
        return None
    step = readouts.first_lasting(found.steps, found.values >= value)
    return Reading(nan if step is None else float(step), step, found.reach)


def reached_from_grok(view: View, *, measure: str, value: float, split: str = "test") -> Reading | None:
    """Steps from the first grok step to the first of LASTING probes with the value or more; NaN if never."""
    found = grokked(view, measure, split)
    first = first_step_reaching(view, measure=measure, value=value, split=split)
    return None if found is None else Reading(first.value - found.grok, first.step, first.reach)


def correlation_reading(field: str) -> Callable[..., Reading | None]:
    """The readout that gives one field of RankCorrelation, of a measure with the test accuracy."""

    def read(view: View, *, measure: str, since_grok: bool = False, split: str = "test") -> Reading | None:
        found = (grokked if since_grok else trajectory)(view, measure, split)
        if found is None:
            return None
        keep = found.steps >= (found.grok if since_grok else 0)
        correlation = readouts.rank_correlation(found.values[keep], found.accuracy[keep])
        return None if correlation is None else Reading(getattr(correlation, field), None, found.reach)

    return read
