"""What a lead is: a question that the articles leave open, answered from the metrics table in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..figures.data import SMALL, RunRows, select
from ..readouts import AccuracyReadout, read_accuracy

SEED = 0
SHUFFLES = 4_999  # the least p-value is 1 / 5,000
MISSING_ANSWER = "No run that could answer this is in the metrics."


@dataclass(frozen=True)
class Lead:
    """A question with its answer: sentences made of computed numbers, a table, and where the rows are.

    `figure`: name of the figure that shows it, "" for none. `query`: the condition that picks its rows of the metrics
    table, for `DataFrame.query` and SQL alike. `open`: what the evidence does not settle.
    """

    question: str
    answer: str
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    figure: str = ""
    query: str = ""
    open: str = ""


def small_runs(metrics: pd.DataFrame) -> list[RunRows]:
    """Runs of the small model in the article's setting (multiplication mod 97, no bottleneck), with all their rows."""
    return select(metrics, SMALL, horizon=None)


def accuracy(run: RunRows) -> pd.Series:
    """Test accuracy by step, as evaluated while training."""
    found = run.series("evaluation", "accuracy", "test")
    return pd.Series(found.values, index=found.steps)


def read_run(run: RunRows) -> AccuracyReadout:
    """The trajectory readout of a run's test accuracy. Raises GrokatlasError if it was never evaluated."""
    curve = accuracy(run)
    return read_accuracy(curve.index.to_numpy(), curve.to_numpy())


def after_grok(run: RunRows, frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of a frame indexed by step from the run's first grok step on; none if it never groks."""
    start = read_run(run).first_grok_step
    return frame.iloc[:0] if start is None else frame[frame.index >= start]


def scores(run: RunRows, side: str, split: str = "12x8") -> pd.DataFrame:
    """Stride scores after the first grok step: one row a probe, one column a stride."""
    return after_grok(run, run.table(f"strides_{split}", f"{side}_stride"))


def share(part: int, whole: int) -> str:
    """A share in words, e.g. 12 of 40 (30%)."""
    return f"{part:,} of {whole:,} ({100 * part / whole:.0f}%)" if whole else "0 of 0"


def spread(values: Sequence[float] | np.ndarray, form: str = ".1f") -> str:
    """Median and range, e.g. 3.1 (1.0 to 7.2)."""
    return f"{np.median(values):{form}} ({np.min(values):{form}} to {np.max(values):{form}})"
