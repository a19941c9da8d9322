"""Each published row beside what the runs say: at the published step, over the trajectory, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ..claims import Claim, load_claims
from ..records import MEASURES, NO_INDEX, Record, View, read_records
from ..verdicts import CONTRADICTED, MISSING, REPRODUCED, judge_records, population
from ..vocabulary import READOUTS
from ..vocabulary.strides import COSETS
from ..wording import WORDS, middle, summary
from .computed import COMPUTATIONS
from .published import PublishedTable, ReadoutSpec, Row, load_published

PUBLISHED_SEEDS = (42, 42, 42)
DAGGER = "†"
EVIDENCE_NOTE = f" {DAGGER}: a run kept in resources/evidence, not trained here."
LISTED = 4  # so many runs are listed one by one; more are summarised


@dataclass(frozen=True)
class Cell:
    """A readout as text and as a number (NaN unless at least one run got as far as published)."""

    text: str = ""
    value: float = np.nan


def _runs(claim: Claim, records: Sequence[Record]) -> list[Record]:
    """The claim's runs, the published seed first."""
    return sorted(population(claim, records), key=lambda record: (record.seeds != PUBLISHED_SEEDS, record.seeds))


def _source(spec: ReadoutSpec) -> tuple[str, str, str, int]:
    """Where a snapshot readout's rows are: probe, metric, split, index."""
    arguments = spec.arguments
    if spec.readout == "accuracy_at":
        return "evaluation", "accuracy", arguments.get("split", "test"), NO_INDEX
    if spec.readout == "pca_at":
        return "pca", "pca_dimension_95", "test", NO_INDEX
    if spec.readout == "value_at":
        measure, index = arguments["measure"], arguments.get("index", NO_INDEX)
        return MEASURES[measure], measure, arguments.get("split", "test"), index
    return f"strides_{arguments.get('cosets', COSETS)}", f"{arguments['side']}_stride", "test", arguments["stride"]


def _listed(readout: str, values: Sequence[float]) -> str:
    say = WORDS[readout][1]
    if len(values) <= LISTED:
        return ", ".join(map(say, values))
    return f"{say(float(np.median(values)))} [{say(min(values))} to {say(max(values))}]"


def _short_snapshot(spec: ReadoutSpec, views: Sequence[View], step: int) -> str:
    """What shorter records show at their own last steps, said as such."""
    source = _source(spec)
    found = {view.last_step(*source): view for view in views}
    last = max(found, default=0)
    if not last:
        return ""
    values = [value for view in views if (value := view.at(*source, last)) is not None]
    return f"; {_listed(spec.readout, values)} at {last:,} (of {step:,})"


def snapshot_cell(spec: ReadoutSpec | None, claim: Claim, runs: Sequence[Record]) -> Cell:
    """The readout at exactly the published step, as the article took it; `value` is the median over the runs."""
    if spec is None:
        return Cell()
    step = spec.arguments["step"]
    views = [View(record, claim.cadence, step) for record in runs]
    readings = [READOUTS[spec.readout](view, **spec.arguments) for view in views]
    values = [reading.value for reading in readings if reading is not None]
    if not values:
        return Cell(MISSING + _short_snapshot(spec, views, step))
    behind = len(views) - len(values)
    text = _listed(spec.readout, values) + (f" ({behind} run{'s' * (behind > 1)} not there yet)" if behind else "")
    return Cell(text, float(np.median(values)))


def trajectory_cell(row: Row, runs: Sequence[Record]) -> Cell:
    """Median and range over the runs of each trajectory readout; `value` is the first readout's median.

    Runs that reach the horizon are summarised alone; if none does, the text says how far the records go.
    """
    specs, claim = row.trajectory, row.claim
    if not specs:
        return Cell()
    horizon = row.until or claim.horizon
    texts, value, reach = [], np.nan, 0
    for place, spec in enumerate(specs):
        views = [View(record, claim.cadence, horizon) for record in runs]
        found = [READOUTS[spec.readout](view, **spec.arguments) for view in views]
        readings = [reading for reading in found if reading is not None]
        complete = [reading for reading in readings if reading.reach >= horizon]
        values = [reading.value for reading in complete or readings]
        reach = max([reach, *(reading.reach for reading in readings)])
        if values:
            texts.append(summary(spec.readout, values, bool(complete), spec.arguments))
        finite = [number for number in values if np.isfinite(number)]
        if place == 0 and complete and finite:
            value = middle(spec.readout, finite)
    if not texts:
        return Cell(MISSING)
    partial = f"over {reach:,} of {horizon:,} steps; " if reach < horizon else ""
    return Cell(partial + "; ".join(texts), value)


