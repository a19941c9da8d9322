"""Runs as the judge reads them: the series of one run, grouped once out of the metrics table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from .metrics import HERE, RUN_COLUMNS
from .readouts import unbroken

SEED_COLUMNS = ("split_seed", "init_seed", "batch_seed")
STRIDE_METRICS = ("outer_stride", "inner_stride", "outer_stride_max", "inner_stride_max")
NO_INDEX = -1
# What claims may read by name, and the probe that measures it. Definitions: docs/metrics.md.
MEASURES = {
    "sparsity": "activations",
    "std": "activations",
    "mean_norm": "activations",
    "pca_dimension_95": "pca",
    "pca_dimension_99": "pca",
    "participation_ratio": "pca",
    "twonn_dimension": "twonn",
    "local_pca_dimension": "local_pca",
    "ring_stride": "ring",
    "betti_0": "topology",
    "betti_1": "topology",
    "max_persistence_0": "topology",
    "max_persistence_1": "topology",
    "class_bars_1": "topology",
    "class_persistence_1": "topology",
    "attention_entropy": "attention",
    "cka_drift": "drift",
    "procrustes_drift": "drift",
    "plane_coset_purity": "plane",
    "plane_coset_purity_min": "plane",
    "plane_adjacency": "plane",
    "raw_coset_purity": "plane",
    "raw_coset_purity_min": "plane",
}

Key = tuple[str, str, str, int]  # probe, metric, split ("" for none), index (NO_INDEX for none)


@dataclass(frozen=True)
class Record:
    """One run: its describing columns and, per key, steps int64 [n], values float64 [n] and p-values float64 [n]."""

    run: str
    columns: Mapping[str, object]
    rows: Mapping[Key, tuple[np.ndarray, np.ndarray, np.ndarray]]
    diverged_step: int | None = None
    _cache: dict = field(default_factory=dict, compare=False, repr=False)

    @property
    def seeds(self) -> tuple[int, int, int]:
        """Seeds of split, initial weights and batch order: what tells apart runs that test one claim."""
        return tuple(int(self.columns[name]) for name in SEED_COLUMNS)

    @property
    def seed_text(self) -> str:
        """One number if the three seeds are equal, else split/init/batch."""
        return str(self.seeds[0]) if len(set(self.seeds)) == 1 else "/".join(map(str, self.seeds))

    @property
    def from_evidence(self) -> bool:
        """Whether the run was taken from an evidence folder, not trained here."""
        return self.columns["origin"] not in (HERE, None)

    @property
    def last_step(self) -> int:
        """The last step with any measurement that readouts read; 0 for none."""
        return max((int(steps[-1]) for steps, *_ in self.rows.values()), default=0)

    def indices(self, probe: str, metric: str) -> list[int]:
        """Indices for which an indexed metric was measured."""
        return sorted(key[3] for key in self.rows if key[:2] == (probe, metric))


@dataclass(frozen=True)
class View:
    """A record as one claim sees it: at the claim's cadence, and no further than its horizon (both in steps)."""

    record: Record
    cadence: int
    horizon: int

    def series(
        self, probe: str, metric: str, split: str = "", index: int = NO_INDEX, column: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        """Steps and values (`column` 2: p-values) of one metric, up to the first missing multiple of the cadence."""
        cache, key = self.record._cache, (probe, metric, split, index, column, self.cadence, self.horizon)
        if key not in cache:
            rows = self.record.rows.get((probe, metric, split, index))
            if rows is None:
                cache[key] = (np.empty(0, dtype=np.int64), np.empty(0))
            else:
                steps, values = unbroken(rows[0], rows[column], self.cadence)
                keep = steps <= self.horizon
                cache[key] = (steps[keep], values[keep])
        return cache[key]

    def at(self, probe: str, metric: str, split: str, index: int, step: int) -> float | None:
        """The value at exactly this step, whatever the cadence; None if it was not measured."""
        rows = self.record.rows.get((probe, metric, split, index))
        if rows is None:
            return None
        place = int(np.searchsorted(rows[0], step))
        return float(rows[1][place]) if place < len(rows[0]) and rows[0][place] == step else None

    def last_step(self, probe: str, metric: str, split: str, index: int) -> int:
        """The last step measured, at any cadence, up to the horizon; 0 for none."""
        rows = self.record.rows.get((probe, metric, split, index))
        steps = rows[0][rows[0] <= self.horizon] if rows is not None else []
        return int(steps[-1]) if len(steps) else 0


def _wanted(metrics: pd.DataFrame) -> pd.DataFrame:
    """The rows that readouts read: the large metrics (pairs, spectra) are most of the table and are not among them."""
    probe, metric = metrics["probe"], metrics["metric"]
    keep = (probe == "evaluation") & metric.isin(["accuracy", "diverged"])
    keep |= probe.str.startswith("strides_") & metric.isin(STRIDE_METRICS)
    keep |= metric.map(MEASURES) == probe
    return metrics[keep.astype(bool)]


def read_records(metrics: pd.DataFrame) -> list[Record]:
    """Every run in the metrics table, in the order of their ids. A step measured twice counts once."""
    names = [*(name for name, *_ in RUN_COLUMNS), "origin"]
    rows = _wanted(metrics)
    described = metrics[names].drop_duplicates("run").sort_values("run")
    index = rows["index"].astype(float).fillna(NO_INDEX).astype(int)
    # The winning stride's index changes from probe to probe: it is one series all the same.
    index = index.where(~rows["metric"].str.endswith("_stride_max").astype(bool), NO_INDEX)
    rows = rows.assign(split=rows["split"].fillna(""), index=index)
    keys = ["run", "probe", "metric", "split", "index"]
    rows = rows.drop_duplicates([*keys, "step"]).sort_values("step", kind="stable")
    series: dict[str, dict[Key, tuple[np.ndarray, ...]]] = {run: {} for run in described["run"]}
    for (run, *key), part in rows.groupby(keys, sort=False):
        columns = [part["step"].to_numpy(np.int64), part["value"].to_numpy(float), part["p_value"].to_numpy(float)]
        series[run][tuple(key)] = tuple(columns)
    records = []
    for columns in described.to_dict("records"):
        found = series[columns["run"]]
        diverged = min((int(steps[0]) for key, (steps, *_) in found.items() if key[1] == "diverged"), default=None)
        records.append(Record(str(columns["run"]), columns, _before(found, diverged), diverged))
    return records


def _before(rows: dict[Key, tuple[np.ndarray, ...]], diverged: int | None) -> dict[Key, tuple[np.ndarray, ...]]:
    """The series up to the divergence: what a frozen network of NaNs answers says nothing about a claim."""
    if diverged is None:
        return rows
    cut = {key: tuple(column[columns[0] < diverged] for column in columns) for key, columns in rows.items()}
    return {key: columns for key, columns in cut.items() if len(columns[0])}


def matches(record: Record, filters: Mapping[str, object]) -> bool:
    """Whether the run's columns have the wanted values; a list means any of them, None means null."""
    for column, wanted in filters.items():
        value = record.columns[column]
        allowed: Sequence[object] = wanted if isinstance(wanted, list) else [wanted]
        if pd.isna(value):
            value = None
        if value not in allowed:
            return False
    return True
