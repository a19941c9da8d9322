"""The aggregate rule's work: one metrics file out of many, and the table of sweep membership."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .atomic import atomic_write
from .evidence import metrics_path
from .metrics import HERE, SCHEMA


def gather_metrics(paths: Iterable[Path | str], evidence: Iterable[Path | str], out: Path) -> None:
    """Write all rows of the given Parquet files to one file, file by file, so that memory stays small.

    Evidence folders add the runs that no file has; of a run that several have, the first counts. The column `origin`
    says where a row is from. Raises GrokatlasError for an evidence folder without metrics.
    """
    taken: set[str] = set()
    with atomic_write(out) as temporary, pq.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer:
        for path in paths:
            table = pq.read_table(path, schema=SCHEMA)
            taken |= set(pc.unique(table["run"]).to_pylist())
            writer.write_table(_with_origin(table, HERE))
        for folder in map(Path, evidence):
            table = pq.read_table(metrics_path(folder), schema=SCHEMA)
            found = set(pc.unique(table["run"]).to_pylist())
            new = table.filter(pc.is_in(table["run"], pa.array(sorted(found - taken), pa.string())))
            writer.write_table(_with_origin(new, folder.name))
            print(f"evidence {folder.name}: {len(found - taken)} runs, {len(found & taken)} left out: measured here")
            taken |= found


def _with_origin(table: pa.Table, origin: str) -> pa.Table:
    place = SCHEMA.get_field_index("origin")
    return table.set_column(place, SCHEMA.field(place), pa.array([origin] * len(table), pa.string()))


def write_sweeps(sweeps: Mapping[str, Sequence[str]], out: Path) -> None:
    """Write the columns sweep and run, one row a membership."""
    rows = [{"sweep": sweep, "run": run} for sweep, runs in sweeps.items() for run in runs]
    schema = pa.schema([pa.field("sweep", pa.string(), False), pa.field("run", pa.string(), False)])
    with atomic_write(out) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), temporary)
