"""The published tables beside their reproduction: Parquet, CSV and Markdown, a verdict in every row."""

from __future__ import annotations

from .build import build_tables, display_columns
from .published import load_published
from .writing import read_table, write_tables

__all__ = ["build_tables", "display_columns", "load_published", "read_table", "write_tables"]
