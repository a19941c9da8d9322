"""What a run's test accuracy did over training, beyond its last value."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import GrokatlasError
from ..thresholds import FALLEN, GROK, LAST_SHARE, SOLID
from .spacing import spacing, stretches_of


@dataclass(frozen=True)
class AccuracyReadout:
    """The trajectory readout of one accuracy record. Steps are optimizer steps, accuracies shares in [0, 1].

    `first_grok_step` is None if no evaluation reaches 0.9, `longest_unbroken_99` (last minus first step of the longest
    stretch at or above 0.99) is None if no evaluation reaches 0.99. `oscillations` counts consecutive evaluations that
    go from >= 0.9 to < 0.5 and depends on `cadence`, the median spacing. The last-20% numbers are the median and the
    5% and 95% quantiles over the last fifth of the evaluations. Source: docs/verdicts.md.
    """

    first_grok_step: int | None
    share_at_least_99: float
    longest_unbroken_99: int | None
    oscillations: int
    final: float
    median_last_20_percent: float
    low_last_20_percent: float
    high_last_20_percent: float
    cadence: int
    last_step: int
    evaluations: int


def read_accuracy(steps: np.ndarray, accuracy: np.ndarray) -> AccuracyReadout:
    """Read one record: `steps` int [n], increasing; `accuracy` float [n] in [0, 1].

    Raises GrokatlasError for an empty record.
    """
    if not len(steps):
        raise GrokatlasError("the accuracy record is empty: train the run before reading it")
    grokked = np.flatnonzero(accuracy >= GROK)
    solid = [steps[part] for part in stretches_of(accuracy >= SOLID)]
    last = accuracy[len(accuracy) - max(1, round(LAST_SHARE * len(accuracy))) :]
    low, median, high = np.quantile(last, [0.05, 0.5, 0.95])
    return AccuracyReadout(
        first_grok_step=int(steps[grokked[0]]) if len(grokked) else None,
        share_at_least_99=float(np.mean(accuracy >= SOLID)),
        longest_unbroken_99=max((int(part[-1] - part[0]) for part in solid), default=None),
        oscillations=int(np.sum((accuracy[:-1] >= GROK) & (accuracy[1:] < FALLEN))),
        final=float(accuracy[-1]),
        median_last_20_percent=float(median),
        low_last_20_percent=float(low),
        high_last_20_percent=float(high),
        cadence=spacing(steps),
        last_step=int(steps[-1]),
        evaluations=len(steps),
    )


def read_accuracy_csv(path: Path | str) -> tuple[np.ndarray, np.ndarray]:
    """Steps int64 [n] and test accuracies float64 [n] of a CSV file with columns step and test_acc.

    Raises GrokatlasError, naming the file and the line, for a missing or empty file, a missing column, a cell that is
    no number, an accuracy outside [0, 1] or steps that do not increase.
    """
    path = Path(path)
    try:
        with open(path, newline="", encoding="utf-8-sig") as handle:
            reader = csv.DictReader(handle)
            header, rows = reader.fieldnames or [], list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise GrokatlasError(f"{path}: cannot be read as CSV ({error}); give a file with step,test_acc") from None
    for column in ("step", "test_acc"):
        if column not in header:
            raise GrokatlasError(f"{path}: no column {column!r}; the first line must name step and test_acc")
    if not rows:
        raise GrokatlasError(f"{path}: has a header but no evaluations")
    points: list[tuple[int, float]] = []
    for line, row in enumerate(rows, start=2):
        try:
            step, accuracy = int(row["step"]), float(row["test_acc"])
        except (TypeError, ValueError):
            raise GrokatlasError(
                f"{path}, line {line}: step {row['step']!r}, test_acc {row['test_acc']!r} are not both numbers"
            ) from None
        if not 0 <= accuracy <= 1:
            raise GrokatlasError(f"{path}, line {line}: test_acc {accuracy} is not a share between 0 and 1")
        if points and step <= points[-1][0]:
            raise GrokatlasError(f"{path}, line {line}: step {step} does not come after {points[-1][0]}; sort it")
        points.append((step, accuracy))
    steps, accuracies = zip(*points, strict=True)
    return np.array(steps, dtype=np.int64), np.array(accuracies, dtype=np.float64)
