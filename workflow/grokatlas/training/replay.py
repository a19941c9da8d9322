"""The checkpoint rule's work: verify what a segment promised and make what is missing by replay."""

from __future__ import annotations

from pathlib import Path

import torch

from ..checkpoints import Piece, RunFolder
from ..config import Plan, Settings
from ..errors import GrokatlasError
from ..stacks import Segment, Stack
from .device import Machine
from .evaluation import Evaluator
from .lane import Lane
from .segment import newest_state, recipe


def complete_segment(stack: Stack, segment: Segment, settings: Settings, machine: Machine, trained: dict) -> dict:
    """Check the checkpoints that the train manifest promises, replay missing snapshots and evaluations.

    Returns the manifest of the checkpoint rule: per run its probed steps with content digests, its evaluated steps,
    its divergence if any, and how many optimizer steps were replayed.
    Raises GrokatlasError for a checkpoint or snapshot that is damaged, missing or of another run.
    """
    plans = {plan.run.id: plan for plan in stack.plans}
    runs = {}
    for run_id, promise in trained["runs"].items():
        folder = RunFolder(settings.results, plans[run_id].run)
        if "checkpoint" in promise and promise["checkpoint"] in folder.checkpoint_steps():
            folder.load_checkpoint(promise["checkpoint"])
        last = promise["goal"] if "checkpoint" in promise else promise["diverged"] - 1
        runs[run_id] = _complete_run(plans, plans[run_id], folder, segment.start, last, machine, settings.results)
        runs[run_id]["diverged"] = promise.get("diverged")
    return {"stack": stack.id, "segment": [segment.start, segment.stop], "runs": runs}


def _complete_run(
    plans: dict[str, Plan], plan: Plan, folder: RunFolder, start: int, stop: int, machine: Machine, results: Path
) -> dict:
    snapshots, evaluations = plan.snapshots(start, stop), plan.evaluations(start, stop)
    rows = folder.read_evaluations()
    missing = {step for step in snapshots if not folder.has_snapshot(step)} | (set(evaluations) - set(rows))
    replayed = 0
    if missing:
        replayed = _replay(plans, plan, folder, missing, set(snapshots), machine, results)
    digests = {step: folder.load_snapshot(step)[1]["content"] for step in snapshots}
    return {"snapshots": digests, "evaluations": list(evaluations), "replayed_steps": replayed}


def _replay(
    plans: dict[str, Plan], plan: Plan, folder: RunFolder, missing: set[int], snapshots: set[int],
    machine: Machine, results: Path,
) -> int:  # fmt: skip
    """Train again from the checkpoints before, in the lane that was, and keep only what is missing."""
    steps, replayed, lane = sorted(missing), 0, None
    rows = folder.read_evaluations()
    for step in steps:
        state, _ = newest_state(folder, step)
        if lane is None or state.step > lane.step:
            piece = _piece_over(folder, step)
            _prepare(piece, machine)
            mates = [plans[run] for run in piece.execution.lane] if set(piece.execution.lane) <= set(plans) else [plan]
            lane = _lane_of(mates, results, step, machine)
            here = [m.run.id for m in mates].index(plan.run.id)
            evaluator = Evaluator(folder.shape, [m.run.task for m in mates], lane.parameters)
        replayed += step - lane.step
        lane.advance(step - lane.step)
        rows[step] = evaluator.scores()[here]
        if step in snapshots and not folder.has_snapshot(step):
            folder.save_snapshot(step, lane.parameters[here].detach().cpu(), piece.execution)
    folder.write_evaluations(rows)
    print(f"{plan.run.id}: replayed {replayed:,} steps for {len(steps)} missing steps", flush=True)
    return replayed


def _piece_over(folder: RunFolder, step: int) -> Piece:
    pieces = [piece for piece in folder.ledger() if piece.start < step <= piece.stop]
    if not pieces:
        raise GrokatlasError(f"{folder.path}: step {step} was never trained, so it cannot be replayed")
    return pieces[-1]


def _prepare(piece: Piece, machine: Machine) -> None:
    """Compute as the run did then: the same threads and device give the same bits."""
    torch.set_num_threads(piece.execution.threads)
    if piece.execution.device != machine.device:
        print(
            f"trained on {piece.execution.device}, replayed on {machine.device}: equal only statistically", flush=True
        )


def _lane_of(mates: list[Plan], results: Path, step: int, machine: Machine) -> Lane:
    folders = [RunFolder(results, mate.run) for mate in mates]
    states = [newest_state(folder, step)[0] for folder in folders]
    return Lane(folders[0].shape, [recipe(mate) for mate in mates], states, machine.device)
