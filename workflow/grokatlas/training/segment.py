"""One train job: bring the runs of a stack from their newest checkpoints to the end of a segment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch

from ..checkpoints import RunFolder
from ..config import Plan, Settings
from ..errors import GrokatlasError
from ..history import Piece
from ..model import initial_parameters
from ..runs import Run
from ..stacks import Segment, Stack
from .device import Machine, lane_sizes
from .evaluation import Evaluator
from .lane import Lane, Recipe, RunState

CHUNK_STEPS = 30  # steps between looks at the clock, the losses and the stop flag

Report = Callable[[str, int, int, dict[str, float]], None]  # run id, step, goal, newest scores


class Interrupted(Exception):
    """The job was asked to stop; everything trained so far is saved."""


@dataclass
class Member:
    """A run in a lane, on its way to `goal`."""

    plan: Plan
    folder: RunFolder
    state: RunState
    ledger: list[Piece]
    goal: int
    diverged: bool = False


def recipe(run: Run) -> Recipe:
    """What a lane needs to know of a run."""
    return Recipe(run.task, run.learning_rate, run.weight_decay, run.seeds.batch, run.batch_size)


def newest_state(folder: RunFolder, at_or_below: int) -> tuple[RunState, list[Piece]]:
    """The newest verified checkpoint at or below a step, or the initial weights."""
    steps = [step for step in folder.checkpoint_steps() if step <= at_or_below]
    if steps:
        return folder.load_checkpoint(steps[-1])
    return RunState.fresh(initial_parameters(folder.shape, folder.run.seeds.initialisation)), []


def train_segment(
    stack: Stack, segment: Segment, settings: Settings, machine: Machine, report: Report, stop: threading.Event
) -> dict:
    """Train, and return the manifest: what each run reached, with the checksum of its checkpoint.

    Raises Interrupted after saving when `stop` is set; GrokatlasError for a damaged or foreign checkpoint.
    """
    goals = _goals(stack, segment)
    with ExitStack() as locks:
        for plan, _ in sorted(goals, key=lambda pair: pair[0].run.id):  # one order for all processes: no deadlock
            locks.enter_context(RunFolder(settings.results, plan.run).lock(stop))
        members = [_member(plan, goal, segment, settings.results) for plan, goal in goals]
        _train_lanes(_lanes([m for m in members if m is not None], machine), settings, machine, report, stop)
    return manifest(stack, segment, settings.results)


def _train_lanes(
    lanes: list[list[Member]], settings: Settings, machine: Machine, report: Report, stop: threading.Event
) -> None:
    """Train lanes side by side, as many as there are threads; on a GPU one after the other."""
    workers = min(machine.threads, len(lanes)) or 1 if machine.device == "cpu" else 1
    # One thread a lane, always: a run's bits then depend neither on the cores nor on who trains beside it.
    torch.set_num_threads(1)
    with ThreadPoolExecutor(workers) as pool:
        jobs = [pool.submit(_train_lane, lane, settings, machine, report, stop) for lane in lanes]
        try:
            for job in jobs:
                job.result()
        except BaseException:
            stop.set()
            raise


def manifest(stack: Stack, segment: Segment, results: Path) -> dict:
    """What the segment promises of each run: the checkpoint at or beyond its goal with its checksum, or divergence."""
    runs = {}
    for plan, goal in _goals(stack, segment):
        folder = RunFolder(results, plan.run)
        beyond = [step for step in folder.checkpoint_steps() if step >= goal]
        diverged = folder.diverged_at()
        if beyond:
            runs[plan.run.id] = {"goal": goal, "checkpoint": beyond[0], "sha256": folder.sidecar(beyond[0])["sha256"]}
        elif diverged is not None:
            runs[plan.run.id] = {"goal": goal, "diverged": diverged}
        else:
            raise GrokatlasError(f"{folder.path}: no checkpoint at step {goal} after training; is the disk full?")
    return {"stack": stack.id, "segment": [segment.start, segment.stop], "runs": runs}


def _goals(stack: Stack, segment: Segment) -> list[tuple[Plan, int]]:
    goals = stack.goals(segment)
    return [(plan, goals[plan.run.id]) for plan in stack.plans if plan.run.id in goals]


def _member(plan: Plan, goal: int, segment: Segment, results: Path) -> Member | None:
    """The run's starting point, or None if it is already there or has diverged."""
    folder = RunFolder(results, plan.run)
    steps = folder.checkpoint_steps()
    if (steps and steps[-1] >= goal) or folder.diverged_at() is not None:
        return None
    state, ledger = newest_state(folder, goal)
    if state.step < segment.start:
        raise GrokatlasError(
            f"{folder.checkpoint_path(segment.start)}: checkpoint is missing though the segment before promised it; "
            "restore it, or delete the stack's train manifests to train from what is left"
        )
    return Member(plan, folder, state, ledger, goal)


