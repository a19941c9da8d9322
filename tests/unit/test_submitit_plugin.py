"""The plugin's parts that need no cluster: profile names, registry, lock, outcomes, resources."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake_executor_plugin_submitit.lock import ControllerLock
from snakemake_executor_plugin_submitit.outcome import Outcomes, tail
from snakemake_executor_plugin_submitit.payload import Payload
from snakemake_executor_plugin_submitit.profiles import spell_out_profile
from snakemake_executor_plugin_submitit.registry import Entry, Registry
from snakemake_executor_plugin_submitit.request import job_request, sbatch_parameters
from snakemake_executor_plugin_submitit.settings import ExecutorSettings
from snakemake_executor_plugin_submitit.slurm import State
from snakemake_interface_common.exceptions import WorkflowError

WORKFLOW = Path(__file__).parents[2] / "workflow"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["--profile", "slurm", "-n"], ["--profile", "profiles/slurm", "-n"]),
        (["figures", "--profile=slurm"], ["figures", "--profile=profiles/slurm"]),
        (["--profile", "mine"], ["--profile", "mine"]),  # a folder here comes first, as Snakemake has it
        (["--profile", "elsewhere"], ["--profile", "elsewhere"]),  # left to Snakemake's own places
        (["--profile"], ["--profile"]),
    ],
)
def test_a_profile_in_profiles_is_found_by_name(tmp_path, monkeypatch, typed, meant):
    monkeypatch.chdir(tmp_path)
    for name in ("profiles/slurm", "profiles/mine", "mine"):
        Path(name).mkdir(parents=True)
    spell_out_profile(typed)
    assert typed == meant


def entry(folder, key="k1", **fields):
    return Entry(key, "train.s", ("out.json",), "token", None, str(folder), **fields)


def test_the_registry_survives_its_process(tmp_path):
    registry = Registry(tmp_path)
    registry.put(entry(tmp_path))
    assert Registry(tmp_path).get("k1").job_id is None
    registry.record("k1", "12_3")
    again = Registry(tmp_path)
    assert again.get("k1") == entry(tmp_path, job_id="12_3")
    assert again.same_outputs(["other", "out.json"]) == [again.get("k1")]
    again.forget("k1")
    assert Registry(tmp_path).entries() == []


HOLDER = (
    "import sys, time; from pathlib import Path; from snakemake_executor_plugin_submitit.lock import ControllerLock;"
)


def test_a_live_controller_refuses_and_a_dead_one_is_replaced(tmp_path):
    path, told = tmp_path / "lock.json", []
    code = f"{HOLDER} ControllerLock(Path({str(path)!r})).acquire(print); print('held', flush=True); time.sleep(60)"
    environment = os.environ | {"PYTHONPATH": str(WORKFLOW)}
    holder = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    mine = ControllerLock(path)
    with pytest.raises(WorkflowError, match=f"another controller is at work in .*pid {holder.pid}.*Nothing was"):
        mine.acquire(told.append)
    assert told == []
    holder.kill()
    holder.wait()
    mine.acquire(told.append)
    assert len(told) == 1
    assert f"pid {holder.pid}) died" in told[0]
    mine.check()
    mine.release()
    assert not path.exists()


@pytest.mark.parametrize(("age", "refused"), [(60, True), (3600, False)])
def test_on_another_host_the_heartbeat_decides(tmp_path, age, refused):
    path, told = tmp_path / "lock.json", []
    other = {"host": "other", "pid": os.getpid(), "started": 1, "beat": time.time() - age}
    path.write_text(json.dumps(other))
    lock = ControllerLock(path)
    if refused:
        with pytest.raises(WorkflowError, match="host other"):
            lock.acquire(told.append)
        return
    lock.acquire(told.append)
    path.write_text(json.dumps(other))  # and now it is this one that seemed dead
    with pytest.raises(WorkflowError, match="took over"):
        lock.check()
    lock.release()
    assert path.exists()  # the other's lock


def test_an_end_without_a_result_counts_only_after_a_while(tmp_path):
    job, outcomes = entry(tmp_path, job_id="7"), Outcomes(patience=0.3)
    assert outcomes.judge(job, {"7": State("RUNNING")}) is None
    assert outcomes.judge(job, {"7": State("COMPLETED")}) is None
    time.sleep(0.4)
    late = outcomes.judge(job, {"7": State("COMPLETED")})
    assert not late.ok
    (tmp_path / "7_0_result.pkl").write_bytes(pickle.dumps(("success", 0)))
    assert outcomes.judge(job, {}).ok
    (tmp_path / "7_0_result.pkl").write_bytes(pickle.dumps(("success", 3)))
    assert "exit status 3" in outcomes.judge(job, {}).text


@pytest.mark.parametrize(
    ("state", "unseen"),
    [(State("FAILED", "JobLaunchFailure"), True), (State("PENDING", "launch failed requeued held"), True),
     (State("FAILED", "NonZeroExitCode"), False)],
)  # fmt: skip
def test_a_job_that_left_no_log_on_a_failed_launch_did_not_see_its_folder(tmp_path, state, unseen):
    outcome = Outcomes(patience=0).judge(entry(tmp_path, job_id="7"), {"7": state})
    assert outcome.folder_unseen is unseen


def test_tail_shows_the_end_without_submitits_own_lines(tmp_path):
    log = tmp_path / "7_0_log.out"
    log.write_text("".join(f"line {i}\n" for i in range(40)) + "submitit INFO (now) - Job completed successfully\n")
    assert tail(log).splitlines()[-1].strip() == "line 39"
    assert "line 24" not in tail(log)
    assert tail(tmp_path / "absent") == ""


def test_gpu_jobs_go_to_the_gpu_partition_and_others_do_not():
    settings = ExecutorSettings(
        gpu_partition="a100", cpu_partition="short", gres="gpu:a100", sbatch=["nice=10", "hold"]
    )
    resources = {"runtime": 30, "mem_mb": 4000, "gpu": 2, "slurm_account": "me", "qos": "high", "constraint": "ib"}
    train = job_request(SimpleNamespace(name="train", threads=3, resources=resources), settings)
    options = sbatch_parameters(train, settings)
    assert (options["partition"], options["gres"], options["time"], options["mem"]) == (
        "a100",
        "gpu:a100:2",
        30,
        "4000MB",
    )
    assert (options["account"], options["qos"], options["constraint"]) == ("me", "high", "ib")
    assert options["cpus_per_task"] == 3
    assert options["additional_parameters"] == {"nice": "10", "hold": True}
    probe = job_request(SimpleNamespace(name="probe", threads=1, resources={}), settings)
    assert (probe.partition, sbatch_parameters(probe, settings)["gres"]) == ("short", None)


def test_on_the_signal_the_command_saves_before_the_job_is_requeued(tmp_path):
    """A script that saves on TERM, slower than its shell dies, under a process that gets USR2 like a SLURM step."""
    script = tmp_path / "train.sh"
    script.write_text("trap 'sleep 1; echo saved > saved; exit 1' TERM\ntouch started\nwhile :; do sleep 0.1; done\n")
    code = (
        "import os, signal, sys; from snakemake_executor_plugin_submitit.payload import Payload\n"
        f"p = Payload('bash train.sh; true', {str(tmp_path)!r}, 20)\n"
        "def on_signal(*_):\n    again = p.checkpoint()\n    print(os.path.exists('saved'), again.function.command)\n"
        "    sys.stdout.flush(); os._exit(0)\n"
        "signal.signal(signal.SIGUSR2, on_signal)\np()\n"
    )
    job = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True,
                           env=os.environ | {"PYTHONPATH": str(WORKFLOW)}, start_new_session=True)  # fmt: skip
    while not (tmp_path / "started").exists():
        time.sleep(0.05)
    job.send_signal(signal.SIGUSR2)
    assert job.communicate(timeout=60)[0] == "True bash train.sh; true\n"


def test_the_payload_returns_the_exit_status(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert Payload("exit 3", str(tmp_path), 10)() == 3
    finally:
        signal.signal(signal.SIGTERM, before)
