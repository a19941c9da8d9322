"""Readouts: pure functions of one run's trajectory, on arrays of steps and values."""

from __future__ import annotations

from .accuracy import AccuracyReadout, read_accuracy, read_accuracy_csv
from .change import ChangePoint, Fall, can_change_at, change_point, fall
from .correlation import RankCorrelation, rank_correlation
from .drift import EventDrift, event_drift
from .spacing import at_cadence, covered_steps, first_lasting, unbroken
from .strides import (
    Stretch,
    coexistence_steps,
    collapse_step,
    first_lock,
    flashes,
    locks,
    stretches,
    tail_medians,
    takeover_stride,
)

__all__ = [
    "AccuracyReadout",
    "ChangePoint",
    "EventDrift",
    "Fall",
    "RankCorrelation",
    "Stretch",
    "at_cadence",
    "can_change_at",
    "change_point",
    "coexistence_steps",
    "collapse_step",
    "covered_steps",
    "event_drift",
    "fall",
    "first_lasting",
    "first_lock",
    "flashes",
    "locks",
    "rank_correlation",
    "read_accuracy",
    "read_accuracy_csv",
    "stretches",
    "tail_medians",
    "takeover_stride",
    "unbroken",
]