def _seeds(runs: Sequence[Record]) -> str:
    """The seeds of the runs; a dagger marks those taken from evidence."""
    seeds = list(dict.fromkeys(record.seed_text + DAGGER * record.from_evidence for record in runs))
    return ", ".join(seeds) + (f" ({len(runs)} runs)" if len(runs) != len(seeds) else "")


def _claim_row(row: Row, records: Sequence[Record], verdicts: Mapping[str, str]) -> dict[str, object]:
    claim = row.claim
    runs = _runs(claim, records)
    snapshot = snapshot_cell(row.snapshot, claim, runs)
    trajectory = trajectory_cell(row, runs)
    return {
        "row": row.row,
        "quantity": row.quantity,
        "published": row.published,
        "author_log": row.author_log,
        "snapshot_readout": snapshot.text,
        "trajectory_readout": trajectory.text,
        "seeds": _seeds(runs),
        "cadence": claim.cadence or None,
        "verdict": verdicts[claim.id],
        "claim": claim.id,
        "snapshot_value": snapshot.value,
        "trajectory_value": trajectory.value,
        "steps_published": claim.horizon or None,
        "steps_trained": max((record.last_step for record in runs), default=None),
    }


def _computed_row(row: Row) -> dict[str, object]:
    text, value = COMPUTATIONS[row.compute.readout](**row.compute.arguments)
    verdict = ""
    if row.expected is not None:
        if row.tolerance is None:
            agrees = text == row.expected
        else:
            agrees = value is not None and abs(value - float(row.expected)) <= row.tolerance
        verdict = REPRODUCED if agrees else CONTRADICTED
    return {
        "row": row.row,
        "quantity": row.quantity,
        "published": row.published,
        "author_log": row.author_log,
        "snapshot_readout": text,
        "trajectory_readout": "",
        "seeds": "computed, no run",
        "cadence": None,
        "verdict": verdict,
        "claim": "",
        "snapshot_value": np.nan if value is None else value,
        "trajectory_value": np.nan,
        "steps_published": None,
        "steps_trained": None,
    }


def _frame(table: PublishedTable, records: Sequence[Record], verdicts: Mapping[str, str]) -> pd.DataFrame:
    rows = [_computed_row(row) if row.compute else _claim_row(row, records, verdicts) for row in table.rows]
    frame = pd.DataFrame(rows)
    whole = ["cadence", "steps_published", "steps_trained"]
    frame[whole] = frame[whole].astype("Int64")
    note = EVIDENCE_NOTE if frame["seeds"].str.contains(DAGGER).any() else ""
    frame.attrs = {"title": f"{table.name}: {table.title}", "caption": table.caption + note}
    return frame


def build_tables(
    metrics: pd.DataFrame, claims: Sequence[Path | str], published: Sequence[Path | str]
) -> dict[str, pd.DataFrame]:
    """Every published table by name (N1 ...), and `verdicts`, one row a claim, from a metrics table.

    `claims` and `published` are paths of claims files and of published tables, as in resources/. Columns:
    docs/verdicts.md. `frame.attrs` has title and caption. What was not trained is the word "missing" and a NaN.
    Raises GrokatlasError for a fault in any file, in one line.
    """
    parsed = load_claims(*claims)
    tables = [table for path in published for table in load_published(path, parsed)]
    records = read_records(metrics)
    verdicts = judge_records(parsed, records)
    verdicts.attrs = {
        "title": "Verdicts: every claim against every run",
        "caption": "One row a claim: what was published, what the runs say, and the query that picks the rows.",
    }
    by_claim = dict(zip(verdicts["claim"], verdicts["verdict"], strict=True))
    return {table.name: _frame(table, records, by_claim) for table in tables} | {"verdicts": verdicts}


def display_columns(frame: pd.DataFrame) -> list[str]:
    """The columns to show a reader: all but the numeric ones that repeat a text (those stay in the Parquet file)."""
    hidden = {"family", "snapshot_value", "trajectory_value", "steps_published", "steps_trained"}
    return [name for name in frame.columns if name not in hidden]
