"""How far the runs of a config are, from their files alone: no torch, no process asked, any machine that sees them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .config import Config, Plan
from .errors import GrokatlasError
from .history import RunHistory

GRACE_SECONDS = 60  # beyond two saves: for a long evaluation, and for what a network file system shows late


class State(StrEnum):
    """Where a run stands, in the order in which people look."""

    TRAINING = "training"  # a file changed within the last two saves and GRACE_SECONDS
    DIVERGED = "diverged"
    WAITING = "waiting"  # not begun, between two jobs, or stopped
    DONE = "done"


@dataclass(frozen=True)
class Standing:
    """What the names and times of a run's files tell; nothing is opened for it."""

    plan: Plan
    state: State
    step: int  # of the newest checkpoint
    saved: float  # when that was written, seconds since 1970; 0 for none


@dataclass(frozen=True)
class Detail:
    """What the newest sidecar and the last evaluation say; None where there is none yet."""

    device: str | None = None
    steps_per_second: float | None = None
    evaluated: int | None = None  # step of the scores
    scores: dict[str, float] | None = None
    problem: str | None = None  # a damaged file, in one line


@dataclass(frozen=True)
class Totals:
    """All runs together. Steps are model-steps: the sum over runs."""

    runs: dict[State, int]
    trained: int
    wanted: int
    steps_per_second: float  # of the runs that train now
    left: int  # steps that no diverged run keeps from being trained


def look(config: Config, now: float, before: Iterable[Standing] = ()) -> list[Standing]:
    """Every run's standing, training first, `now` in seconds since 1970.

    Costs two folder listings for a run that has begun, none for one that has not, nor for one finished in `before`.
    """
    results, recent = config.settings.results, now - 2 * config.settings.save_seconds - GRACE_SECONDS
    finished = {s.plan.run.id: s for s in before if s.state in (State.DONE, State.DIVERGED)}
    begun = _listing(results / "runs")
    found = []
    for run, plan in config.plans.items():
        if run in finished:
            found.append(finished[run])
        elif run in begun:
            found.append(_standing(RunHistory(results, plan.run), plan, recent))
        else:
            found.append(Standing(plan, State.WAITING, 0, 0.0))
    order = list(State)
    return sorted(found, key=lambda s: (order.index(s.state), s.step == 0))


def _standing(history: RunHistory, plan: Plan, recent: float) -> Standing:
    own, kept = _listing(history.path), _listing(history.path / "checkpoints")
    newest = max((name for name in kept if name.endswith(".json") and name[0].isdigit()), default=None)
    step, saved = (int(Path(newest).stem), _modified(kept[newest])) if newest else (0, 0.0)
    if "diverged.json" in own:
        state = State.DIVERGED
    elif step >= plan.steps:
        state = State.DONE
    else:
        # A job touches .lock as it begins, and replaces the others each save_seconds.
        signs = [_modified(own[name]) for name in (".lock", "evaluations.csv") if name in own]
        state = State.TRAINING if max([saved, *signs]) >= recent else State.WAITING
    return Standing(plan, state, step, saved)


def _listing(folder: Path) -> dict[str, os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry for entry in entries}
    except FileNotFoundError:
        return {}


def _modified(entry: os.DirEntry) -> float:
    try:
        return entry.stat().st_mtime
    except FileNotFoundError:  # dropped since it was listed, a newer one having been written: the next look sees that
        return 0.0


def read_detail(results: Path, standing: Standing) -> Detail:
    """Open the newest sidecar and the evaluations of a run. What is damaged is told in the detail, not raised."""
    history = RunHistory(results, standing.plan.run)
    try:
        piece, evaluation = history.newest_piece(), history.newest_evaluation()
    except GrokatlasError as error:
        return Detail(problem=str(error))
    step, scores = evaluation or (None, None)
    if piece is None:
        return Detail(evaluated=step, scores=scores)
    return Detail(piece.execution.device, piece.steps_per_second, step, scores)


def end_of_run(standing: Standing, detail: Detail) -> float | None:
    """When a training run reaches its budget at the speed of its newest piece, seconds since 1970; None if unknown."""
    if standing.state != State.TRAINING or not detail.steps_per_second:
        return None
    return standing.saved + (standing.plan.steps - standing.step) / detail.steps_per_second


def total(standings: Iterable[Standing], speeds: Iterable[float | None]) -> Totals:
    """Sum up; `speeds` are those of the training runs."""
    standings = list(standings)
    steps = [(s, min(s.step, s.plan.steps)) for s in standings]
    return Totals(
        runs={state: sum(s.state == state for s in standings) for state in State},
        trained=sum(step for _, step in steps),
        wanted=sum(s.plan.steps for s in standings),
        steps_per_second=sum(speed or 0.0 for speed in speeds),
        left=sum(s.plan.steps - step for s, step in steps if s.state != State.DIVERGED),
    )
