"""What a ring did over training: locks, flashes, collapse, takeover and coexistence of stride scores.

All functions take `steps` int [n], increasing, and scores float [n] in [0, 1] at those steps.
Definitions: docs/verdicts.md; the numbers are in thresholds.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..thresholds import (
    COEXISTENCE_SCORE,
    COLLAPSE_SCORE,
    LOCK_PROBES,
    LOCK_SCORE,
    LOCK_STEPS,
    TAIL_SHARE,
    TAKEOVER_SCORE,
)
from .spacing import covered_steps, stretches_of


@dataclass(frozen=True)
class Stretch:
    """Consecutive probes with a score of LOCK_SCORE or more: first and last step, and what became of it.

    `unfinished`: too short for a lock so far, but the record ends before it does, so it may still become one.
    """

    start: int
    end: int
    kind: Literal["lock", "flash", "unfinished"]


def stretches(steps: np.ndarray, scores: np.ndarray) -> list[Stretch]:
    """Every stretch of high scores, in order: lock, flash (did not last) or unfinished (reaches the record's end)."""
    found = []
    for part in stretches_of(scores >= LOCK_SCORE):
        inside = steps[part]
        locked = len(inside) >= LOCK_PROBES and covered_steps(inside) >= LOCK_STEPS
        kind = "lock" if locked else "unfinished" if part.stop == len(steps) else "flash"
        found.append(Stretch(int(inside[0]), int(inside[-1]), kind))
    return found


def locks(steps: np.ndarray, scores: np.ndarray) -> list[tuple[int, int]]:
    """First and last step of every lock: three or more probes, covering 30,000 steps, at LOCK_SCORE or above."""
    return [(part.start, part.end) for part in stretches(steps, scores) if part.kind == "lock"]


def flashes(steps: np.ndarray, scores: np.ndarray) -> list[tuple[int, int]]:
    """First and last step of every high stretch that ended before it was a lock."""
    return [(part.start, part.end) for part in stretches(steps, scores) if part.kind == "flash"]


def collapse_step(steps: np.ndarray, scores: np.ndarray) -> int | None:
    """The first step after the last lock with a score below COLLAPSE_SCORE; None if never locked or never fallen.

    It speaks about this record: on a longer one the ring may lock again.
    """
    locked = locks(steps, scores)
    if not locked:
        return None
    fallen = steps[(steps > locked[-1][1]) & (scores < COLLAPSE_SCORE)]
    return int(fallen[0]) if len(fallen) else None


def first_lock(steps: np.ndarray, scores: Mapping[int, np.ndarray]) -> tuple[int, int, int] | None:
    """(stride, first step, last step) of the earliest lock of any stride; the smaller stride among equals."""
    found = [(start, stride, end) for stride, row in scores.items() for start, end in locks(steps, row)]
    if not found:
        return None
    start, stride, end = min(found)
    return stride, start, end


def _tail(steps: np.ndarray) -> slice:
    return slice(len(steps) - max(1, round(TAIL_SHARE * len(steps))), len(steps))


def tail_medians(steps: np.ndarray, scores: Mapping[int, np.ndarray]) -> dict[int, float]:
    """Median score of each stride over the last 40% of the probes."""
    return {stride: float(np.median(row[_tail(steps)])) for stride, row in scores.items()}


def takeover_stride(steps: np.ndarray, inner: Mapping[int, np.ndarray], outer: Mapping[int, np.ndarray]) -> int | None:
    """The inner stride that has taken over at the record's end: its median over the last 40% of probes is the highest
    and at least TAKEOVER_SCORE, and no outer stride is locked there. None if there is none.
    """
    tail_start = steps[_tail(steps)][0]
    if any(end >= tail_start for row in outer.values() for _, end in locks(steps, row)):
        return None
    medians = tail_medians(steps, inner)
    best = max(medians, key=lambda stride: (medians[stride], -stride))
    return best if medians[best] >= TAKEOVER_SCORE else None


def coexistence_steps(steps: np.ndarray, outer: np.ndarray, inner: np.ndarray) -> tuple[int, int | None]:
    """Steps covered by the longest stretch of probes where both scores reach COEXISTENCE_SCORE, and its first step.

    (0, None) if they never do at two probes in a row.
    """
    both = [steps[part] for part in stretches_of((outer >= COEXISTENCE_SCORE) & (inner >= COEXISTENCE_SCORE))]
    longest = max(both, key=covered_steps, default=None)
    if longest is None or not covered_steps(longest):
        return 0, None
    return covered_steps(longest), int(longest[0])
