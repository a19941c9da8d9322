"""The benchmark: the plain loop and the engine in turn, on the same machine, with the same threads and precision."""

from __future__ import annotations

import importlib.util
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import torch

from .checkpoints import Execution, RunFolder
from .config import MODELS
from .cost import step_flops
from .errors import GrokatlasError
from .measure import snapshot_of
from .model import ModelShape, initial_parameters, unflatten
from .probes import probes_for
from .runs import Run, Seeds
from .tasks import CosetSplit
from .training.device import Machine
from .training.evaluation import Evaluator
from .training.lane import Lane, Recipe, RunState

PLAIN_LOOP = Path(__file__).parents[2] / "tests" / "plain_loop.py"
EVALUATE_EVERY, PROBE_EVERY = 5_000, 10_000  # the article's cadence
WARM_UP_STEPS = 12
MATRIX = 2048
PROBES = ("accuracy", "weights", "activations", "pca", "strides", "spectrum")


def run_benchmark(machine: Machine, model: str, runs: int, steps: int, rounds: int, say: Callable[[str], None]) -> dict:
    """Medians over rounds of (matrix product, plain loop, engine), interleaved, and what else users ask for."""
    plain = _plain_loop()
    stack = [Run(**MODELS[model], seeds=Seeds(s, s, s)) for s in range(runs)]
    lanes = make_lanes(stack, machine)
    peak, baseline, engine = [], [], []
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        peak.append(matrix_flops(machine))
        baseline.append(_baseline_speed(plain, stack[0], machine, steps))
        engine.append(_engine_speed(stack, lanes, machine, steps))
    ratios = [e / b for e, b in zip(engine, baseline, strict=True)]
    probed = _probe_speed(stack[0])
    return {
        "baseline_model_steps_per_s": statistics.median(baseline),
        "engine_model_steps_per_s": statistics.median(engine),
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "device": machine.device,
        "device_name": torch.cuda.get_device_name() if machine.device == "cuda" else f"{machine.threads} CPU threads",
        "dtype": machine.precision,
        "torch": torch.__version__,
        "model": model,
        "runs": runs,
        "threads": machine.threads,
        "steps": steps,
        "rounds": rounds,
        "roofline_fraction": statistics.median(engine) * step_flops(stack[0]) / statistics.median(peak),
        "matrix_product_gflops": statistics.median(peak) / 1e9,
        "gflop_per_step": step_flops(stack[0]) / 1e9,
        "serial_step_us": _serial_step(stack[0], machine, steps) * 1e6,
        "peak_memory_per_run_mb": _peak_memory(lanes, machine, runs) / 1e6,
        "snapshots_probed_per_s": probed,
        "probe_share_of_training": (runs / probed) / (runs * PROBE_EVERY / statistics.median(engine)),
    }


def make_lanes(runs: list[Run], machine: Machine) -> list[Lane]:
    """Lanes as a train job makes them: one a run on a CPU, one for all on a GPU."""
    shape = ModelShape(runs[0].modulus, runs[0].layers, runs[0].width, runs[0].heads)
    recipes = [Recipe(r.task, r.learning_rate, r.weight_decay, r.seeds.batch, r.batch_size) for r in runs]
    states = [RunState.fresh(initial_parameters(shape, r.seeds.initialisation)) for r in runs]
    groups = [[i] for i in range(len(runs))] if machine.device == "cpu" else [list(range(len(runs)))]
    return [Lane(shape, [recipes[i] for i in g], [states[i] for i in g], machine.device) for g in groups]


def matrix_flops(machine: Machine) -> float:
    """Floating-point operations a second of a square matrix product with all threads: the roofline."""
    torch.set_num_threads(machine.threads)
    n = MATRIX if machine.device == "cpu" else 4 * MATRIX
    a, b = (torch.randn(n, n, device=machine.device) for _ in range(2))
    best = float("inf")
    for _ in range(8):
        seconds = _timed(lambda: a @ b, machine)
        best = min(best, seconds)
    return 2 * n**3 / best


def _timed(work: Callable[[], object], machine: Machine) -> float:
    if machine.device == "cuda":
        torch.cuda.synchronize()
    began = time.perf_counter()
    work()
    if machine.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _plain_loop() -> ModuleType:
    if not PLAIN_LOOP.exists():
        raise GrokatlasError(
            f"{PLAIN_LOOP}: the baseline is missing; run the benchmark from a checkout of the repository"
        )
    spec = importlib.util.spec_from_file_location("plain_loop", PLAIN_LOOP)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _baseline_speed(plain: ModuleType, run: Run, machine: Machine, steps: int) -> float:
    torch.set_num_threads(machine.threads)
    torch.manual_seed(run.seeds.initialisation)
    train, test = plain.multiplication_data(run.modulus, run.seeds.split)
    model = plain.PlainTransformer(run.modulus, run.width, run.heads, run.layers)
    loop = plain.train(model, train, run.learning_rate, run.weight_decay, device=machine.device)
    list(itertools.islice(loop, WARM_UP_STEPS))
    seconds = _timed(lambda: list(itertools.islice(loop, steps)), machine)
    a, b, _ = (column.to(machine.device) for column in test.tensors)
    with torch.no_grad():
        evaluation = _timed(lambda: model(a, b).argmax(-1).cpu(), machine)
    return steps / (seconds + steps / EVALUATE_EVERY * evaluation)


def _engine_speed(runs: list[Run], lanes: list[Lane], machine: Machine, steps: int) -> float:
    """Model-steps a second, with the share of evaluations and snapshots that this many steps would have."""
    workers = min(machine.threads, len(lanes))
    torch.set_num_threads(max(1, machine.threads // workers))
    evaluators = [Evaluator(lane.shape, [r.task for r in lane.recipes], lane.parameters) for lane in lanes]
    with ThreadPoolExecutor(workers) as pool, tempfile.TemporaryDirectory() as folder:
        list(pool.map(lambda lane: lane.advance(WARM_UP_STEPS), lanes))
        seconds = _timed(lambda: list(pool.map(lambda lane: lane.advance(steps), lanes)), machine)
        evaluation = _timed(lambda: list(pool.map(Evaluator.scores, evaluators)), machine)
        execution = Execution(machine.device, machine.precision, machine.threads, ())
        flat = lanes[0].parameters[0].detach().cpu()
        snapshot = _timed(lambda: [RunFolder(folder, r).save_snapshot(1, flat, execution) for r in runs], machine)
    extra = steps / EVALUATE_EVERY * evaluation + steps / PROBE_EVERY * snapshot
    return len(runs) * steps / (seconds + extra)


def _serial_step(run: Run, machine: Machine, steps: int) -> float:
    torch.set_num_threads(machine.threads)
    (lane,) = make_lanes([run], machine)
    lane.advance(WARM_UP_STEPS)
    return _timed(lambda: lane.advance(steps), machine) / steps


def _peak_memory(lanes: list[Lane], machine: Machine, runs: int) -> float:
    if machine.device == "cuda":
        return torch.cuda.max_memory_allocated() / runs
    return sum(lane.memory_bytes() for lane in lanes) / runs


def _probe_speed(run: Run) -> float:
    torch.set_num_threads(1)
    shape = ModelShape(run.modulus, run.layers, run.width, run.heads)
    state = unflatten(initial_parameters(shape, 0), shape)
    probes = probes_for(PROBES, [CosetSplit()])

    def measure() -> None:
        snapshot = snapshot_of(state, shape, run.task)
        for probe in probes:
            probe.measure(snapshot)

    measure()
    return 1 / min(_timed(measure, Machine()) for _ in range(5))
