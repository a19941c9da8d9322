"""The checkpoint rule's work: verify what a segment promised and make what is missing by replay."""

from __future__ import annotations

import threading

import torch

from ..checkpoints import RunFolder
from ..config import Plan, Settings
from ..errors import GrokatlasError
from ..history import Piece
from ..stacks import Segment, Stack
from ..state_dicts import content_digest
from .device import Machine
from .evaluation import Evaluator
from .lane import Lane
from .segment import newest_state, recipe


def complete_segment(stack: Stack, segment: Segment, settings: Settings, machine: Machine, trained: dict) -> dict:
    """Check the checkpoints that the train manifest promises, replay missing snapshots and evaluations.

    Returns the manifest of the checkpoint rule: per run its snapshots (step -> content digest), its evaluations
    (step -> row), its divergence if any, and how many optimizer steps were replayed.
    Raises GrokatlasError for a checkpoint or snapshot that is damaged, missing or not the promised one.
    """
    torch.set_num_threads(1)
    plans = {plan.run.id: plan for plan in stack.plans}
    runs = {}
    for run_id, promise in trained["runs"].items():
        plan, folder = plans[run_id], RunFolder(settings.results, plans[run_id].run)
        _verify(folder, promise)
        diverged = promise.get("diverged")
        last = promise["goal"] if diverged is None else min(promise["goal"], diverged - 1)
        runs[run_id] = _complete_run(plans, plan, folder, segment.start, last, settings, machine)
        runs[run_id]["diverged"] = diverged
    return {"stack": stack.id, "segment": [segment.start, segment.stop], "runs": runs}


def _verify(folder: RunFolder, promise: dict) -> None:
    if "checkpoint" not in promise:
        return
    step, kept = promise["checkpoint"], folder.checkpoint_steps()
    if step in kept:
        try:
            folder.load_checkpoint(step)
            digest = folder.sidecar(step)["sha256"]
        except GrokatlasError:
            if step in folder.checkpoint_steps():
                raise
            return  # the next segment's job dropped it meanwhile, having a newer one
        if digest != promise["sha256"]:
            raise GrokatlasError(f"{folder.checkpoint_path(step)}: not the checkpoint that the train manifest promises")
    elif not kept or kept[-1] < promise["goal"]:  # an older one may have been dropped by the keep policy
        raise GrokatlasError(f"{folder.checkpoint_path(step)}: checkpoint is missing though the manifest promises it")


def _complete_run(
    plans: dict[str, Plan], plan: Plan, folder: RunFolder, start: int, stop: int, settings: Settings, machine: Machine
) -> dict:
    snapshots, evaluations = plan.snapshots(start, stop), plan.evaluations(start, stop)
    digests = {step: folder.load_snapshot(step)[1]["content"] for step in snapshots if folder.has_snapshot(step)}
    missing = (set(snapshots) - set(digests)) | (set(evaluations) - set(folder.read_evaluations()))
    replayed = 0
    if missing:
        with folder.lock(threading.Event()):  # a train job of the next segment writes the same files
            replayed = _Replay(plans, plan, folder, settings, machine).make(sorted(missing), set(snapshots))
    rows = folder.read_evaluations()
    digests |= {step: folder.load_snapshot(step)[1]["content"] for step in set(snapshots) - set(digests)}
    return {
        "snapshots": dict(sorted(digests.items())),
        "evaluations": {s: rows[s] for s in evaluations},
        "replayed_steps": replayed,
    }


class _Replay:
    """Trains again from the checkpoints before missing steps, as the run did then, and keeps only what is missing."""

    def __init__(
        self, plans: dict[str, Plan], plan: Plan, folder: RunFolder, settings: Settings, machine: Machine
    ) -> None:
        self.plans, self.plan, self.folder = plans, plan, folder
        self.settings, self.machine = settings, machine
        self.lane: Lane | None = None
        self.taken = 0

    def make(self, missing: list[int], snapshots: set[int]) -> int:
        """Make what is missing at these ascending steps; returns how many optimizer steps that took."""
        rows = self.folder.read_evaluations()
        for step in missing:
            self._go_to(step)
            if step not in rows:
                rows[step] = self.evaluator.scores()[self.here]
            if step in snapshots and not self.folder.has_snapshot(step):
                flat = self.lane.parameters[self.here].detach().cpu()
                self.folder.save_snapshot(step, flat, self._piece(step).execution)
        self.folder.write_evaluations(rows)
        print(f"{self.plan.run.id}: replayed {self.taken:,} steps for {len(missing)} missing steps", flush=True)
        return self.taken

    def _piece(self, step: int) -> Piece:
        piece = next((p for p in self.folder.ledger() if p.start < step <= p.stop), None)
        if piece is None:
            raise GrokatlasError(f"{self.folder.path}: step {step} was never trained, so it cannot be replayed")
        return piece

    def _go_to(self, step: int) -> None:
        newest = max((s for s in self.folder.checkpoint_steps() if s <= step), default=0)
        if self.lane is None or newest > self.lane.step:
            self._open_lane(newest, step)
        for kept in [*self._kept_before(step), step]:
            self.taken += kept - self.lane.step
            self.lane.advance(kept - self.lane.step)
            if kept != step:
                self._compare(kept)

    def _kept_before(self, step: int) -> list[int]:
        found = sorted(int(p.stem) for p in (self.folder.path / "snapshots").glob("[0-9]*.safetensors"))
        return [kept for kept in found if self.lane.step < kept < step]

    def _compare(self, step: int) -> None:
        """A snapshot passed on the way tells whether the replay is the run."""
        _, header = self.folder.load_snapshot(step)
        state = {name: view[self.here].cpu() for name, view in self.lane.network.w.items()}
        if content_digest(state) != header["content"]:
            print(
                f"{self.plan.run.id}: replay differs from the run at step {step:,}: equal only statistically",
                flush=True,
            )

    def _open_lane(self, start: int, step: int) -> None:
        """The lane that the run was in, if it can be had: on a GPU it is part of what decides the bits."""
        executions = {self._piece(s).execution for s in (min(start + 1, step), step)}
        mates = [self.plans[run] for run in self._piece(step).execution.lane if run in self.plans]
        folders = [RunFolder(self.settings.results, mate.run) for mate in mates]
        states = [newest_state(folder, start)[0] for folder in folders]
        same = all(state.step == start for state in states) and len(executions) == 1
        if not same or len(mates) != len(self._piece(step).execution.lane):
            mates, states = [self.plan], [newest_state(self.folder, start)[0]]
            print(f"{self.plan.run.id}: its lane of then cannot be had; replayed alone", flush=True)
        self.here = [mate.run.id for mate in mates].index(self.plan.run.id)
        self.lane = Lane(self.folder.shape, [recipe(mate.run) for mate in mates], states, self.machine.device)
        self.evaluator = Evaluator(self.folder.shape, [mate.run.task for mate in mates], self.lane.parameters)
