"""The benchmark: the plain loop and the engine in turn, on the same machine, with the same threads and precision."""

from __future__ import annotations

import importlib.util
import itertools
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType

import torch
from threadpoolctl import threadpool_limits

from .checkpoints import RunFolder, shape_of_run
from .config import MODELS
from .cost import step_flops
from .errors import GrokatlasError
from .measure import snapshot_of
from .model import initial_parameters, unflatten
from .probes import probes_for
from .runs import Run, Seeds
from .tasks import CosetSplit
from .training.device import Machine
from .training.evaluation import Evaluator
from .training.lane import Lane, RunState
from .training.segment import recipe

PLAIN_LOOP = Path(__file__).parents[2] / "tests" / "plain_loop.py"
EVALUATE_EVERY, PROBE_EVERY = 5_000, 10_000  # the article's cadence
WARM_UP_STEPS = 12
PROFILED_EPOCHS = 5
MATRIX = 2048
PROBES = ("accuracy", "weights", "activations", "pca", "strides", "spectrum")


def run_benchmark(machine: Machine, model: str, runs: int, steps: int, rounds: int, say: Callable[[str], None]) -> dict:
    """Medians over rounds of (matrix product, plain loop, engine), interleaved, and what else users ask for."""
    plain = _plain_loop()
    stack = [Run(**MODELS[model], seeds=Seeds(s, s, s)) for s in range(runs)]
    workers = Workers(stack, machine)
    peak, baseline, engine = [], [], []
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        peak.append(matrix_flops(machine))
        baseline.append(_baseline_speed(plain, stack[0], machine, steps))
        engine.append(workers.speed(steps))
    ratios = [e / b for e, b in zip(engine, baseline, strict=True)]
    memory = workers.memory_per_run()
    workers.close()
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
        "step_ms": _step_profile(stack[0], machine) if machine.device == "cpu" else {},
        "peak_memory_per_run_mb": memory / 1e6,
        "snapshots_probed_per_s": probed,
        "probe_share_of_training": (runs / probed) / (runs * PROBE_EVERY / statistics.median(engine)),
    }


def make_lanes(runs: list[Run], machine: Machine) -> list[Lane]:
    """Lanes as a train job makes them: one a run on a CPU, one for all on a GPU."""
    shape, recipes = shape_of_run(runs[0]), [recipe(run) for run in runs]
    states = [RunState.fresh(initial_parameters(shape, r.seeds.initialisation)) for r in runs]
    groups = [[i] for i in range(len(runs))] if machine.device == "cpu" else [list(range(len(runs)))]
    return [Lane(shape, [recipes[i] for i in g], [states[i] for i in g], machine.device) for g in groups]


def matrix_flops(machine: Machine) -> float:
    """Floating-point operations a second of a square matrix product with all threads: the roofline."""
    n = MATRIX if machine.device == "cpu" else 4 * MATRIX
    a, b = (torch.randn(n, n, device=machine.device) for _ in range(2))
    with _all_threads(machine):
        best = min(_timed(lambda: a @ b, machine) for _ in range(8))
    return 2 * n**3 / best


@contextmanager
def _all_threads(machine: Machine) -> Iterator[None]:
    """Torch's own threads, as the plain loop has them; the engine's limit holds for a BLAS shared with numpy too."""
    torch.set_num_threads(machine.threads)
    with threadpool_limits(machine.threads, user_api="blas"):
        yield


def _wait(machine: Machine) -> None:
    if machine.device == "cuda":
        torch.cuda.synchronize()


def _timed(work: Callable[[], object], machine: Machine) -> float:
    _wait(machine)
    began = time.perf_counter()
    work()
    _wait(machine)
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
    torch.manual_seed(run.seeds.initialisation)
    train, test = plain.multiplication_data(run.modulus, run.seeds.split)
    model = plain.PlainTransformer(run.modulus, run.width, run.heads, run.layers)
    loop = plain.train(model, train, run.learning_rate, run.weight_decay, device=machine.device)
    a, b, _ = (column.to(machine.device) for column in test.tensors)
    with _all_threads(machine):
        list(itertools.islice(loop, WARM_UP_STEPS))
        seconds = _timed(lambda: list(itertools.islice(loop, steps)), machine)
        with torch.no_grad():
            evaluation = _timed(lambda: model(a, b).argmax(-1).cpu(), machine)
    return steps / (seconds + steps / EVALUATE_EVERY * evaluation)


