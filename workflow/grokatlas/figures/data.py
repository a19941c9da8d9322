"""Which rows of the metrics table a figure draws."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from ..tasks import Operation

# The articles' setting; runs that differ in any of these are another experiment and are not mixed in.
SETTING = MappingProxyType({"modulus": 97, "train_fraction": 0.3, "batch_size": 512, "learning_rate": 1e-3})
SPLIT = "12x8"
N_OUTER, N_INNER = 12, 8
STRIDES = f"strides_{SPLIT}"
PUBLISHED_SEED = 42
PUBLISHED_WEIGHT_DECAY = 2.0  # the arm that the article looks into most closely
HORIZON = 1_000_000  # the article's sweep ends here; only its long run goes on


@dataclass(frozen=True)
class Size:
    """A model size of table N8."""

    name: str
    layers: int
    width: int
    heads: int

    def __str__(self) -> str:
        return f"{self.name} model ({self.layers} layers, width {self.width}, {self.heads} heads)"


SMALL = Size("small", 2, 128, 4)
LARGE = Size("large", 4, 256, 8)


@dataclass(frozen=True)
class Series:
    """One metric of one run over training: steps int64 [n] (increasing), values and baselines float64 [n]."""

    steps: np.ndarray
    values: np.ndarray
    baselines: np.ndarray

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True)
class RunRows:
    """All metrics rows of one run, with its words for legends."""

    run: str
    weight_decay: float
    seed: str
    rows: pd.DataFrame

    def series(self, probe: str, metric: str, split: str | None = None, index: int | None = None) -> Series:
        """One metric over the run's steps; empty if it was not measured. A step measured twice counts once."""
        rows = self.rows
        keep = (rows["probe"] == probe) & (rows["metric"] == metric)
        if split is not None:
            keep &= rows["split"] == split
        if index is not None:
            keep &= rows["index"] == index
        found = rows[keep].drop_duplicates("step").sort_values("step")
        columns = (found[name].to_numpy(dtype=dtype) for name, dtype in COLUMN_TYPES)
        return Series(*columns)

    def winners(self, probe: str, metric: str) -> pd.DataFrame:
        """Rows of a metric whose index is itself a finding (the winning stride): one a step, in order of steps."""
        rows = self.rows
        found = rows[(rows["probe"] == probe) & (rows["metric"] == metric)]
        return found.drop_duplicates("step").sort_values("step")

    def table(self, probe: str, metric: str) -> pd.DataFrame:
        """An indexed metric as a frame: one row a step, one column an index (sorted); empty if not measured."""
        rows = self.rows
        found = rows[(rows["probe"] == probe) & (rows["metric"] == metric)].drop_duplicates(["step", "index"])
        wide = found.pivot(index="step", columns="index", values="value")
        wide.columns = wide.columns.astype(int)
        return wide.sort_index().sort_index(axis=1)

    @property
    def last_step(self) -> int:
        """The last step with any measurement."""
        return int(self.rows["step"].max())


COLUMN_TYPES = (("step", np.int64), ("value", np.float64), ("baseline", np.float64))


def select(
    metrics: pd.DataFrame,
    size: Size,
    weight_decay: float | None = None,
    horizon: int | None = HORIZON,
    operation: Operation = "multiplication",
    bottleneck: int | None = None,
) -> list[RunRows]:
    """Runs of one size, operation and bottleneck width in the articles' setting, by weight decay and then seed.

    Rows after `horizon` steps are left out (None: all are kept).

    The published seed (42) comes first; seeds are named by one number when split, initialisation and batch order share
    it, else as split/initialisation/batch order. An empty list means that no such run was trained.
    """
    wanted = {**SETTING, "operation": operation, "layers": size.layers, "width": size.width, "heads": size.heads}
    if weight_decay is not None:
        wanted["weight_decay"] = weight_decay
    keep = metrics["bottleneck"].isna() if bottleneck is None else metrics["bottleneck"] == bottleneck
    for column, value in wanted.items():
        keep &= metrics[column] == value
    if horizon is not None:
        keep &= metrics["step"] <= horizon
    found = []
    for run, rows in metrics[keep].groupby("run", observed=True):
        first = rows.iloc[0]
        seeds = tuple(int(first[f"{part}_seed"]) for part in ("split", "init", "batch"))
        word = str(seeds[0]) if len(set(seeds)) == 1 else "/".join(map(str, seeds))
        unpublished = sum(seed != PUBLISHED_SEED for seed in seeds)
        order = (float(first["weight_decay"]), unpublished, seeds)
        found.append((order, RunRows(str(run), float(first["weight_decay"]), word, rows)))
    return [rows for _, rows in sorted(found, key=lambda pair: pair[0])]


def showcase(metrics: pd.DataFrame, probe: str, metric: str) -> RunRows | None:
    """The small run that a one-run figure shows: the published seed at weight decay 2.0, or the nearest to it.

    Only runs with rows of this metric count; None if there is none.
    """
    measured = metrics[(metrics["probe"] == probe) & (metrics["metric"] == metric)]
    probed = [run for run in select(metrics, SMALL) if (measured["run"] == run.run).any()]
    return min(probed, key=lambda run: abs(run.weight_decay - PUBLISHED_WEIGHT_DECAY), default=None)
