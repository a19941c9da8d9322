"""Published statements as data: quantified predicates over readouts, fixed before any run. Format: docs/verdicts.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from . import thresholds
from .errors import GrokatlasError
from .metrics import RUN_COLUMNS
from .vocabulary import check_readout

QUANTIFIERS = ("always", "typically", "exists")
ORDERINGS = ("<", "<=", ">", ">=", "==", "!=")
TOLERANT = ("near", "within_factor")
COMPARISONS = ("occurs", "never", *ORDERINGS, *TOLERANT, "between")
EITHER = "either"  # decided_early: the first occurrence is final, whichever way it decides

CLAIM_KEYS = {
    "id", "table", "statement", "source", "published", "population", "where", "horizon", "cadence", "quantifier",
    "predicate", "decided_early", "untestable", "points", "cases",
}  # fmt: skip
CASE_KEYS = {"id", "where", "said", "published", "predicate", "points"}
PREDICATE_KEYS = {"readout", "arguments", "compare", "to", "tolerance", "than"}


@dataclass(frozen=True)
class Predicate:
    """What a readout of one run is held against.

    `to`: a number, or two for between. `than`: replaces run columns to name the partner run (equal seeds) whose reading
    is compared with, instead of `to`.
    """

    readout: str
    arguments: Mapping[str, Any]
    compare: str
    to: tuple[float, ...] = ()
    tolerance: float | None = None
    than: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Claim:
    """One published statement; its `population` maps run columns to values (a list: any of them).

    `horizon` and `cadence` are in optimizer steps.

    `decided_early`: the truth value that a record shorter than `horizon` already settles, or None.
    `point`: the step of a claim that was expanded from a list of points.
    `entry`: the id in the file of a claim that was expanded from cases, and `case` the run columns of its case, as
    texts name them.
    """

    id: str
    table: str
    statement: str
    source: str
    published: str
    population: Mapping[str, Any]
    quantifier: str
    horizon: int = 0
    cadence: int = 0
    predicate: Predicate | None = None
    decided_early: bool | str | None = None
    untestable: str = ""
    point: int | None = None
    family: str = field(default="", compare=False)
    entry: str = field(default="", compare=False)
    case: Mapping[str, Any] = field(default_factory=dict, compare=False)


def threshold(value: Any, where: str) -> float:
    """A number as it is, or the value of the threshold of that name. Raises GrokatlasError for an unknown name."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise GrokatlasError(f"{where}: {value!r} is neither a number nor the name of a threshold")
    if isinstance(value, str):
        named = vars(thresholds).get(value) if value.isupper() else None
        if named is None:
            known = ", ".join(name for name in vars(thresholds) if name.isupper())
            raise GrokatlasError(f"{where}: threshold {value!r} is unknown; use one of {known}")
        value = named
    return float(value)


def _known_keys(given: Any, known: set[str], where: str) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise GrokatlasError(f"{where}: must be a mapping of keys to values, not {given!r}")
    for key in given:
        if key not in known:
            raise GrokatlasError(f"{where}: key {key!r} is unknown; use one of {', '.join(sorted(known))}")
    return given


def _columns(given: Any, where: str) -> dict[str, Any]:
    return dict(_known_keys(given, {name for name, *_ in RUN_COLUMNS}, where))


def _predicate(given: Any, where: str) -> Predicate:
    given = _known_keys(given, PREDICATE_KEYS, where)
    arguments = given.get("arguments", {})
    if not isinstance(arguments, Mapping):
        raise GrokatlasError(f"{where}: arguments must be a mapping, not {arguments!r}")
    check_readout(given.get("readout"), arguments, where)
    compare = given.get("compare")
    if compare not in COMPARISONS:
        raise GrokatlasError(f"{where}: compare {compare!r} is unknown; use one of {', '.join(COMPARISONS)}")
    to = given.get("to", [])
    to = tuple(threshold(value, where) for value in (to if isinstance(to, list) else [to]))
    than = _columns(given["than"], f"{where}, than") if "than" in given else None
    expected = 0 if compare in ("occurs", "never") or than is not None else 2 if compare == "between" else 1
    if len(to) != expected:
        raise GrokatlasError(f"{where}: compare {compare} takes {expected} number(s) in 'to', not {len(to)}")
    pairwise = (*ORDERINGS, "within_factor")
    if than is not None and compare not in pairwise:
        raise GrokatlasError(f"{where}: 'than' compares two runs with one of {', '.join(pairwise)}, not {compare}")
    if (compare in TOLERANT) != ("tolerance" in given):
        raise GrokatlasError(f"{where}: 'tolerance' belongs to {' and '.join(TOLERANT)}, and to them only")
    tolerance = threshold(given["tolerance"], where) if "tolerance" in given else None
    return Predicate(given["readout"], dict(arguments), compare, to, tolerance, than)


def words(template: str, case: Mapping[str, Any], where: str) -> str:
    """A text with the columns of a case filled in for {their names}, first letter large; null is said as none.

    Raises GrokatlasError for a name that is no column of the case.
    """
    try:
        text = template.format_map({name: "none" if value is None else value for name, value in case.items()})
    except (KeyError, ValueError, IndexError) as error:
        raise GrokatlasError(f"{where}: {template!r} names {error}, which its case has not") from None
    return text[:1].upper() + text[1:]


