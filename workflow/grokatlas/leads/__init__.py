"""Leads: questions the articles leave open, each answered from the metrics table alone."""

from __future__ import annotations

import pandas as pd

from . import antipodes, failures, loops, ring_deaths, ring_variance, stride_choice
from .base import Lead

__all__ = ["Lead", "follow_leads"]

LEADS = (
    stride_choice.lead,
    ring_deaths.lead,
    ring_variance.lead,
    antipodes.shadow,
    antipodes.gcd_prediction,
    loops.lead,
    failures.weight_decay_one,
    failures.stuck,
)


def follow_leads(metrics: pd.DataFrame) -> list[Lead]:
    """Every lead, answered or saying what is missing."""
    return [lead(metrics) for lead in LEADS]
