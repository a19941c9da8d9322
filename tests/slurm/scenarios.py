"""Faults as they happen to a user, each in a checkout of its own, which a scenario returns once all has ended."""

from __future__ import annotations

import re
import shutil
import signal
import time
from pathlib import Path

from cluster import Cluster
from controllers import Checkout

ON_CPU = ("--set-resources", "train:gpu=0")
FOREVER = 10_000_000
LIMITED_SECONDS = 110


def end_to_end(cluster: Cluster, folder: Path) -> Checkout:
    """Config to report on two stand-in GPUs; then there is nothing to be done."""
    checkout = Checkout(folder, cluster)
    checkout.configure(weight_decay=(1.0, 2.0), steps=500, every=250)
    checkout.first = checkout.start()
    checkout.first.wait()
    checkout.again = checkout.start().wait()
    return checkout


def time_limit(cluster: Cluster, folder: Path) -> Checkout:
    """A limit of one minute on a run that needs about two on this machine, at its speed of now."""
    # SLURM looks at limits every 30 s and signals up to a minute early; with 5 s a job has about 50.
    checkout = Checkout(folder, cluster, {"submitit-signal-seconds": 5})
    checkout.configure(steps=2000)
    assert checkout.train_alone().wait() == 0
    (piece,) = checkout.run_folders("alone")[0].ledger()
    shutil.rmtree(folder / "alone")
    steps = max(2, round(LIMITED_SECONDS / piece.seconds)) * 2000
    checkout.configure(steps=steps, every=steps // 10, save_seconds=10)
    alone = checkout.train_alone()
    checkout.start(*checkout.targets(), "--set-resources", "train:gpu=0", "train:runtime=1").wait()
    assert alone.wait() == 0
    return checkout


def preempted(cluster: Cluster, folder: Path) -> Checkout:
    """A higher partition takes both GPUs for a moment."""
    checkout = Checkout(folder, cluster)
    checkout.configure(steps=6000, every=2000, save_seconds=1)
    controller = checkout.start(*checkout.targets())
    checkout.wait_for_training()
    cluster.run("sbatch", "-p", "high", "--gres=gpu:2", "--output=/dev/null", "--wrap", "sleep 1")
    controller.wait()
    return checkout


def cancelled(cluster: Cluster, folder: Path) -> Checkout:
    """A person cancels one of two jobs."""
    checkout = Checkout(folder, cluster)
    checkout.configure(weight_decay=(1.0,), steps=FOREVER, every=FOREVER // 10, segment_steps=FOREVER, save_seconds=5)
    controller = checkout.start(*checkout.targets(), *ON_CPU)
    checkout.wait_for_training()
    cluster.run("scancel", checkout.jobs().popitem()[1][0])
    checkout.output = controller.wait(code=1)
    return checkout


def interrupted(cluster: Cluster, folder: Path) -> Checkout:
    """Ctrl-C at the controller."""
    checkout = Checkout(folder, cluster)
    checkout.configure(weight_decay=(1.0, 2.0), steps=FOREVER, every=FOREVER // 10, segment_steps=FOREVER)
    controller = checkout.start(*checkout.targets(), *ON_CPU)
    controller.wait_for("Submitted train.mul97-L1d16h2-wd2", 300)
    controller.process.send_signal(signal.SIGINT)
    checkout.output = controller.wait(code=1)
    return checkout


def out_of_memory(cluster: Cluster, folder: Path) -> Checkout:
    """A job that needs more memory than it asked for; then it asks for enough."""
    checkout = Checkout(folder, cluster)
    checkout.configure(steps=500, every=500)
    resources = ("--set-resources", "train:gpu=0")
    checkout.output = checkout.start(*checkout.targets(), *resources, "train:mem_mb=100").wait(code=1)
    checkout.start(*checkout.targets(), *resources, "train:mem_mb=2000").wait()
    return checkout


def failing_rule(cluster: Cluster, folder: Path) -> Checkout:
    """A rule that fails by itself: it is told to use a GPU that torch does not see."""
    checkout = Checkout(folder, cluster)
    checkout.configure(steps=500, every=500, device="cuda")
    checkout.output = checkout.start(*checkout.targets(), *ON_CPU).wait(code=1)
    return checkout


def controller_killed(cluster: Cluster, folder: Path) -> Checkout:
    """Kill -9 twice: in the instant after sbatch, and with jobs in flight, one of which ends unwatched."""
    checkout = Checkout(folder, cluster, {"submitit-array-size": 1})
    checkout.configure(weight_decay=(1.0, 2.0), steps=4000, every=1000, segment_steps=2000, save_seconds=1)
    shim = folder / "bin" / "sbatch"  # the real sbatch, and then the death of whoever called it
    shim.parent.mkdir()
    shim.write_text('#!/bin/sh\n/usr/bin/env -u SHIM PATH="${PATH#*:}" sbatch "$@" >/dev/null\nkill -9 $PPID\n')
    shim.chmod(0o755)
    path = f"{shim.parent}:{checkout.environment['PATH']}"
    checkout.first = checkout.start(*checkout.targets(), *ON_CPU, PATH=path)
    checkout.first.wait(code=-signal.SIGKILL)

    checkout.second = checkout.start(*checkout.targets(), *ON_CPU)
    checkout.wait_for_training()
    checkout.refused = checkout.start(*checkout.targets(), *ON_CPU).wait(code=1)
    checkout.second.kill()
    done = checkout.folder / checkout.targets()[0]
    cluster.wait_for(done.exists, "the first segment, unwatched", 300)

    checkout.third = checkout.start(*checkout.targets(), *ON_CPU)
    checkout.third.wait()
    return checkout


def three_at_once(cluster: Cluster, folder: Path) -> Checkout:
    """Three jobs of three threads, from a machine whose default profile allows one core."""
    checkout = Checkout(folder, cluster)
    default = folder / "profiles" / "default" / "config.yaml"
    default.write_text(re.sub("cores: .*", "cores: 1", default.read_text()))
    (folder / "wait.smk").write_text(
        "rule all:\n    input: expand('{i}.txt', i=list('abc'))\n    localrule: True\n"
        "rule wait:\n    output: '{i}.txt'\n    threads: 3\n    resources: mem_mb=300, runtime=5\n"
        "    shell: 'echo {threads} > {output}; while [ ! -e go ]; do sleep 0.2; done'\n"
    )
    controller = checkout.start("--snakefile", "wait.smk")

    def running() -> int:
        return sum(state == "RUNNING" for _, state in checkout.jobs().values())

    cluster.wait_for(lambda: running() == 3, "three jobs to run at once", 300)
    (folder / "go").touch()
    controller.wait()
    return checkout


def official_plugin(cluster: Cluster, folder: Path) -> Checkout:
    """The same profile and rules under snakemake-executor-plugin-slurm."""
    checkout = Checkout(folder, cluster)
    checkout.configure(weight_decay=(2.0,), steps=500, every=250)
    official = ("--executor", "slurm", "--slurm-status-command", "squeue")  # its default, sacct, needs slurmdbd
    resources = ("--default-resources", "slurm_partition=cpu", "runtime=5")
    checkout.start(*checkout.targets(), *official, *ON_CPU, *resources).wait()
    return checkout


def unknown_partition(cluster: Cluster, folder: Path) -> Checkout:
    checkout = Checkout(folder, cluster, {"submitit-gpu-partition": "a100"})
    checkout.configure()
    checkout.output = checkout.start(*checkout.targets()).wait(code=1)
    return checkout


def no_gpu(cluster: Cluster, folder: Path) -> Checkout:
    checkout = Checkout(folder, cluster, {"submitit-gpu-partition": "bare"})
    checkout.configure()
    checkout.output = checkout.start(*checkout.targets()).wait(code=1)
    return checkout


def no_sbatch(cluster: Cluster, folder: Path) -> Checkout:
    checkout = Checkout(folder, cluster)
    checkout.configure()
    tools = folder / "bin"  # all of this machine's but SLURM's
    tools.mkdir()
    for path in Path("/usr/bin").iterdir():
        if path.name not in ("sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo"):
            (tools / path.name).symlink_to(path)
    checkout.output = checkout.start(*checkout.targets(), PATH=str(tools)).wait(code=1)
    return checkout


def unshared_folder(cluster: Cluster, folder: Path) -> Checkout:
    """The checkout lies on a file system that only the controller's machine has: a mount of its own namespace."""
    checkout = Checkout(folder / "seen", cluster)
    checkout.configure(weight_decay=(1.0, 2.0))
    own = folder / "own"
    own.mkdir()
    inside = f'mount -t tmpfs none {own} && cp -a {checkout.folder}/. {own} && cd {own} && exec "$@"'
    controller = checkout.start(*checkout.targets(), *ON_CPU, wrapper=("unshare", "--mount", "sh", "-c", inside, "sh"))
    checkout.output = controller.wait(code=1)
    checkout.own = own
    return checkout


# The long ones first.
SIDE_BY_SIDE = [
    time_limit, end_to_end, controller_killed, preempted, out_of_memory, cancelled, three_at_once, official_plugin,
    failing_rule, interrupted, unshared_folder, unknown_partition, no_gpu, no_sbatch,
]  # fmt: skip


def drained(cluster: Cluster, folder: Path) -> Checkout:
    """The only node drains while a job runs; the next waits until it is back."""
    checkout = Checkout(folder, cluster)
    checkout.configure(steps=4000, every=1000, segment_steps=2000)
    controller = checkout.start(*checkout.targets())
    first, second = checkout.targets()
    job = checkout.wait_for_job("train", "RUNNING")
    cluster.run("scontrol", "update", f"node={cluster.host}", "state=drain", "reason=test")
    try:
        cluster.wait_for((checkout.folder / first).exists, "the running job to finish", 300)
        assert checkout.wait_for_job("train", "PENDING") != job
    finally:
        cluster.run("scontrol", "update", f"node={cluster.host}", "state=resume")
    controller.wait()
    assert (checkout.folder / second).exists()
    return checkout


def slurmctld_stopped(cluster: Cluster, folder: Path) -> Checkout:
    """SLURM's head node is away for 30 s while a job runs and ends."""
    checkout = Checkout(folder, cluster)
    checkout.configure(steps=4000, every=1000, segment_steps=2000)
    checkout.controller = checkout.start(*checkout.targets())
    checkout.wait_for_job("train", "RUNNING")
    cluster.stop_controller()
    time.sleep(30)
    cluster.start_controller()
    checkout.controller.wait()
    return checkout
