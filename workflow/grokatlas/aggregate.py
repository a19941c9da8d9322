"""The aggregate rule's work: one metrics file out of many, and the table of sweep membership."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from .atomic import atomic_write
from .metrics import SCHEMA


def gather_metrics(paths: Iterable[Path | str], out: Path) -> None:
    """Write all rows of the given Parquet files to one file, file by file, so that memory stays small."""
    with atomic_write(out) as temporary, pq.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer:
        for path in paths:
            writer.write_table(pq.read_table(path, schema=SCHEMA))


def write_sweeps(sweeps: Mapping[str, Sequence[str]], out: Path) -> None:
    """Write the columns sweep and run, one row a membership."""
    rows = [{"sweep": sweep, "run": run} for sweep, runs in sweeps.items() for run in runs]
    schema = pa.schema([pa.field("sweep", pa.string(), False), pa.field("run", pa.string(), False)])
    with atomic_write(out) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), temporary)
