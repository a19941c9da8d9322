"""How fast a representation moves at an event, against its speed between events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

EVENT_PROBES = 2  # probes on each side that belong to an event


@dataclass(frozen=True)
class EventDrift:
    """Median drift at the event over the median between events, that median, and the p-value of the event's stretch."""

    ratio: float
    usual: float
    p_value: float


def event_drift(drift: np.ndarray, event: int, others: list[int]) -> EventDrift | None:
    """Drift float [n] from one probe to the next, read at place `event`; `others` are the places of other events.

    The p-value is among stretches of as many successive probes that do not overlap the event's: the share, the event's
    own included, whose mean rank is as high. None if nothing is left between the events.
    """
    places = np.arange(len(drift))
    at = np.abs(places - event) <= EVENT_PROBES
    between = ~at
    for other in others:
        between &= np.abs(places - other) > EVENT_PROBES
    if not at.any() or not between.any():
        return None
    usual = float(np.median(drift[between]))
    ranks = pd.Series(drift).rank().to_numpy()
    own = ranks[at].mean()
    width = int(at.sum())
    starts = [start for start in range(len(drift) - width + 1) if not at[start : start + width].any()]
    as_high = sum(ranks[start : start + width].mean() >= own - 1e-9 for start in starts)
    ratio = np.median(drift[at]) / usual if usual > 0 else np.inf
    return EventDrift(float(ratio), usual, (1 + as_high) / (1 + len(starts)))
