"""Judging claims against runs: a truth value per run, a verdict per claim. Rules: docs/verdicts.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isfinite, isnan

import pandas as pd

from .claims import EITHER, Claim, Predicate
from .intervals import wilson
from .records import Record, View, matches, read_records
from .thresholds import MAJORITY
from .vocabulary import READOUTS, Reading, rows_query
from .wording import WORDS, absent

REPRODUCED, CONTRADICTED, UNDECIDED = "reproduced", "contradicted", "undecided"
UNTESTABLE, MISSING = "untestable", "missing"
VERDICTS = (REPRODUCED, CONTRADICTED, UNDECIDED, UNTESTABLE, MISSING)

ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


@dataclass(frozen=True)
class Outcome:
    """What one run says about one claim: true, false, or None (not measured, too short, or the run diverged first)."""

    record: Record
    truth: bool | None
    reading: Reading | None
    complete: bool

    @property
    def short(self) -> bool:
        """Measured, but neither long enough nor decided."""
        return self.truth is None and self.reading is not None

    def text(self, claim: Claim) -> str:
        """`run at step: value`, the row to look at."""
        value, step, readout = self.reading.value, self.reading.step, claim.predicate.readout
        said = absent(readout) if isnan(value) else "not by then" if value == inf else WORDS[readout][1](value)
        return f"{self.record.run} at {step if step is not None else self.reading.reach:,}: {said}"


def _holds(predicate: Predicate, value: float) -> bool:
    """Whether one reading satisfies a predicate without a partner. NaN (it never happened) satisfies only `never`."""
    if predicate.compare in ("occurs", "never"):
        return isfinite(value) == (predicate.compare == "occurs")
    if isnan(value):
        return False
    if predicate.compare == "near":
        return abs(value - predicate.to[0]) <= predicate.tolerance
    if predicate.compare == "within_factor":
        return predicate.to[0] / predicate.tolerance <= value <= predicate.to[0] * predicate.tolerance
    if predicate.compare == "between":
        return predicate.to[0] <= value <= predicate.to[1]
    return ORDER[predicate.compare](value, predicate.to[0])


def _against_partner(predicate: Predicate, own: Reading, partner: Reading | None) -> bool | None:
    """Compare two runs' readings; None if either has nothing to compare, or neither happened within its record.

    None too if one had not happened when its record ended, which is too early to say how much later it is.
    """
    if partner is None or isnan(own.value) or isnan(partner.value) or own.value == partner.value == inf:
        return None
    early, late = sorted((own, partner), key=lambda reading: reading.value)
    factor = predicate.tolerance if predicate.compare == "within_factor" else 1.0
    if late.value == inf and late.reach < early.value * factor:
        return None
    if predicate.compare == "within_factor":
        return late.value <= early.value * factor
    return ORDER[predicate.compare](own.value, partner.value)


def read(claim: Claim, record: Record) -> Reading | None:
    """The claim's readout of one run, at the claim's cadence and within its horizon."""
    predicate = claim.predicate
    return READOUTS[predicate.readout](View(record, claim.cadence, claim.horizon), **predicate.arguments)


def _partner(claim: Claim, record: Record, records: Sequence[Record]) -> Record | None:
    wanted = {**claim.population, **claim.predicate.than}
    return next((other for other in records if other.seeds == record.seeds and matches(other, wanted)), None)


def outcome(claim: Claim, record: Record, records: Sequence[Record]) -> Outcome:
    """What this run says about the claim; `records` are all runs, among them a partner where the claim needs one."""
    reading = read(claim, record)
    if reading is None:
        return Outcome(record, None, None, False)
    reach = reading.reach
    if claim.predicate.than is None:
        truth = _holds(claim.predicate, reading.value)
    else:
        other = _partner(claim, record, records)
        partner = read(claim, other) if other else None
        reach = min(reach, partner.reach) if partner else 0
        truth = _against_partner(claim.predicate, reading, partner)
    complete = reach >= claim.horizon
    early = claim.decided_early
    if early == EITHER:
        final = isfinite(reading.value) if claim.predicate.than is None else truth is not None
    else:
        final = truth is not None and truth == early
    return Outcome(record, truth if complete or final else None, reading, complete)


def population(claim: Claim, records: Sequence[Record]) -> list[Record]:
    """The runs that a claim speaks about."""
    return [record for record in records if matches(record, claim.population)]


def _interval(claim: Claim, outcomes: Sequence[Outcome]) -> tuple[int, int, float, float]:
    """Runs counted, runs true among them, and the Wilson interval of the share that is true.

    Where short runs can decide one way only, counting just those that did would tilt the share: so complete runs alone
    are counted if there are any, and else the undecided ones are taken both ways.
    """
    counted = [one for one in outcomes if one.truth is not None]
    pending = sum(one.short for one in outcomes) if claim.decided_early is not None else 0
    if pending and any(one.complete for one in counted):
        counted, pending = [one for one in counted if one.complete], 0
    true, n = sum(one.truth for one in counted), len(counted)
    return n, true, wilson(true, n + pending)[0], wilson(true + pending, n + pending)[1]


def decide(claim: Claim, outcomes: Sequence[Outcome]) -> tuple[str, str]:
    """Verdict and its reason in one sentence, from the outcomes of a testable claim's runs."""
    decided = [one for one in outcomes if one.truth is not None]
    true, false = sum(one.truth for one in decided), sum(not one.truth for one in decided)
    if not outcomes:
        return MISSING, "No such run was trained."
    if not decided:
        return MISSING, _why_missing(claim, outcomes)
    n, counted_true, low, high = _interval(claim, outcomes)
    short = sum(one.short for one in outcomes)
    still_open = f"; {_runs(short)} too short so far" if short else ""
    share = f"{counted_true} of {_runs(n)} (95% interval of the share {low:.2f} to {high:.2f}{still_open})"
    if claim.quantifier == "always" and false:
        return (
            CONTRADICTED,
            f"False in {false} of {_runs(len(decided))}; one counterexample is enough. {_first(claim, decided, False)}",
        )
    if claim.quantifier == "exists":
        if true:
            return (
                REPRODUCED,
                f"True in {true} of {_runs(len(decided))}; one example is enough. {_first(claim, decided, True)}",
            )
        return UNDECIDED, f"True in none of {_runs(n)}; the share of such runs is below {high:.2f} (95%)."
    if low > MAJORITY:
        return REPRODUCED, f"True in {share}."
    if claim.quantifier == "typically" and high < MAJORITY:
        return CONTRADICTED, f"True in {share}."
    return UNDECIDED, f"True in {share}: too few to tell from {MAJORITY}."