def _lanes(members: list[Member], machine: Machine) -> list[list[Member]]:
    """Runs that step together: alone on a CPU; on a GPU all that stand at one step, as many as memory takes."""
    if machine.device == "cpu":
        return [[m] for m in members]
    groups: dict[tuple[int, int], list[Member]] = {}
    for m in members:
        groups.setdefault((m.state.step, m.goal), []).append(m)
    return [
        part
        for group in groups.values()
        for part in lane_sizes(group, group[0].folder.shape, group[0].plan.run.batch_size)
    ]


def _train_lane(
    members: list[Member], settings: Settings, machine: Machine, report: Report, stop: threading.Event
) -> None:
    try:
        _LaneJob(members, settings, machine, report, stop).train()
        return
    except torch.cuda.OutOfMemoryError:
        pass  # halved below: in here the exception's frames still hold the lane's memory
    if len(members) == 1:
        raise GrokatlasError(f"run {members[0].plan.run.id}: out of GPU memory even alone; use a larger GPU")
    torch.cuda.empty_cache()
    half = len(members) // 2
    print(f"out of GPU memory with {len(members)} runs in a lane: going on with {half}", flush=True)
    for part in (members[:half], members[half:]):
        fresh = [Member(m.plan, m.folder, *newest_state(m.folder, m.goal), m.goal) for m in part if not m.diverged]
        if fresh:
            _train_lane(fresh, settings, machine, report, stop)


class _LaneJob:
    """The loop over one lane: advance to the next due step, evaluate, snapshot, save."""

    def __init__(
        self, members: list[Member], settings: Settings, machine: Machine, report: Report, stop: threading.Event
    ) -> None:
        self.members, self.settings, self.report, self.stop = members, settings, report, stop
        shape, plans = members[0].folder.shape, [m.plan for m in members]
        self.lane = Lane(shape, [recipe(p.run) for p in plans], [m.state for m in members], machine.device)
        self.evaluator = Evaluator(shape, [p.run.task for p in plans], self.lane.parameters)
        ids = tuple(p.run.id for p in plans)
        self.execution = machine.execution(ids)
        self.start, self.goal = members[0].state.step, members[0].goal
        self.evaluate_at = [m.plan.evaluations(self.start, self.goal) for m in members]
        self.snapshot_at = [m.plan.snapshots(self.start, self.goal) for m in members]
        # Rows beyond the checkpoint belong to work that was lost; they are made again, with the same bits.
        self.rows = [{s: r for s, r in m.folder.read_evaluations().items() if s <= self.start} for m in members]
        self.began = self.saved = time.monotonic()

    def train(self) -> None:
        due = sorted({self.goal}.union(*self.evaluate_at, *self.snapshot_at))
        for step in due:
            while self.lane.step < step:
                self._advance(min(CHUNK_STEPS, step - self.lane.step))
                if all(m.diverged for m in self.members):
                    return
                if self.stop.is_set():
                    self._save()
                    raise Interrupted
                if time.monotonic() - self.saved > self.settings.save_seconds:
                    self._save()
            self._look(step)
        self._save()

    def _advance(self, steps: int) -> None:
        before = self.lane.step
        finite = torch.isfinite(self.lane.advance(steps))
        for r, m in enumerate(self.members):
            if not m.diverged and not finite[:, r].all():
                m.diverged = True
                m.folder.write_evaluations(self.rows[r])  # no later save will
                step = before + 1 + int((~finite[:, r]).nonzero()[0])
                m.folder.record_divergence(step, [*m.ledger, self._piece(step - 1)])
            if not m.diverged:
                newest = next(reversed(self.rows[r].values()), {})
                self.report(m.plan.run.id, self.lane.step, self.goal, newest)

    def _look(self, step: int) -> None:
        """Evaluate and snapshot the runs for which this step is due."""
        if any(step in at for at in self.evaluate_at):
            for r, scores in enumerate(self.evaluator.scores()):
                if step in self.evaluate_at[r] and not self.members[r].diverged:
                    self.rows[r][step] = scores
        for r, m in enumerate(self.members):
            if step in self.snapshot_at[r] and not m.diverged:
                m.folder.save_snapshot(step, self.lane.parameters[r].detach().cpu(), self.execution)

    def _piece(self, stop: int) -> Piece:
        return Piece(self.start, stop, round(time.monotonic() - self.began, 3), self.execution)

    def _save(self) -> None:
        """Write each run's evaluations and checkpoint, then drop the saves that this one replaces."""
        for r, m in enumerate(self.members):
            if m.diverged or self.lane.step == self.start:
                continue
            m.folder.write_evaluations(self.rows[r])
            m.folder.save_checkpoint(self.lane.state(r), [*m.ledger, self._piece(self.lane.step)])
            for old in superfluous_checkpoints(m.folder.checkpoint_steps(), self.settings):
                m.folder.delete_checkpoint(old)
        self.saved = time.monotonic()


def superfluous_checkpoints(steps: list[int], settings: Settings) -> list[int]:
    """Which of a run's checkpoints the keep policy drops: all but the newest and, unless `last`, the segment ends."""
    ends = settings.keep_checkpoints == "segments"
    return [step for step in steps[:-1] if not (ends and step % settings.segment_steps == 0)]