class Workers:
    """The engine as train jobs of one run each: on a CPU a process a core with its share of runs; on a GPU one lane."""

    def __init__(self, runs: list[Run], machine: Machine) -> None:
        self.runs, self.machine = runs, machine
        count = min(machine.threads, len(runs)) if machine.device == "cpu" else 1
        # A pool of one each, so that every worker keeps its own lanes from round to round.
        self._pools = [ProcessPoolExecutor(1, get_context("spawn")) for _ in range(count)]
        self._each("start", [(runs[i::count], machine) for i in range(count)])

    def _each(self, work: str, arguments: list[tuple]) -> list:
        jobs = [pool.submit(_in_worker, work, *a) for pool, a in zip(self._pools, arguments, strict=True)]
        return [job.result() for job in jobs]

    def speed(self, steps: int) -> float:
        """Model-steps a second, with the share of evaluations and snapshots that this many steps would have."""
        wall = {}
        for work in ("advance", "evaluate", "snapshot"):
            began = time.perf_counter()
            self._each(work, [(steps,)] * len(self._pools))
            wall[work] = time.perf_counter() - began
        extra = steps / EVALUATE_EVERY * wall["evaluate"] + steps / PROBE_EVERY * wall["snapshot"]
        return len(self.runs) * steps / (wall["advance"] + extra)

    def memory_per_run(self) -> float:
        """Bytes of parameters, moments, data and workspace a run."""
        return sum(self._each("memory", [()] * len(self._pools))) / len(self.runs)

    def close(self) -> None:
        """End the worker processes."""
        for pool in self._pools:
            pool.shutdown()


class _Worker:
    """What lives in a worker process."""

    def __init__(self, runs: list[Run], machine: Machine) -> None:
        torch.set_num_threads(1)
        Machine.choose(machine.device, machine.precision, machine.threads)
        self.runs, self.machine, self.lanes = runs, machine, make_lanes(runs, machine)
        self.evaluators = [Evaluator(x.shape, [r.task for r in x.recipes], x.parameters) for x in self.lanes]
        self.advance(WARM_UP_STEPS)

    def advance(self, steps: int) -> None:
        for lane in self.lanes:
            lane.advance(steps)
        _wait(self.machine)

    def evaluate(self, _: int) -> None:
        for evaluator in self.evaluators:
            evaluator.scores()

    def snapshot(self, step: int) -> None:
        flat = self.lanes[0].parameters[0].detach().cpu()
        with tempfile.TemporaryDirectory() as folder:
            for run in self.runs:
                RunFolder(folder, run).save_snapshot(step, flat, self.machine.execution(()))

    def memory(self) -> float:
        if self.machine.device == "cuda":
            return torch.cuda.max_memory_allocated()
        return sum(lane.memory_bytes() for lane in self.lanes)


_worker: _Worker | None = None


def _in_worker(work: str, *arguments: object) -> object:
    global _worker
    if work == "start":
        _worker = _Worker(*arguments)
        return None
    return getattr(_worker, work)(*arguments)


def _serial_step(run: Run, machine: Machine, steps: int) -> float:
    torch.set_num_threads(1)  # as a lane has it in a train job
    (lane,) = make_lanes([run], machine)
    lane.advance(WARM_UP_STEPS)
    return _timed(lambda: lane.advance(steps), machine) / steps


def _step_profile(run: Run, machine: Machine) -> dict[str, float]:
    """Milliseconds of a mean step by the call they are spent in, most first: one run on one thread.

    Without the batch's order and gathering, which are done once an epoch.
    """
    torch.set_num_threads(1)
    (lane,) = make_lanes([run], machine)
    lane.advance(WARM_UP_STEPS)
    spent: Counter[str] = Counter()
    with torch.no_grad():
        for _ in range(PROFILED_EPOCHS):
            for tape in lane.tapes:
                for name, seconds in tape.timed():
                    spent[name] += seconds
    return {name: 1e3 * total / (PROFILED_EPOCHS * len(lane.tapes)) for name, total in spent.most_common()}


def _probe_speed(run: Run) -> float:
    torch.set_num_threads(1)
    shape = shape_of_run(run)
    state = unflatten(initial_parameters(shape, 0), shape)
    probes = probes_for(PROBES, [CosetSplit()])

    def measure() -> None:
        snapshot = snapshot_of(state, shape, run.task)
        for probe in probes:
            probe.measure(snapshot)

    measure()
    return 1 / min(_timed(measure, Machine()) for _ in range(5))
