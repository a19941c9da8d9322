"""docs/findings.md: claim by claim and lead by lead what the evidence says, written from the tables alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from .atomic import write_text
from .intervals import wilson
from .leads import follow_leads
from .report import BADGES, FIGURES
from .tables import read_table
from .tables.writing import markdown_rows
from .templates import render
from .thresholds import MAJORITY
from .verdicts import CONTRADICTED, MISSING, REPRODUCED, UNDECIDED, UNTESTABLE

TEMPLATE = "findings.md.j2"
ORDER = (CONTRADICTED, REPRODUCED, UNDECIDED, UNTESTABLE)
# The statements that people ask about first; their rows are the headline table of README.md as well.
HEADLINE = (
    "n7-wd1.0-no-grok",
    "n4-throughout",
    "n7-wd5.0-no-grok",
    "n7-wd5.0-no-memory",
    "n7-wd2.0-outer-from",
    "p51-fall-pca-addition",
    "p51-fall-pca-multiplication",
    "p52-loop-after-multiplication",
    "sudden-grok-cka-multiplication",
)
PROVENANCE_SHOWN = ("run", "steps", "code_version", "device", "precision", "threads", "torch_version", "wall_seconds",
                    "model_steps_per_s")  # fmt: skip
MOST_SEEDS = 1_000  # beyond this a share is too near one half to be settled by seeds


def seeds_to_settle(share: float) -> int | None:
    """The fewest runs at which a share like this one would leave one half: 4 for 0 or 1, None for about one half.

    The Wilson 95% interval of round(share n) of n must lie on one side of one half.
    """
    for n in range(1, MOST_SEEDS + 1):
        low, high = wilson(round(share * n), n)
        if low > MAJORITY or high < MAJORITY:
            return n
    return None


def _headline(verdicts: pd.DataFrame) -> str:
    rows = verdicts.set_index("claim").reindex([claim for claim in HEADLINE if claim in set(verdicts["claim"])])
    shown = rows[["statement", "published", "reason", "verdict"]].rename(columns={"reason": "measured"})
    return markdown_rows(shown)


def _unsettled(verdicts: pd.DataFrame) -> str:
    """Undecided statements with the runs each would need, and missing ones by the length of run they need."""
    statements = verdicts[verdicts["claim"] == verdicts["family"]]
    undecided = statements[(statements["verdict"] == UNDECIDED) & (statements["counted"] > 0)].copy()
    needed = [seeds_to_settle(value) for value in undecided["share_true"].astype(float)]
    undecided["runs it would take"] = ["too near one half to say" if n is None else str(n) for n in needed]
    columns = {
        "statement": "statement",
        "true": "true in",
        "counted": "of runs",
        "runs it would take": "runs it would take",
    }
    parts = ["Undecided, with the number of runs it would take if their share stayed as it is:\n"]
    parts.append(markdown_rows(undecided[list(columns)].rename(columns=columns)) if len(undecided) else "none.\n")
    lacking = statements[statements["verdict"] == MISSING]
    for horizon, part in lacking.groupby("horizon"):
        parts.append(f"\n{len(part)} statements need runs of {horizon:,} steps.")
    return "\n".join(parts)


def _tables(verdicts: pd.DataFrame, tables: Mapping[str, pd.DataFrame], figures: set[str]) -> list[dict[str, Any]]:
    """Each published table with its statements in the order of ORDER; those read at single points are in the tables."""
    statements = verdicts[verdicts["claim"] == verdicts["family"]]
    picture = {table: figure for figure, (table, _) in reversed(FIGURES.items()) if figure in figures}
    found = []
    for name, frame in tables.items():
        own = statements[statements["table"] == name]
        judged = [row for verdict in ORDER for row in own[own["verdict"] == verdict].to_dict("records")]
        missing = list(own.loc[own["verdict"] == MISSING, "statement"])
        if judged or missing:
            entry = {"title": frame.attrs["title"], "figure": picture.get(name, ""), "claims": judged}
            found.append(entry | {"missing": missing})
    return found


def build_findings(
    metrics: pd.DataFrame, tables: Sequence[Path], figures: Sequence[str], provenance: Sequence[Mapping[str, str]]
) -> tuple[str, str]:
    """The text of findings.md and the headline table alone, both Markdown.

    `tables`: Parquet files that `write_tables` wrote, verdicts.parquet among them; `figures`: names of figures;
    `provenance`: rows of the evidence's provenance.csv.
    """
    frames = {path.stem: read_table(path) for path in tables}
    verdicts = frames.pop("verdicts")
    statements = verdicts["claim"] == verdicts["family"]
    headline = _headline(verdicts)
    leads = []
    for lead in follow_leads(metrics):
        shown = markdown_rows(lead.table) if len(lead.table) else ""
        leads.append({**asdict(lead), "table": shown, "figure": lead.figure if lead.figure in figures else ""})
    runs = pd.DataFrame(provenance)
    text = render(
        TEMPLATE,
        runs=runs,
        total_steps=int(runs["steps"].astype(int).sum()) if len(runs) else 0,
        verdicts=list(BADGES),
        counts={verdict: int((verdicts[statements]["verdict"] == verdict).sum()) for verdict in BADGES},
        point_counts={verdict: int((verdicts[~statements]["verdict"] == verdict).sum()) for verdict in BADGES},
        headline=headline,
        leads=leads,
        tables=_tables(verdicts, frames, set(figures)),
        unsettled=_unsettled(verdicts),
        provenance=markdown_rows(runs[list(PROVENANCE_SHOWN)]) if len(runs) else "None.\n",
    )
    return text, headline


def write_findings(text: str, headline: str, folder: Path) -> None:
    """Write findings.md and headline.md, each atomically."""
    write_text(folder / "findings.md", text)
    write_text(folder / "headline.md", headline)
