"""Made-up runs for the tests of the manifold article's readouts: accuracies and measures given value by value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from grokatlas.records import MEASURES, View, read_records
from synthetic import frame, run_columns, series

Values = Sequence[float] | Mapping[int, Sequence[float]]


def run(operation: str = "addition", bottleneck: int | None = None, seed: int = 42) -> dict[str, object]:
    """The describing columns of one run at weight decay 1.0."""
    name = f"{operation}-k{bottleneck}-s{seed}"
    return run_columns(1.0, seed) | {"run": name, "operation": operation, "bottleneck": bottleneck}


def parts(columns: Mapping[str, object], accuracy: Sequence[float], cadence: int = 500, **measures: Values) -> list:
    """Rows of one run from its first step on: the test accuracy, and measures (a mapping: one series an index)."""
    found = [series(columns, "evaluation", "accuracy", cadence * np.arange(1, len(accuracy) + 1), accuracy)]
    for name, values in measures.items():
        for index, row in values.items() if isinstance(values, Mapping) else [(None, values)]:
            steps = cadence * np.arange(1, len(row) + 1)
            found.append(series(columns, MEASURES[name], name, steps, row, index=index))
    return found


def view(accuracy: Sequence[float], cadence: int = 500, horizon: int | None = None, **measures: Values) -> View:
    """One addition run as a claim of this cadence sees it."""
    record = read_records(frame(parts(run(), accuracy, cadence, **measures)))[0]
    return View(record, cadence, horizon or cadence * len(accuracy))


def rows_of(*runs: list) -> pd.DataFrame:
    """The metrics table of several runs' parts."""
    return frame([part for one in runs for part in one])
