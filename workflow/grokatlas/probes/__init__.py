"""Probes: pure functions from one run's snapshot to rows of the metrics table.

A change that alters a probe's numbers, or a new probe, bumps PROBE_VERSION in versions.py.
"""

from __future__ import annotations

from .base import Probe, Snapshot
from .registry import probes_for

__all__ = ["Probe", "Snapshot", "probes_for"]
