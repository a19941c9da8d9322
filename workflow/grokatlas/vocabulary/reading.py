"""What a readout of the vocabulary gives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """A readout's number: NaN if what it asks for never happened, infinity if it lies beyond the record.

    `step` is where it was read (None if nowhere in particular), `reach` the last step of the record it was read from.
    """

    value: float
    step: int | None
    reach: int
