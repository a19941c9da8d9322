"""results/report.html: verdicts, tables and figures as one file that reads well alone."""

from __future__ import annotations

import base64
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from .atomic import write_text
from .errors import GrokatlasError
from .records import SEED_COLUMNS
from .tables import read_table
from .templates import render
from .verdicts import CONTRADICTED, MISSING, REPRODUCED, UNDECIDED, UNTESTABLE

TEMPLATE = "report.html.j2"
# In reading order. A sign and the word go with the colour, so that none is needed to tell them apart.
BADGES: dict[str, tuple[str, str]] = {
    CONTRADICTED: ("✗", "at least one run, or most of them, says otherwise"),
    REPRODUCED: ("✓", "the runs say so too"),
    UNDECIDED: ("≈", "too few runs to tell"),
    UNTESTABLE: ("∅", "no measurement could decide it as stated"),
    MISSING: ("…", "no run got far enough yet"),
}
# Figure -> the table it belongs to and how to read it. A weight decay's own timeline stands beside its table.
FIGURES: dict[str, tuple[str, str]] = {
    "dimension": ("G1", "Four estimates of the dimension of the hidden states, through the grok step."),
    "topology": ("G2", "Betti numbers as published, and the longest loops of the class means with their noise band."),
    "activations": ("G3", "The size of the activations beside the accuracy, through its collapses."),
    "bottleneck": ("G4", "When, and in how many seeds, a network with a bottleneck of width k groks."),
    "seeds": ("G7", "Every seed's accuracy, its last value and the share of its evaluations that are solid."),
    "attention": ("P", "How widely each attention head attends, through the grok step."),
    "drift": ("P", "How far the class means move between two probed steps: in jumps, or all the time?"),
    "clock": ("N2", "Linking every place to the one s further on: how many rings that makes."),
    "timeline_wd1.5": ("N3", "One weight decay over training: accuracy, every stride against chance, variance."),
    "timeline_wd2.0": ("N4", "One weight decay over training: accuracy, every stride against chance, variance."),
    "adjacency": (
        "N5",
        "Who is whose nearest neighbour: a ring of stride s shows as diagonals s away from the main one.",
    ),
    "spectrum": ("N5", "The same structure as frequencies on the discrete logarithm; strides follow from it."),
    "long_run": ("N6", "Accuracy of the longest run and the step where its level changes."),
    "phase": ("N7", "Every run's answers and rings over training, by weight decay."),
    "sizes": ("N9", "Small beside large: accuracy, best outer and best inner stride."),
}
OTHER_TIMELINES = ("N7", "One more weight decay over training: accuracy, every stride against chance, variance.")
# Figures of one run, by how their names begin.
RUN_FIGURES: dict[str, tuple[str, str]] = {
    "planes_": ("G5", "Every test pair on UMAP and PCA planes of one run, by residue, discrete logarithm and coset."),
    "animation_": (
        "G6",
        "The class means of one run through training, on each step's plane of most variance.",
    ),
}
OTHER_FIGURES = "other"  # of tables that this report does not have
COLUMNS = {
    "quantity": "quantity",
    "published": "published",
    "author_log": "author's own log",
    "snapshot_readout": "at the published step",
    "trajectory_readout": "over the trajectory",
    "seeds": "seeds",
    "cadence": "read every (steps)",
}


def _place(name: str) -> tuple[str, str]:
    """The table that a figure belongs to, and its caption."""
    of_run = next((place for start, place in RUN_FIGURES.items() if name.startswith(start)), OTHER_TIMELINES)
    return FIGURES.get(name, of_run)


def _figures(paths: Sequence[Path], tables: Collection[str]) -> dict[str, list[dict[str, str]]]:
    """Table name -> its figures, each as alternative text, caption and data URI; OTHER_FIGURES for other tables."""
    found: dict[str, list[dict[str, str]]] = {}
    for path in paths:
        try:
            content = base64.b64encode(path.read_bytes()).decode()
        except OSError as error:
            raise GrokatlasError(f"{path}: cannot be read ({error.strerror}); draw the figures again") from None
        table, caption = _place(path.stem)
        entry = {"name": path.stem, "caption": caption, "uri": f"data:image/{path.suffix[1:]};base64,{content}"}
        found.setdefault(table if table in tables else OTHER_FIGURES, []).append(entry)
    return found


def _text(value: Any) -> str:
    if value is None or pd.isna(value):
        return ""
    return f"{value:,.0f}" if isinstance(value, (int, float)) else str(value)


