"""The vocabulary's readouts of the one long loop of the class means. See `vocabulary` for what they give."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import numpy as np

from .. import readouts
from ..records import View
from ..thresholds import LOOP_LEAD
from .reading import Reading
from .trajectory import Trajectory, trajectory


def lead_of_loop(view: View) -> Trajectory | None:
    """By how much of its own length the longest H1 bar of the class means leads the second; 0 if none stands out."""
    bars = [trajectory(view, "class_persistence_1", index=rank) for rank in (1, 2)]
    standing = trajectory(view, "class_bars_1")
    if standing is None or None in bars:
        return None
    (longest, second), n = bars, min(len(found.steps) for found in (*bars, standing))
    first = longest.values[:n]
    leads = 1 - np.divide(second.values[:n], first, out=np.ones(n), where=first > 0)
    lead = np.where(standing.values[:n] >= 1, leads, 0.0)
    return replace(longest, steps=longest.steps[:n], values=lead, accuracy=longest.accuracy[:n])


def loop_lead(view: View, *, phase: str) -> Reading | None:
    """Median lead over a phase of a run that grokked; None if no probe is in it."""
    found = lead_of_loop(view)
    if found is None or found.grok is None or not (inside := found.phase(phase)).any():
        return None
    return Reading(float(np.median(found.values[inside])), int(found.steps[inside][-1]), found.reach)


def loop_step(view: View) -> Reading | None:
    """The first of LASTING probes in a row at which the lead is LOOP_LEAD or more; NaN if never."""
    found = lead_of_loop(view)
    if found is None:
        return None
    step = readouts.first_lasting(found.steps, found.values >= LOOP_LEAD)
    return Reading(nan if step is None else float(step), step, found.reach)


def loop_from_grok(view: View) -> Reading | None:
    """Steps from the first grok step to that probe; NaN if there is none, None for a run that never grokked."""
    found, first = lead_of_loop(view), loop_step(view)
    if found is None or found.grok is None:
        return None
    return Reading(first.value - found.grok, first.step, found.reach)
