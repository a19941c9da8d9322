"""The vocabulary's readouts of change: fall of a measure, shape of the attention entropy, drift. See `vocabulary`."""

from __future__ import annotations

from collections.abc import Callable
from math import log, nan

import numpy as np

from .. import readouts
from ..records import MEASURES, NO_INDEX, View
from ..thresholds import ENTROPY_GAP, EVE, GROK
from .accuracy import first_step_at
from .reading import Reading
from .strides import COSETS, ring_scores
from .trajectory import Trajectory, grokked

AROUND = 2  # the window around the first grok step ends at this many times it, so that it lies in the middle
BEFORE, AFTER = (-4, -2), (0, 5)  # evaluations from the first grok step that are just before and just after it


def _window(found: Trajectory) -> np.ndarray:
    return found.steps <= AROUND * found.grok


def fall_reading(pick: Callable[[int, int, int, int], int]) -> Callable[..., Reading | None]:
    """The readout that gives pick(step, low, high, first grok step) of the measure's fall; NaN if it does not fall.

    None if no cut at the first grok step is allowed, e.g. since the answers are lost right after it: a fall there would
    be put elsewhere.
    """

    def read(view: View, *, measure: str, split: str = "test") -> Reading | None:
        found = grokked(view, measure, split)
        if found is None:
            return None
        inside = _window(found) & ~found.phase("fallen") & (found.values > 0)
        steps, values = found.steps[inside], found.values[inside]
        fall = readouts.fall(steps, values) if readouts.can_change_at(steps, found.grok) else None
        if fall is None:
            return None
        if fall.step is None:
            return Reading(nan, None, found.reach)
        return Reading(float(pick(fall.step, fall.low, fall.high, found.grok)), fall.step, found.reach)

    return read


def gap(step: int, low: int, high: int, grok: int) -> int:
    """Steps from the first grok step to the interval of the fall; 0 within it."""
    return max(low - grok, grok - high, 0)


def fall_share_at_grok(view: View, *, measure: str, split: str = "test") -> Reading | None:
    """Share of the fall of the logarithm that lies around the first grok step; NaN if the measure does not fall."""
    found = grokked(view, measure, split)
    if found is None:
        return None
    offset = (found.steps - found.grok) / view.cadence
    just_before = found.values[(offset >= BEFORE[0]) & (offset <= BEFORE[1])]
    just_after = found.values[found.phase("solid") & (offset >= AFTER[0]) & (offset <= AFTER[1])]
    if not len(just_before) or not len(just_after):
        return None
    levels = [found.values[0], np.median(just_before), np.median(just_after)]
    if min(levels) <= 0:
        return None
    first, before, after = map(log, levels)
    share = (before - after) / (first - after) if first > after else nan
    return Reading(share, found.grok, found.reach)


def entropy_shape(view: View, *, layer: int | None = None) -> Reading | None:
    """Smaller of two differences of median attention entropies: eve minus after, after minus early."""
    found = grokked(view, "attention_entropy", layer=layer)
    if found is None:
        return None
    early = found.values[found.steps <= (1 - EVE) * found.grok]
    eve = found.values[(found.steps >= EVE * found.grok) & (found.steps < found.grok)]
    after = found.values[found.phase("solid")]
    if not (len(early) and len(eve) and len(after)):
        return None
    low, high, medium = map(np.median, (early, eve, after))
    return Reading(float(min(high - medium, medium - low)), found.grok, found.reach)


def entropy_peak_over_grok(view: View, *, layer: int | None = None) -> Reading | None:
    """Step of the highest running median of 3 of the attention entropy, over the first grok step.

    NaN (no peak) unless it falls ENTROPY_GAP nats or more below that later in the window: a record that rises to a
    plateau has its highest value wherever rounding puts it.
    """
    found = grokked(view, "attention_entropy", layer=layer)
    if found is None:
        return None
    steps, values = found.steps[_window(found)], found.values[_window(found)]
    if len(values) < 3:
        return None
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(values, 3), axis=1)
    place = int(smooth.argmax())
    if smooth[place] - smooth[place:].min() < ENTROPY_GAP:
        return Reading(nan, None, found.reach)
    peak = int(steps[1 + place])
    return Reading(peak / found.grok, peak, found.reach)


def _events(view: View, grok: int) -> dict[str, int]:
    """Step of each event that happened: the first grok step, and the first lock and the collapse of a ring."""
    steps, scores = ring_scores(view, COSETS)
    locked = readouts.first_lock(steps, scores) if len(steps) else None
    if locked is None:
        return {"grok": grok}
    collapse = readouts.collapse_step(steps, scores[locked[0]])
    return {"grok": grok, "lock": locked[1]} | ({} if collapse is None else {"collapse": collapse})


def _drift(view: View, measure: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps and drifts up to the horizon and the first gap; none unless the record is probed at the view's cadence.

    Drift depends on the spacing, so it cannot be thinned; the first probe has nothing before it to drift from.
    """
    rows = view.record.rows.get((MEASURES[measure], measure, "test", NO_INDEX))
    steps, values = rows[:2] if rows is not None else (np.empty(0, dtype=np.int64), np.empty(0))
    unbroken = steps == view.cadence * np.arange(2, len(steps) + 2)
    length = int(np.argmin(np.append(unbroken, False)))
    keep = (steps[:length] <= view.horizon) & np.isfinite(values[:length])
    return steps[:length][keep], values[:length][keep]


def drift_reading(field: str) -> Callable[..., Reading | None]:
    """The readout that gives one field of EventDrift at an event; None if it did not happen."""

    def read(view: View, *, measure: str, event: str) -> Reading | None:
        grok = first_step_at(view, level=GROK)
        steps, values = _drift(view, measure)
        if grok is None or grok.step is None or not len(steps):
            return None
        events, keep = _events(view, grok.step), steps >= grok.step / 2
        if event not in events or not steps[0] <= events[event] <= steps[-1]:
            return None
        places = {name: int(np.searchsorted(steps[keep], step)) for name, step in events.items()}
        others = [place for name, place in places.items() if name != event]
        found = readouts.event_drift(values[keep], places[event], others)
        return None if found is None else Reading(getattr(found, field), events[event], int(steps[-1]))

    return read