def _first(claim: Claim, decided: Sequence[Outcome], truth: bool) -> str:
    return f"For one, {next(one.text(claim) for one in decided if one.truth is truth)}."


def _runs(n: int) -> str:
    return f"{n} run{'s' * (n != 1)}"


def _why_missing(claim: Claim, outcomes: Sequence[Outcome]) -> str:
    last = max(one.record.last_step for one in outcomes)
    if last < claim.horizon:
        return f"{_runs(len(outcomes))} trained, the longest record has {last:,} of {claim.horizon:,} steps."
    return f"{_runs(len(outcomes))} trained, none with what this compares, every {claim.cadence:,} steps."


def _query(claim: Claim, outcomes: Sequence[Outcome], records: Sequence[Record]) -> str:
    """The condition that picks every row the verdict rests on, for `DataFrame.query` and for SQL alike; "" for none."""
    if not outcomes:
        return ""
    runs = [one.record for one in outcomes]
    if claim.predicate.than is not None:
        runs += [other for record in runs if (other := _partner(claim, record, records))]
    arguments, names = claim.predicate.arguments, " or ".join(f"run == '{record.run}'" for record in runs)
    steps = f"step == {arguments['step']}" if "step" in arguments else f"step <= {claim.horizon}"
    return f"{rows_query(claim.predicate.readout, arguments)} and {steps} and ({names})"


def _row(claim: Claim, records: Sequence[Record]) -> dict[str, object]:
    runs = population(claim, records)
    outcomes = [] if claim.untestable else [outcome(claim, record, records) for record in runs]
    verdict, reason = (UNTESTABLE, claim.untestable) if claim.untestable else decide(claim, outcomes)
    sides = {truth: [one for one in outcomes if one.truth is truth] for truth in (True, False)}
    n, counted_true, low, high = _interval(claim, outcomes)
    diverged = [one.record.run for one in outcomes if one.record.diverged_step is not None]
    if diverged:
        reason += f" Diverged: {', '.join(diverged)}."
    return {
        "claim": claim.id,
        "family": claim.family,
        "table": claim.table,
        "statement": claim.statement,
        "source": claim.source,
        "published": claim.published,
        "quantifier": claim.quantifier,
        "horizon": claim.horizon,
        "cadence": claim.cadence,
        "verdict": verdict,
        "reason": reason,
        "runs": len(runs),
        "from_evidence": sum(record.from_evidence for record in runs),
        "true": len(sides[True]),
        "false": len(sides[False]),
        "open": len(outcomes) - len(sides[True]) - len(sides[False]),
        "counted": n,
        "share_true": counted_true / n if n else None,
        "wilson_low": low if n else None,
        "wilson_high": high if n else None,
        "true_in": "; ".join(one.text(claim) for one in sides[True]),
        "false_in": "; ".join(one.text(claim) for one in sides[False]),
        "query": _query(claim, outcomes, records),
    }


def judge_records(claims: Sequence[Claim], records: Sequence[Record]) -> pd.DataFrame:
    """The verdict on every claim, one row each, in the claims' order (columns: docs/verdicts.md)."""
    return pd.DataFrame([_row(claim, records) for claim in claims])


def judge(claims: Sequence[Claim], metrics: pd.DataFrame) -> pd.DataFrame:
    """The verdict on every claim from a metrics table (schema in metrics.py), one row each, in the claims' order."""
    return judge_records(claims, read_records(metrics))