def _table(name: str, frame: pd.DataFrame) -> dict[str, Any]:
    """A published table as the template wants it: without empty columns, a label repeated downwards shown once."""
    records = frame.to_dict("records")
    shown = {column: title for column, title in COLUMNS.items() if any(_text(record[column]) for record in records)}
    if "trajectory_readout" not in shown:  # a table without runs
        shown["snapshot_readout"] = "computed"
        shown.pop("seeds", None)
    rows, before = [], None
    for record in records:
        label = record["row"] if record["row"] != before else ""
        cells = {column: _text(record[column]) for column in shown}
        rows.append({"label": label, "cells": cells, "verdict": record["verdict"] or ""})
        before = record["row"]
    head = {"name": name, "title": frame.attrs["title"], "caption": frame.attrs["caption"]}
    return {**head, "columns": list(shown.values()), "rows": rows}


def _claims(verdicts: pd.DataFrame) -> dict[str, Any]:
    """Statements by verdict (those read at single points are in the tables), and how many there are of each."""
    statements = verdicts[verdicts["claim"] == verdicts["family"]]
    points = verdicts[verdicts["claim"] != verdicts["family"]]

    def of(verdict: str) -> list[dict[str, Any]]:
        return statements[statements["verdict"] == verdict].to_dict("records")

    return {
        "judged": [row for verdict in BADGES if verdict != MISSING for row in of(verdict)],
        "missing": of(MISSING),
        "counts": {verdict: int((statements["verdict"] == verdict).sum()) for verdict in BADGES},
        "point_counts": {verdict: int((points["verdict"] == verdict).sum()) for verdict in BADGES},
    }


def _runs(metrics: pd.DataFrame) -> list[dict[str, str]]:
    """One row a run: what it is, how far it was trained and probed, on what, and by which versions."""
    kept = metrics[(metrics["probe"] == "evaluation") | (metrics["metric"] == "accuracy")]
    rows = []
    for run, part in kept.groupby("run", sort=True):
        first, evaluated = part.iloc[0], part[part["probe"] == "evaluation"]
        probed = part[part["probe"] != "evaluation"]
        diverged = part.loc[part["metric"] == "diverged", "step"]
        rows.append(
            {
                "run": str(run),
                "weight decay": f"{first['weight_decay']:g}",
                "model": f"{first['layers']} layers, width {first['width']}, {first['heads']} heads",
                "seeds (split, weights, batches)": ", ".join(str(int(first[column])) for column in SEED_COLUMNS),
                "steps trained": f"{part['step'].max():,}" + "".join(f", diverged at {step:,}" for step in diverged),
                "evaluated every": _every(evaluated["step"]),
                "probed every": _every(probed["step"]),
                "from": ", ".join(sorted(part["origin"].dropna().unique())),
                "device": ", ".join(sorted(part["device"].dropna().unique())),
                "precision": ", ".join(sorted(part["precision"].dropna().unique())),
                "torch": ", ".join(sorted(part["torch_version"].dropna().unique())),
                "grokatlas": ", ".join(sorted(part["code_version"].dropna().unique())),
            }
        )
    return rows


def _every(steps: pd.Series) -> str:
    """The spacing of the measured steps, or its range."""
    gaps = steps.drop_duplicates().sort_values().diff().dropna()
    if gaps.empty:
        return f"{len(steps.unique())} step(s)"
    low, high = int(gaps.min()), int(gaps.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def build_report(metrics: pd.DataFrame, tables: Sequence[Path], figures: Sequence[Path], path: Path) -> None:
    """Write the report as one HTML file without any outside resource.

    `metrics`: the metrics table, for the provenance; `tables`: the Parquet files that `write_tables` wrote, with
    verdicts.parquet among them; `figures`: PNG and GIF files, embedded. Raises GrokatlasError for an unreadable file.
    """
    frames = {}
    for table in map(Path, tables):
        try:
            frames[table.stem] = read_table(table)
        except OSError as error:
            raise GrokatlasError(f"{table}: cannot be read ({error}); make the tables again") from None
    if "verdicts" not in frames:
        raise GrokatlasError("verdicts.parquet is not among the tables given: pass every file that write_tables wrote")
    verdicts = frames.pop("verdicts")
    page = render(
        TEMPLATE,
        badges=BADGES,
        claims=_claims(verdicts),
        tables=[_table(name, frame) for name, frame in frames.items()],
        figures=_figures([Path(figure) for figure in figures], frames),
        other_figures=OTHER_FIGURES,
        runs=_runs(metrics),
    )
    write_text(path, page)
