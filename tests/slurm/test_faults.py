"""What a cluster does to a user, and what it costs: on a real SLURM, with the real plugin and real training."""

import re

import pandas as pd
import pytest
import scenarios


def retrained(checkout):
    """Steps that a log shows twice: the sum of its jumps back."""
    logs = (checkout.folder / "results" / "logs" / "train").rglob("*.log")
    shown = [[int(s.replace(",", "")) for s in re.findall(r"step ([\d,]+)/", log.read_text())] for log in logs]
    return sum(max(0, before - after) for steps in shown for before, after in zip(steps, steps[1:], strict=False))


def contiguous(pieces):
    return all(before[1] == after[0] for before, after in zip(pieces, pieces[1:], strict=False))


def one_line(output, *words):
    """The one line of the output that has all these words."""
    lines = [line for line in output.splitlines() if all(word in line for word in words)]
    assert len(lines) == 1, output[-3000:]
    assert "Traceback" not in output
    return lines[0]


@pytest.mark.scenario("end_to_end")
def test_end_to_end_on_two_gpus(checkout):
    results = checkout.folder / "results"
    assert (results / "report.html").stat().st_size > 10_000
    assert set(pd.read_parquet(results / "metrics.parquet").run) == {f.run.id for f in checkout.run_folders()}
    assert "Nothing to be done" in checkout.again
    jobs, told = checkout.jobs(), checkout.first.submitted()
    assert {name: job for name, (job, _) in jobs.items()} == told  # squeue names each job after its rule and stack
    assert {name.split(".")[0] for name in told} == {"train", "checkpoint", "probe"}  # all others ran here
    first = [job for name, job in told.items() if name.startswith("train") and name.endswith(".000000000")]
    assert len({job.split("_")[0] for job in first}) == 1  # ready together: one array
    assert {job.split("_")[1] for job in first} == {"0", "1"}
    for pieces in checkout.ledgers():  # the preemption of another scenario may have cut one more piece
        assert contiguous([(0, 0), *pieces, (500, 500)])


@pytest.mark.scenario("time_limit")
def test_a_time_limit_is_resumed_to_the_same_bits(checkout, row):
    ((_, state),) = checkout.jobs().values()
    assert state == "COMPLETED"
    (pieces,) = checkout.ledgers()
    assert len(pieces) > 1
    assert contiguous(pieces)
    (folder,), (whole,) = checkout.run_folders(), checkout.run_folders("alone")
    assert [(piece.start, piece.stop) for piece in whole.ledger()] == [(0, pieces[-1][1])]
    assert folder.sidecar(pieces[-1][1])["sha256"] == whole.sidecar(pieces[-1][1])["sha256"]
    assert folder.evaluations_path.read_text() == whole.evaluations_path.read_text()
    row("a time limit of 1 minute on a longer job", f"saved and requeued itself {len(pieces) - 1} times; same bits as "
        "a run without limit", f"{retrained(checkout)} steps")  # fmt: skip


@pytest.mark.scenario("preempted")
def test_preemption_is_resumed(checkout, row, cluster):
    ((job, state),) = checkout.jobs().values()
    assert state == "COMPLETED"
    assert "Restarts=1" in cluster.run("scontrol", "show", "job", job)
    (pieces,) = checkout.ledgers()
    assert len(pieces) == 2
    assert contiguous(pieces)
    row("preemption by a higher partition", "saved, requeued, went on", f"{retrained(checkout)} steps")


@pytest.mark.scenario("cancelled")
def test_scancel_is_reported_and_not_requeued(checkout, row, cluster):
    ((job, state),) = checkout.jobs().values()
    assert state == "CANCELLED"
    assert "Restarts=0" in cluster.run("scontrol", "show", "job", job)
    assert job in one_line(checkout.output, "was cancelled with scancel")
    (pieces,) = checkout.ledgers()
    log = next((checkout.folder / "results" / "logs").rglob("*.log")).read_text()
    shown = [int(step.replace(",", "")) for step in re.findall(r"step ([\d,]+)/", log)]
    lost = max(0, max(shown, default=0) - pieces[-1][1])
    assert lost == 0
    row("`scancel` of a job by a person", "saved, reported as cancelled, not requeued", f"{lost} steps")


@pytest.mark.scenario("interrupted")
def test_ctrl_c_cancels_what_was_submitted(checkout, cluster):
    assert checkout.jobs()
    cluster.wait_for(lambda: {s for _, s in checkout.jobs().values()} == {"CANCELLED"}, "all to be cancelled", 120)
    assert not list((checkout.folder / ".snakemake" / "submitit" / "registry").iterdir())


