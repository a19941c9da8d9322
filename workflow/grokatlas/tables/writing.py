"""Tables to disk and back: Parquet with everything, CSV and Markdown with what a reader wants."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ..atomic import atomic_write, write_text
from .build import display_columns

WHOLE = (
    "horizon",
    "cadence",
    "runs",
    "from_evidence",
    "true",
    "false",
    "open",
    "counted",
    "steps_published",
    "steps_trained",
)
FLOATS = ("share_true", "wilson_low", "wilson_high", "snapshot_value", "trajectory_value")


def _schema(frame: pd.DataFrame) -> pa.Schema:
    # Explicit, so that a column without any value keeps its type.
    kinds = [
        pa.field(name, pa.int64() if name in WHOLE else pa.float64() if name in FLOATS else pa.string())
        for name in frame.columns
    ]
    return pa.schema(kinds, metadata={key: str(value) for key, value in frame.attrs.items()})


def _cell(value: object) -> str:
    if pd.isna(value):
        return ""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if value.is_integer() else f"{value:.3g}"


def _cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Every cell as the text that CSV and Markdown show; an empty string for no value."""
    return frame.astype(object).map(_cell)


def markdown_rows(frame: pd.DataFrame) -> str:
    """A frame as a GitHub table."""
    cells = _cells(frame).map(lambda text: text.replace("|", "\\|").replace("\n", " "))
    lines = ["| " + " | ".join(row) + " |" for row in [list(cells.columns), *cells.to_numpy().tolist()]]
    lines.insert(1, "|" + " --- |" * len(cells.columns))
    return "\n".join(lines) + "\n"


def markdown(frame: pd.DataFrame) -> str:
    """Title, caption and the displayed columns as a GitHub table."""
    table = markdown_rows(frame[display_columns(frame)])
    return f"# {frame.attrs['title']}\n\n{frame.attrs['caption']}\n\n{table}"


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path | str) -> None:
    """Write {name}.parquet, {name}.csv and {name}.md of each table into `folder`, each file atomically.

    Raises GrokatlasError if the folder cannot be written.
    """
    folder = Path(folder)
    for name, frame in tables.items():
        with atomic_write(folder / f"{name}.parquet") as temporary:
            pq.write_table(pa.Table.from_pandas(frame, schema=_schema(frame), preserve_index=False), temporary)
        write_text(folder / f"{name}.csv", _cells(frame[display_columns(frame)]).to_csv(index=False))
        write_text(folder / f"{name}.md", markdown(frame))


def read_table(path: Path | str) -> pd.DataFrame:
    """A table written by `write_tables`, from its Parquet file, title and caption in `attrs`."""
    table = pq.read_table(path)
    frame = table.to_pandas()
    metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    frame.attrs = {key: metadata[key] for key in ("title", "caption") if key in metadata}
    return frame
