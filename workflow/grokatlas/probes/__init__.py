"""Probes: pure functions from one run's snapshot (or from two, a cadence apart) to rows of the metrics table.

A change that alters a probe's numbers, or a new probe, bumps PROBE_VERSION in versions.py.
"""

from __future__ import annotations

from .base import PairProbe, Probe, Snapshot
from .registry import probes_for

__all__ = ["PairProbe", "Probe", "Snapshot", "probes_for"]
