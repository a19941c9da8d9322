"""The tidy metrics table: one row a measured number. Schema, rows to Arrow, and reading it back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from .atomic import atomic_write

# The columns that describe a run, in the order they are written. `Run.describe()` returns exactly these.
RUN_COLUMNS = [
    ("run", pa.string(), "run id"),
    ("operation", pa.string(), "multiplication or addition"),
    ("modulus", pa.int32(), "p"),
    ("train_fraction", pa.float64(), "share of pairs trained on"),
    ("layers", pa.int32(), "transformer layers"),
    ("width", pa.int32(), "model width d"),
    ("heads", pa.int32(), "attention heads"),
    ("bottleneck", pa.int32(), "bottleneck width k, null for none"),
    ("batch_size", pa.int32(), "pairs per optimizer step"),
    ("learning_rate", pa.float64(), "AdamW learning rate"),
    ("weight_decay", pa.float64(), "AdamW decoupled weight decay"),
    ("split_seed", pa.int64(), "seed of the train/test split"),
    ("init_seed", pa.int64(), "seed of the initial weights"),
    ("batch_seed", pa.int64(), "seed of the batch order"),
]
MEASUREMENT_COLUMNS = [
    ("step", pa.int64(), "optimizer steps taken"),
    ("cadence", pa.int64(), "steps between successive rows of this series"),
    ("probe", pa.string(), "probe that measured it; 'evaluation' for accuracies read while training"),
    ("metric", pa.string(), "name of the measured quantity"),
    ("index", pa.int32(), "stride, frequency, gcd, head or layer; null if the metric has none"),
    ("split", pa.string(), "train or test pairs; null if the metric uses no pairs"),
    ("value", pa.float64(), "the number; unit by metric, see docs/metrics.md"),
    ("baseline", pa.float64(), "expected value under the metric's null model, same unit as value"),
    ("p_value", pa.float64(), "share of relabellings at or above value; null if not tested"),
]
PROVENANCE_COLUMNS = [
    ("code_version", pa.string(), "grokatlas release and commit that measured"),
    ("training_version", pa.int32(), "version of the training code that made the weights"),
    ("device", pa.string(), "device type trained on"),
    ("precision", pa.string(), "float32 or tf32 matrix products"),
    ("torch_version", pa.string(), "torch that trained"),
    ("origin", pa.string(), "here, or the evidence folder it was taken from; set when metrics are gathered"),
]
HERE = "here"  # the origin of rows that were measured in this results folder


def described_schema(columns: Iterable[tuple[str, pa.DataType, str]]) -> pa.Schema:
    """A schema from name, type and description of each column."""
    return pa.schema([pa.field(name, kind, metadata={"description": text}) for name, kind, text in columns])


SCHEMA = described_schema(RUN_COLUMNS + MEASUREMENT_COLUMNS + PROVENANCE_COLUMNS)


@dataclass(frozen=True)
class Measurement:
    """One measured number, before the run and step that it belongs to are added."""

    metric: str
    value: float
    index: int | None = None
    split: str | None = None
    baseline: float | None = None
    p_value: float | None = None


def write_metrics(rows: Iterable[Mapping[str, object]], path: Path) -> None:
    """Write rows (dicts with the schema's columns; absent ones are null) to one Parquet file, atomically."""
    table = pa.Table.from_pylist([dict(row) for row in rows], schema=SCHEMA)
    with atomic_write(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", use_dictionary=True)


def read_metrics(paths: Iterable[Path]) -> pd.DataFrame:
    """All rows of several Parquet files as one frame (empty, with the schema's columns, for none)."""
    tables = [pq.read_table(path, schema=SCHEMA) for path in paths]
    table = pa.concat_tables(tables) if tables else SCHEMA.empty_table()
    return table.to_pandas()