@pytest.mark.scenario("out_of_memory")
def test_a_job_killed_for_memory_says_so_and_runs_with_more(checkout, row):
    assert "exceeded memory limit" in checkout.output or "was killed for memory" in checkout.output
    assert checkout.ledgers() == [[(0, 500)]]
    row("a job killed for memory", "reported with the end of its log; the same command with more `mem_mb` trains it",
        "nothing here (killed while starting); in general at most `save_seconds` of training")  # fmt: skip


@pytest.mark.scenario("failing_rule")
def test_a_failing_rule_shows_the_end_of_its_log(checkout, row):
    assert "train.mul97-L1d16h2-wd2-s42.000000000: job" in one_line(checkout.output, "failed with exit status 1")
    one_line(checkout.output, "End of results/logs/train/mul97-L1d16h2-wd2-s42/000000000.log")
    assert "grokatlas: device cuda was asked for, but torch sees no GPU here" in checkout.output
    row("a failing rule", "reported with the end of its log; other jobs go on", "nothing")


@pytest.mark.scenario("controller_killed")
def test_a_killed_controller_adopts_its_jobs(checkout, row):
    first, second, third = checkout.first, checkout.second.output, checkout.third.output
    assert not first.submitted()  # it died before it heard the id
    one_line(second, "died; its lock is broken")
    assert "Adopted train." in second
    running, finished = map(int, re.search(r"left (\d) jobs queued or running, and (\d) that finished", third).groups())
    assert finished >= 1
    assert running + finished == 2
    assert third.count("Adopted train.") == running
    assert not list((checkout.folder / ".snakemake" / "submitit" / "registry").iterdir())
    jobs = checkout.jobs()  # fails if two jobs have one name
    assert len(jobs) == 4  # two stacks of two segments: as many sbatch calls as distinct jobs
    assert checkout.ledgers() == [[(0, 2000), (2000, 4000)]] * 2
    assert "another controller is at work" in one_line(checkout.refused, "Nothing was submitted")
    row("the controller killed with -9, twice (once between sbatch and its answer)",
        f"the same command adopted the jobs; {len(jobs)} sbatch calls for {len(jobs)} jobs",
        f"{retrained(checkout)} steps")  # fmt: skip


@pytest.mark.scenario("three_at_once")
def test_a_default_profile_of_one_core_does_not_limit_the_cluster(checkout):
    assert [(checkout.folder / f"{i}.txt").read_text() for i in "abc"] == ["3\n"] * 3


@pytest.mark.scenario("official_plugin")
def test_the_official_plugin_runs_the_same_rules(checkout):
    assert checkout.ledgers() == [[(0, 500)]]
    assert len(checkout.cluster.run("squeue", "--states=all", "-h", "-o", "%Z").split(str(checkout.folder))) == 2


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(
            ("partition a100", "cpu, gpu, high, bare", "Nothing was submitted"),
            marks=pytest.mark.scenario("unknown_partition"),
        ),
        pytest.param(
            ("asks for 1 GPU", "partition bare has none", "Nothing was submitted"), marks=pytest.mark.scenario("no_gpu")
        ),
        pytest.param(("sbatch is not on the path", "Nothing was submitted"), marks=pytest.mark.scenario("no_sbatch")),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_submitted(checkout, words):
    one_line(checkout.output, *words)
    assert checkout.jobs() == {}
    assert not (checkout.folder / "results" / "runs").exists()


@pytest.mark.scenario("unshared_folder")
def test_a_folder_that_is_not_shared_is_one_line_and_leaves_nothing_in_the_queue(checkout, cluster):
    one_line(checkout.output, "is this folder shared with the compute nodes?")
    listing = cluster.run("squeue", "-r", "--states=all", "-h", "-o", "%T|%Z")
    states = {line.split("|")[0] for line in listing.splitlines() if line.endswith(str(checkout.own))}
    assert states <= {"FAILED", "CANCELLED"}
    assert states


def test_a_draining_node_is_waited_for(alone, cluster, tmp_path, row):
    checkout = scenarios.drained(cluster, tmp_path / "drained")
    assert checkout.ledgers() == [[(0, 2000), (2000, 4000)]]
    row("a node set to drain", "the running job finished, the next waited for the node", f"{retrained(checkout)} steps")


def test_slurmctld_away_for_30_s_is_waited_out(alone, cluster, tmp_path, row):
    checkout = scenarios.slurmctld_stopped(cluster, tmp_path / "stopped")
    one_line(checkout.controller.output, "SLURM does not answer")
    one_line(checkout.controller.output, "SLURM answers again")
    assert checkout.ledgers() == [[(0, 2000), (2000, 4000)]]
    assert len(checkout.jobs()) == 2
    row("slurmctld stopped for 30 s", "waited out; no job failed, none came twice", f"{retrained(checkout)} steps")
