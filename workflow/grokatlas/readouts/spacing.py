"""Reading a trajectory at a stated spacing, so that like is compared with like."""

from __future__ import annotations

import numpy as np

from ..thresholds import LASTING


def at_cadence(steps: np.ndarray, values: np.ndarray, cadence: int) -> tuple[np.ndarray, np.ndarray]:
    """The points of a trajectory whose step is a positive multiple of `cadence`.

    `steps`: int [n], increasing; `values`: [n, ...]. A readout that counts events depends on how often one looks
    (docs/verdicts.md), so a finer record is thinned before it is compared with a coarser one. Step 0 is left out, as in
    the published records.
    """
    keep = (steps > 0) & (steps % cadence == 0)
    return steps[keep], values[keep]


def unbroken(steps: np.ndarray, values: np.ndarray, cadence: int) -> tuple[np.ndarray, np.ndarray]:
    """The trajectory at `cadence` as far as every multiple of it is there: cadence, 2 cadence, ... to the first gap.

    Shapes as in `at_cadence`. Empty if the record is coarser than `cadence`: it must not pass for a finer one.
    """
    steps, values = at_cadence(steps, values, cadence)
    expected = cadence * np.arange(1, len(steps) + 1)
    gaps = np.flatnonzero(steps != expected)
    end = gaps[0] if len(gaps) else len(steps)
    return steps[:end], values[:end]


def spacing(steps: np.ndarray) -> int:
    """Median number of steps between successive points (0 for fewer than two)."""
    return int(np.median(np.diff(steps))) if len(steps) > 1 else 0


def covered_steps(steps: np.ndarray) -> int:
    """Steps that consecutive points stand for: last minus first, plus one spacing (each point stands for one).

    Three probes 10,000 steps apart cover 30,000. One point alone, whose spacing is unknown, covers none.
    """
    return int(steps[-1] - steps[0]) + spacing(steps) if len(steps) > 1 else 0


def stretches_of(keep: np.ndarray) -> list[slice]:
    """Slices of the maximal stretches where the boolean array [n] is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(keep, dtype=np.int8), [0]])))
    return [slice(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def first_lasting(steps: np.ndarray, holds: np.ndarray) -> int | None:
    """The first of `steps` int [n] from which `holds` bool [n] is true at LASTING or more points in a row, or None."""
    return next((int(steps[part.start]) for part in stretches_of(holds) if part.stop - part.start >= LASTING), None)
