"""`grokatlas status` tells how far runs are from their files alone, and reads only what it shows."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml
from grokatlas.config import read_config
from grokatlas.history import RunHistory
from grokatlas.stacks import build_stacks
from grokatlas.status import State, end_of_run, look, read_detail
from grokatlas.training.device import Machine
from grokatlas.training.segment import train_segment

ROOT = Path(__file__).parents[2]
TINY = {"layers": 1, "width": 16, "heads": 2}
LATER = 1000  # seconds, beyond two saves and the grace


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Three runs of 60 steps in the working directory."""
    monkeypatch.chdir(tmp_path)
    sweep = {"name": "t", "model": TINY, "weight_decay": 1.0, "seed": [1, 2, 3], "steps": 60, "evaluate_every": 20,
             "probe_every": 20}  # fmt: skip
    Path("c.yaml").write_text(yaml.safe_dump({"sweeps": [sweep], "segment_steps": 40, "save_seconds": 60}))
    return read_config("c.yaml")


def train(config, stacks=3, segments=2, report=lambda *_: None):
    for stack in list(build_stacks(config).values())[:stacks]:
        for segment in stack.segments[:segments]:
            train_segment(stack, segment, config.settings, Machine(), report, threading.Event())


def states(config, now=None):
    return {s.plan.run.id: (str(s.state), s.step) for s in look(config, now or time.time())}


def status(*arguments):
    command = [sys.executable, "-m", "grokatlas.cli", "status", "--config", "c.yaml", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"LINES": "14", "COLUMNS": "200"})


def test_a_run_waits_then_trains_then_is_done(config):
    first = next(iter(config.plans))
    assert set(states(config).values()) == {("waiting", 0)}
    seen = []
    train(config, stacks=1, segments=1, report=lambda run, *_: seen.append(states(config)[run]))
    assert seen[0] == ("training", 0)  # before the first save
    assert states(config)[first] == ("training", 40)
    assert states(config, time.time() + LATER)[first] == ("waiting", 40)
    train(config, stacks=1)
    assert states(config)[first] == ("done", 60)


def test_a_diverged_run_says_so(config):
    train(config, stacks=1, segments=1)
    history = RunHistory("results", next(iter(config.plans.values())).run)
    history.record_divergence(41, history.ledger())
    assert states(config)[history.run.id] == ("diverged", 40)
    assert json.loads(status("--json").stdout)["totals"]["left"] == 120  # nothing of the diverged run


def test_speed_and_end_come_from_the_newest_piece(config):
    train(config, stacks=1, segments=1)
    (standing,) = [s for s in look(config, time.time()) if s.state == State.TRAINING]
    detail = read_detail(Path("results"), standing)
    piece = RunHistory("results", standing.plan.run).ledger()[-1]
    assert detail.device == "cpu"
    assert detail.steps_per_second == 40 / piece.seconds
    sidecar = RunHistory("results", standing.plan.run).sidecar_path(40)
    assert end_of_run(standing, detail) == pytest.approx(sidecar.stat().st_mtime + 20 * piece.seconds / 40)
    assert (detail.evaluated, detail.scores) == (40, RunHistory("results", standing.plan.run).read_evaluations()[40])


def test_rows_and_totals(config):
    train(config, stacks=2, segments=1)
    train(config, stacks=1)
    out = json.loads(status("--json").stdout)
    assert [(row["state"], row["step"], row["steps"]) for row in out["runs"]] == [
        ("training", 40, 60), ("waiting", 0, 60), ("done", 60, 60)]  # fmt: skip
    assert 0 <= out["runs"][0]["test_accuracy"] < 0.1
    assert out["runs"][0]["estimated_end"] is not None
    assert out["runs"][2]["estimated_end"] is None
    totals = out["totals"]
    assert totals["runs"] == {"training": 1, "diverged": 0, "waiting": 1, "done": 1}
    assert (totals["trained"], totals["wanted"], totals["left"]) == (100, 180, 80)
    assert totals["steps_per_second"] == out["runs"][0]["steps_per_second"]
    lines = status().stdout.splitlines()
    assert "training [#############.......]        40/60" in lines[0]
    assert lines[-1].startswith("3 runs: 1 training, 1 waiting, 1 done; 100 of 180 model-steps; ")


def test_what_does_not_fit_the_screen_is_summed_up_and_not_read(config):
    data = yaml.safe_load(Path("c.yaml").read_text())
    data["sweeps"][0]["seed"] = list(range(1, 31))
    Path("c.yaml").write_text(yaml.safe_dump(data))
    train(config)
    done = RunHistory("results", next(iter(config.plans.values())).run)
    done.sidecar_path(60).write_text("{")
    assert "... and 17 waiting, 3 done (--all lists them)" in status().stdout.splitlines()[-2]
    assert "damaged" not in status().stdout
    every = status("--all").stdout.splitlines()
    assert len(every) == 31
    assert sum("000000060.json: damaged sidecar" in line for line in every) == 1


def test_watch_draws_again_until_ctrl_c(config):
    command = [sys.executable, "-m", "grokatlas.cli", "status", "--config", "c.yaml", "--watch", "0.2"]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it, their children too
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seen = [process.stdout.readline() for _ in range(8)]  # three runs and the totals, twice
    assert seen[3] == seen[7] == "3 runs: 3 waiting; 0 of 180 model-steps\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def test_reading_history_needs_no_torch():
    code = "import sys, grokatlas.cli, grokatlas.status, grokatlas.speed; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={
        **os.environ, "PYTHONPATH": str(ROOT / "workflow")})  # fmt: skip
    assert done.stdout == "False\n"


def test_bad_input_is_one_line(config):
    assert "--watch draws for people" in status("--watch", "--json").stderr
    assert "0.0 is not in the range" in status("--watch", "0").stderr
