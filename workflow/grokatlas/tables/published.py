"""The published tables as data: rows, each with the claim that judges it or the computation that settles it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..claims import Claim, read_yaml, words
from ..errors import GrokatlasError
from ..vocabulary import check_readout
from ..wording import percent
from .computed import COMPUTATIONS

ROW_KEYS = {
    "row", "quantity", "published", "author_log", "claim", "snapshot", "trajectory", "points_of", "cases_of", "as",
    "until", "compute", "expected", "tolerance",
}  # fmt: skip
SNAPSHOTS = ("accuracy_at", "score_at", "pca_at", "value_at")
# The trajectory beside a point: a stride's last five probes at the published cadence, or the accuracy in all its words.
PROBES_BEFORE = 40_000
ACCURACY_SUMMARY = (
    "median_last_20_percent", "low_last_20_percent", "high_last_20_percent", "first_grok_step", "share_at_least_99",
    "longest_unbroken_99", "oscillations",
)  # fmt: skip


@dataclass(frozen=True)
class ReadoutSpec:
    """A readout of the vocabulary with its arguments."""

    readout: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """One row of a published table; either `claim` or `compute` is set.

    `until`: the step up to which the trajectory readouts read, if it is not the claim's horizon.
    """

    row: str
    quantity: str
    published: str
    author_log: str = ""
    claim: Claim | None = None
    snapshot: ReadoutSpec | None = None
    trajectory: Sequence[ReadoutSpec] = ()
    until: int | None = None
    compute: ReadoutSpec | None = None
    expected: Any = None
    tolerance: float | None = None


@dataclass(frozen=True)
class PublishedTable:
    """A published table: name (N1 ...), title, caption in plain words, rows."""

    name: str
    title: str
    caption: str
    rows: Sequence[Row]


def _spec(given: Any, where: str, allowed: Sequence[str] | None = None) -> ReadoutSpec:
    if not isinstance(given, Mapping) or not set(given) <= {"readout", "arguments"}:
        raise GrokatlasError(f"{where}: must be {{readout: ..., arguments: {{...}}}}, not {given!r}")
    arguments = given.get("arguments", {})
    check_readout(given.get("readout"), arguments, where)
    if allowed and given["readout"] not in allowed:
        raise GrokatlasError(f"{where}: a snapshot is read at one step; use one of {', '.join(allowed)}")
    return ReadoutSpec(given["readout"], dict(arguments))


def _point_trajectory(snapshot: ReadoutSpec) -> list[ReadoutSpec]:
    arguments = {key: value for key, value in snapshot.arguments.items() if key != "step"}
    if snapshot.readout == "accuracy_at":
        return [ReadoutSpec(name, arguments) for name in ACCURACY_SUMMARY]
    if snapshot.readout == "score_at":
        start = max(0, snapshot.arguments["step"] - PROBES_BEFORE)
        return [ReadoutSpec("median_score", {**arguments, "start": start})]
    return []


def _point_row(given: Mapping[str, Any], label: str, claim: Claim, trajectory: Sequence[ReadoutSpec]) -> Row:
    logs, text = given.get("author_log", ""), claim.published
    if claim.predicate.readout == "accuracy_at":
        text = percent(claim.predicate.to[0])
    snapshot = ReadoutSpec(claim.predicate.readout, claim.predicate.arguments)
    return Row(
        row=f"{label}, step {claim.point:,}",
        quantity=given["quantity"],
        published=str(given.get("as", {}).get(claim.point, text)),
        author_log=str(logs.get(claim.point, "") if isinstance(logs, Mapping) else logs),
        claim=claim,
        snapshot=snapshot,
        trajectory=trajectory or _point_trajectory(snapshot),
        until=given.get("until"),
    )


def _point_rows(given: Mapping[str, Any], claims: Sequence[Claim], where: str) -> list[Row]:
    points = [claim for claim in claims if claim.family == given["points_of"] and claim.point is not None]
    if not points:
        raise GrokatlasError(f"{where}: points_of {given['points_of']!r} names no claim with points")
    return [_point_row(given, given["row"], claim, ()) for claim in points]


def _case_rows(given: Mapping[str, Any], claims: Sequence[Claim], where: str) -> list[Row]:
    """One row a case (and point) of a claim; the row's label may name the case's columns in braces."""
    cases = [claim for claim in claims if claim.entry == given["cases_of"] and claim.case]
    if not cases:
        raise GrokatlasError(f"{where}: cases_of {given['cases_of']!r} names no claim with cases")
    trajectory, rows = _specs(given, where), []
    for claim in cases:
        label = words(given["row"], claim.case, where)
        if claim.point is not None:
            rows.append(_point_row(given, label, claim, trajectory))
        else:
            rows.append(_claim_row(given | {"published": claim.published, "row": label}, claim, trajectory, where))
    return rows


def _specs(given: Mapping[str, Any], where: str) -> list[ReadoutSpec]:
    specs = given.get("trajectory", [])
    return [_spec(spec, f"{where}, trajectory") for spec in (specs if isinstance(specs, list) else [specs])]


def _claim_row(given: Mapping[str, Any], claim: Claim, trajectory: Sequence[ReadoutSpec], where: str) -> Row:
    return Row(
        row=given["row"],
        quantity=given["quantity"],
        published=str(given.get("published", "")),
        author_log=str(given.get("author_log", "")),
        claim=claim,
        snapshot=_spec(given["snapshot"], f"{where}, snapshot", SNAPSHOTS) if "snapshot" in given else None,
        trajectory=trajectory,
    )


def _computed_row(given: Mapping[str, Any], where: str) -> Row:
    name, arguments = next(iter(given["compute"].items()))
    if name not in COMPUTATIONS:
        raise GrokatlasError(f"{where}: compute {name!r} is unknown; use one of {', '.join(COMPUTATIONS)}")
    return Row(
        row=given["row"],
        quantity=given["quantity"],
        published=str(given.get("published", "")),
        author_log=str(given.get("author_log", "")),
        compute=ReadoutSpec(name, arguments),
        expected=given.get("expected"),
        tolerance=given.get("tolerance"),
    )


def _rows(given: Any, claims: Sequence[Claim], where: str) -> list[Row]:
    if not isinstance(given, Mapping):
        raise GrokatlasError(f"{where}: a row must be a mapping of keys to values")
    for key in given:
        if key not in ROW_KEYS:
            raise GrokatlasError(f"{where}: key {key!r} is unknown; use one of {', '.join(sorted(ROW_KEYS))}")
    for key in ("row", "quantity"):
        if key not in given:
            raise GrokatlasError(f"{where}: key {key!r} is missing")
    if sum(key in given for key in ("claim", "points_of", "cases_of", "compute")) != 1:
        raise GrokatlasError(f"{where}: give exactly one of claim, points_of, cases_of or compute")
    if "points_of" in given:
        return _point_rows(given, claims, where)
    if "cases_of" in given:
        return _case_rows(given, claims, where)
    if "compute" in given:
        return [_computed_row(given, where)]
    claim = next((claim for claim in claims if claim.id == given["claim"]), None)
    if claim is None:
        raise GrokatlasError(f"{where}: claim {given['claim']!r} is in no claims file")
    return [_claim_row(given, claim, _specs(given, where), where)]


def load_published(path: Path | str, claims: Sequence[Claim]) -> list[PublishedTable]:
    """The published tables of a YAML file, in file order, points expanded to rows.

    Raises GrokatlasError with one line that names the table, the row and the fault.
    """
    tables = []
    for name, given in read_yaml(path, {"tables"})["tables"].items():
        if not isinstance(given, Mapping) or set(given) != {"title", "caption", "rows"}:
            raise GrokatlasError(f"{path}: table {name} must have title, caption and rows, and nothing else")
        rows: list[Row] = []
        for place, row in enumerate(given["rows"], start=1):
            rows += _rows(row, claims, f"{path}: table {name}, row {place}")
        tables.append(PublishedTable(name, given["title"], " ".join(given["caption"].split()), rows))
    return tables
