"""The Fourier spectrum of the class means on the whole ring (docs/methods.md, correction 5; Nanda 2023)."""

from __future__ import annotations

from ..metrics import Measurement
from .base import Snapshot
from .rings import ring_power


def measure(snapshot: Snapshot) -> list[Measurement]:
    """`power` and `power_share` at each frequency j = 0..ring//2 of the ring of test class means.

    The powers sum to the mean squared norm of the centred class means; shares are NaN if that is 0.
    Raises GrokatlasError if a class has no test pair.
    """
    power = ring_power(snapshot.class_means.means[None])
    total = power.sum()
    rows = [Measurement("power", float(value), j, "test") for j, value in enumerate(power)]
    rows += [
        Measurement("power_share", float(value / total) if total > 0 else float("nan"), j, "test")
        for j, value in enumerate(power)
    ]
    return rows