def _cases(given: Mapping[str, Any], where: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """A claim with `cases` as one claim a case, each with its case's columns as texts name them; others as they are."""
    if "cases" not in given:
        return [(dict(given), {})]
    if not isinstance(given["cases"], list) or not given["cases"]:
        raise GrokatlasError(f"{where}: cases must be a list of mappings")
    expanded = []
    for case in given["cases"]:
        case = _known_keys(case, CASE_KEYS, f"{where}, a case")
        if "id" not in case:
            raise GrokatlasError(f"{where}: a case has no id")
        inside = f"{where}, case {case['id']!r}"
        columns = _columns(case.get("where", {}), f"{inside}, where")
        said = columns | _columns(case.get("said", {}), f"{inside}, said")
        one = {key: item for key, item in (given | case).items() if key not in ("cases", "said")}
        for key in ("where", "predicate"):
            if key in given or key in case:
                one[key] = {**given.get(key, {}), **case.get(key, {})}
        one |= {
            "id": f"{given['id']}-{case['id']}",
            "statement": words(str(given.get("statement", "")), said, inside),
        }
        expanded.append((one, said))
    return expanded


def _expand(given: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    """A claim with `points` {step: value} as one claim a point, read at exactly that step; others as they are."""
    if "points" not in given:
        return [dict(given)]
    points = given["points"]
    if not isinstance(points, Mapping) or not all(isinstance(step, int) for step in points):
        raise GrokatlasError(f"{where}: points must map steps to published values")
    if "horizon" in given:
        raise GrokatlasError(f"{where}: a claim with points takes its horizons from them; drop 'horizon'")
    expanded = []
    for step, value in points.items():
        text = f"{value:.3f}" if isinstance(value, float) and round(value, 3) == value else str(value)
        predicate = dict(_known_keys(given.get("predicate", {}), PREDICATE_KEYS, where))
        predicate |= {"arguments": {**predicate.get("arguments", {}), "step": step}, "to": value}
        expanded.append(
            {key: item for key, item in given.items() if key != "points"}
            | {"id": f"{given['id']}-{step}", "horizon": step, "predicate": predicate, "published": text}
            | {"statement": f"{given['statement']}: {text} at step {step:,}"}
        )
    return expanded


def _claim(
    given: Mapping[str, Any], populations: Mapping[str, Any], family: str, point: int | None, where: str
) -> Claim:
    for key in ("table", "statement", "source", "published", "population", "quantifier"):
        if key not in given:
            raise GrokatlasError(f"{where}: key {key!r} is missing")
    if given["population"] not in populations:
        raise GrokatlasError(
            f"{where}: population {given['population']!r} is unknown; use one of {', '.join(populations)}"
        )
    if given["quantifier"] not in QUANTIFIERS:
        raise GrokatlasError(
            f"{where}: quantifier {given['quantifier']!r} is unknown; use one of {', '.join(QUANTIFIERS)}"
        )
    if ("untestable" in given) == ("predicate" in given):
        raise GrokatlasError(f"{where}: give either a predicate or the reason why it is untestable")
    early = given.get("decided_early")
    if not (early is None or isinstance(early, bool) or early == EITHER):
        raise GrokatlasError(f"{where}: decided_early {early!r} must be true, false, null or {EITHER}")
    for key in ("horizon", "cadence") if "predicate" in given else ():
        if not isinstance(given.get(key), int) or given[key] <= 0:
            raise GrokatlasError(f"{where}: {key} must be a positive number of steps, not {given.get(key)!r}")
    texts = {key: str(given[key]) for key in ("id", "table", "statement", "source", "published", "quantifier")}
    return Claim(
        **texts,
        population={**populations[given["population"]], **_columns(given.get("where", {}), f"{where}, where")},
        horizon=given.get("horizon", 0),
        cadence=given.get("cadence", 0),
        predicate=_predicate(given["predicate"], f"{where}, predicate") if "predicate" in given else None,
        decided_early=early,
        untestable=str(given.get("untestable", "")),
        point=point,
        family=family,
    )


def read_yaml(path: Path | str, keys: set[str]) -> Mapping[str, Any]:
    """A YAML file whose top level is a mapping with exactly these keys. Raises GrokatlasError naming file and fault."""
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise GrokatlasError(f"{path}: cannot be read as YAML ({reason}); restore or mend the file") from None
    content = _known_keys(content, keys, str(path))
    for key in keys:
        if key not in content:
            raise GrokatlasError(f"{path}: key {key!r} is missing")
    return content


def _load(path: Path | str) -> list[Claim]:
    content = read_yaml(path, {"populations", "claims"})
    if not isinstance(content["populations"], Mapping) or not isinstance(content["claims"], list):
        raise GrokatlasError(f"{path}: populations must be a mapping of names to columns, claims a list")
    populations = {
        name: _columns(columns, f"{path}: population {name!r}") for name, columns in content["populations"].items()
    }
    claims: list[Claim] = []
    for place, given in enumerate(content["claims"], start=1):
        entry = str(given.get("id", "")) if isinstance(given, Mapping) else ""
        where = f"{path}: claim {entry!r}" if entry else f"{path}: claim {place}"
        _known_keys(given, CLAIM_KEYS, where)
        if not entry:
            raise GrokatlasError(f"{where} has no id")
        for one, columns in _cases(given, where):
            for point in _expand(one, where):
                step = point["horizon"] if "points" in one else None
                claim = _claim(point, populations, one["id"], step, where)
                claims.append(replace(claim, entry=entry, case=columns))
    return claims


def load_claims(*paths: Path | str) -> list[Claim]:
    """Every claim of the claims files, cases and points expanded, in file order.

    Raises GrokatlasError with one line that names the claim and the misspelt key, readout, threshold or value.
    """
    claims = [(path, claim) for path in paths for claim in _load(path)]
    ids = [claim.id for _, claim in claims]
    for path, claim in claims:
        if ids.count(claim.id) > 1:
            raise GrokatlasError(f"{path}: claim id {claim.id!r} is used twice")
    return [claim for _, claim in claims]
