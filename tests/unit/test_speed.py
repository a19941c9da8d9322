"""The time a job asks for follows the ledgers on disk, errs on the long side, and never makes a job due again."""

import json
import threading
from math import ceil

import pytest
from grokatlas.config import parse_config
from grokatlas.cost import CORE_FLOPS, step_flops
from grokatlas.history import Execution, Piece, RunHistory
from grokatlas.runs import Run, Seeds
from grokatlas.speed import MOST_MINUTES, SAMPLE, START_MINUTES, Speeds
from grokatlas.stacks import build_stacks
from grokatlas.training.device import Machine
from grokatlas.training.segment import train_segment

SEEDS = list(range(1, 33))


def config(folder, model="small", **top):
    sweep = {"name": "t", "model": model, "weight_decay": 2.0, "seed": SEEDS, "steps": 100_000, "evaluate_every": 5000,
             "probe_every": 10_000}  # fmt: skip
    return parse_config({"results": str(folder), "sweeps": [sweep], "stack_size": 32, "device": "cpu", **top})


def runs(count):
    return [Run(weight_decay=2.0, seeds=Seeds(s, s, s)) for s in SEEDS[:count]]


def trained(folder, run, seconds, device="cpu", lane=1, steps=1000):
    history = RunHistory(folder, run)
    execution = Execution(device, "float32", 1, tuple(r.id for r in runs(lane)), "2.13.0", "2.4.6", "test")
    history.write_sidecar(steps, "0" * 64, [Piece(0, steps, seconds, execution)])


def minutes(seconds):
    """Twice the seconds, and the time to start."""
    return START_MINUTES + ceil(2 * seconds / 60)


def test_nothing_measured_is_guessed_from_the_operations_counted(tmp_path):
    step = step_flops(Run()) / CORE_FLOPS
    asked = Speeds(config(tmp_path)).train_minutes(runs(2), 100_000, threads=1)
    assert asked == minutes(2 * 100_000 * step)
    assert 60 < asked < 240  # 40 steps a second on a core, twice as long to be safe
    assert Speeds(config(tmp_path, device="auto")).train_minutes(runs(32), 100_000, threads=1) < MOST_MINUTES


def test_a_cpu_trains_as_many_runs_at_once_as_it_has_threads(tmp_path):
    trained(tmp_path, runs(1)[0], seconds=50)  # 20 steps a second
    speeds = Speeds(config(tmp_path))
    assert speeds.train_minutes(runs(4), 10_000, threads=4) == minutes(500)
    assert speeds.train_minutes(runs(4), 10_000, threads=2) == minutes(1000)
    assert speeds.train_minutes(runs(3), 10_000, threads=2) == minutes(1000)


def test_a_gpu_trains_a_lane_at_once_whatever_its_threads(tmp_path):
    trained(tmp_path, runs(1)[0], seconds=10, device="cuda", lane=16)  # 100 steps a second for 16 runs
    speeds = Speeds(config(tmp_path, device="auto"))
    assert speeds.train_minutes(runs(16), 100_000, threads=1) == minutes(1000)
    assert speeds.train_minutes(runs(32), 100_000, threads=1) == minutes(2000)
    assert speeds.replay_minutes(runs(32), 100_000) == minutes(1000)


def test_the_lane_most_like_the_job_counts(tmp_path):
    trained(tmp_path, runs(2)[0], seconds=1, device="cuda", lane=1)  # alone: fast, but nothing for 32 runs
    trained(tmp_path, runs(2)[1], seconds=10, device="cuda", lane=32)
    assert Speeds(config(tmp_path, device="cuda")).train_minutes(runs(32), 100_000, threads=1) == minutes(1000)


def test_speeds_of_another_device_or_shape_do_not_count(tmp_path):
    large = Run(layers=4, width=256, heads=8, weight_decay=2.0, seeds=Seeds(1, 1, 1))
    nothing = Speeds(config(tmp_path / "empty")).train_minutes(runs(1), 10_000, threads=1)
    trained(tmp_path, runs(1)[0], seconds=0.1, device="cuda")
    trained(tmp_path, large, seconds=500)
    speeds = Speeds(config(tmp_path, model=["small", "large"]))
    assert speeds.train_minutes(runs(1), 10_000, threads=1) == nothing
    assert speeds.train_minutes([large], 1000, threads=1) == minutes(500)


def test_a_damaged_sidecar_does_not_stop_the_graph(tmp_path):
    trained(tmp_path, runs(2)[0], seconds=50)
    trained(tmp_path, runs(2)[1], seconds=50)
    RunHistory(tmp_path, runs(1)[0]).sidecar_path(1000).write_text("{")
    assert Speeds(config(tmp_path)).train_minutes(runs(1), 10_000, threads=1) == minutes(500)


def test_no_job_asks_for_more_than_a_day(tmp_path):
    trained(tmp_path, runs(1)[0], seconds=1e6)
    assert Speeds(config(tmp_path)).train_minutes(runs(32), 100_000, threads=1) == MOST_MINUTES


def test_more_snapshots_ask_for_more_time_to_probe(tmp_path):
    speeds = Speeds(config(tmp_path))
    assert speeds.probe_minutes(60, threads=1) == minutes(300)
    assert speeds.probe_minutes(60, threads=3) == minutes(100)


def test_few_ledgers_are_read_once(tmp_path, monkeypatch):
    for run in runs(32):
        trained(tmp_path, run, seconds=50)
    read = []
    newest = RunHistory.newest_piece
    monkeypatch.setattr(RunHistory, "newest_piece", lambda self: read.append(self.run.id) or newest(self))
    speeds = Speeds(config(tmp_path))
    assert read == []
    for _ in range(3):
        speeds.train_minutes(runs(32), 100_000, threads=32)
    assert len(read) == SAMPLE


def test_a_real_training_is_measured(tmp_path):
    tiny = {"name": "t", "model": {"layers": 1, "width": 16, "heads": 2}, "weight_decay": 1.0, "steps": 300,
            "evaluate_every": 100, "probe_every": 100}  # fmt: skip
    config = parse_config({"results": str(tmp_path), "sweeps": [tiny]})
    (stack,) = build_stacks(config).values()
    train_segment(stack, stack.segments[0], config.settings, Machine(), lambda *_: None, threading.Event())
    run = stack.plans[0].run
    piece = json.loads(RunHistory(tmp_path, run).sidecar_path(300).read_text())["ledger"][-1]
    million = Speeds(config).train_minutes([run], 1_000_000, threads=1)
    # Divided last: rounded earlier, a whole number of minutes may come out as the next one.
    assert million == min(MOST_MINUTES, minutes(1_000_000 * piece["seconds"] / 300))


@pytest.mark.parametrize("device", ["cpu", "cuda", "auto"])
def test_every_request_is_a_whole_number_of_minutes(tmp_path, device):
    speeds = Speeds(config(tmp_path, device=device))
    for asked in (
        speeds.train_minutes(runs(5), 777, 3),
        speeds.replay_minutes(runs(5), 777),
        speeds.probe_minutes(7, 3),
    ):
        assert type(asked) is int
        assert START_MINUTES <= asked <= MOST_MINUTES
