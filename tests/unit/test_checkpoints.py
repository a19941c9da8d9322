"""What was computed is never lost, and what is damaged or foreign is never used."""

import dataclasses
import json
import resource
import signal
import threading

import pytest
import safetensors.torch
import torch
from grokatlas import history, model
from grokatlas.checkpoints import RunFolder
from grokatlas.config import parse_config
from grokatlas.errors import GrokatlasError
from grokatlas.measure import measure_segment
from grokatlas.stacks import build_stacks
from grokatlas.state_dicts import content_digest
from grokatlas.training.device import Machine
from grokatlas.training.replay import complete_segment
from grokatlas.training.segment import Interrupted, train_segment

TINY = {"layers": 1, "width": 16, "heads": 2}


def tiny(folder, steps=60, probe_every=20, weight_decay=1.0, seed=42, segment_steps=100_000, **top):
    sweep = {"name": "t", "model": TINY, "weight_decay": weight_decay, "seed": seed, "steps": steps,
             "evaluate_every": 20, "probe_every": probe_every}  # fmt: skip
    sweep |= {key: top.pop(key) for key in ("learning_rate",) if key in top}
    return parse_config({"results": str(folder), "sweeps": [sweep], "segment_steps": segment_steps, **top})


def run_all(config, stop=None, report=lambda *_: None):
    manifests = []
    for stack in build_stacks(config).values():
        for segment in stack.segments:
            stop = stop or threading.Event()
            manifests.append(train_segment(stack, segment, config.settings, Machine(), report, stop))
    return manifests


def folder_of(config, index=0):
    return RunFolder(config.settings.results, list(config.plans.values())[index].run)


def stack_of(config):
    (stack,) = build_stacks(config).values()
    return stack, stack.segments[0]


def spans(folder):
    return [(piece.start, piece.stop) for piece in folder.ledger()]


def files(folder):
    return {p: p.read_bytes() for p in sorted(folder.path.rglob("*.safetensors"))}


def test_a_longer_budget_trains_only_what_is_new_to_the_same_bits(tmp_path):
    run_all(tiny(tmp_path / "a", steps=40))
    run_all(tiny(tmp_path / "a", steps=100))
    run_all(tiny(tmp_path / "b", steps=100))
    extended, straight = folder_of(tiny(tmp_path / "a")), folder_of(tiny(tmp_path / "b"))
    assert spans(extended) == [(0, 40), (40, 100)]
    for part in ("parameters", "first_moment", "second_moment"):
        ours, theirs = extended.load_checkpoint(100)[0], straight.load_checkpoint(100)[0]
        assert torch.equal(getattr(ours, part), getattr(theirs, part))
    assert extended.read_evaluations() == straight.read_evaluations()


def test_training_again_trains_nothing(tmp_path):
    config = tiny(tmp_path)
    run_all(config)
    before = files(folder_of(config))
    run_all(config)
    assert files(folder_of(config)) == before
    assert spans(folder_of(config)) == [(0, 60)]


def test_segments_chain_without_overlap(tmp_path):
    config = tiny(tmp_path, segment_steps=25)
    run_all(config)
    assert spans(folder_of(config)) == [(0, 25), (25, 50), (50, 60)]
    assert folder_of(config).checkpoint_steps() == [25, 50, 60]


def test_a_stop_request_saves_and_the_next_call_goes_on(tmp_path):
    config, stop = tiny(tmp_path, steps=200), threading.Event()
    with pytest.raises(Interrupted):
        run_all(config, stop, lambda run, step, goal, scores: step >= 90 and stop.set())
    (reached,) = folder_of(config).checkpoint_steps()
    assert 90 <= reached < 200
    run_all(config)
    run_all(tiny(tmp_path / "straight", steps=200))
    assert spans(folder_of(config)) == [(0, reached), (reached, 200)]
    ours = folder_of(config).load_snapshot(200)[0]
    theirs = folder_of(tiny(tmp_path / "straight", steps=200)).load_snapshot(200)[0]
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("damage", ["truncate", "tamper", "remove"])
def test_a_damaged_checkpoint_is_refused_in_one_line(tmp_path, damage):
    run_all(tiny(tmp_path))
    path = folder_of(tiny(tmp_path)).checkpoint_path(60)
    data = bytearray(path.read_bytes())
    if damage == "remove":
        path.unlink()
    else:
        data[-100] ^= 1
        path.write_bytes(data[:-50] if damage == "truncate" else data)
    with pytest.raises(GrokatlasError, match=r"000000060.safetensors: .*checksum differs") as error:
        run_all(tiny(tmp_path, steps=80))
    assert "\n" not in str(error.value)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    run_all(tiny(tmp_path, weight_decay=[1.0, 2.0]))
    one, two = (folder_of(tiny(tmp_path, weight_decay=[1.0, 2.0]), i) for i in (0, 1))
    for suffix in (".json", ".safetensors"):
        source = one.checkpoint_path(60).with_suffix(suffix)
        two.checkpoint_path(60).with_suffix(suffix).write_bytes(source.read_bytes())
    with pytest.raises(GrokatlasError, match=r"checkpoint of another run \(.*wd1-s42\), not of .*wd2-s42"):
        run_all(tiny(tmp_path, weight_decay=2.0, steps=80))


def test_a_missing_checkpoint_of_the_segment_before_is_not_silently_retrained(tmp_path):
    config = tiny(tmp_path, steps=40, segment_steps=40)
    run_all(config)
    folder_of(config).delete_checkpoint(40)
    longer = tiny(tmp_path, steps=80, segment_steps=40)
    (stack,) = build_stacks(longer).values()
    with pytest.raises(GrokatlasError, match="000000040.safetensors: checkpoint is missing"):
        train_segment(stack, stack.segments[1], longer.settings, Machine(), lambda *_: None, threading.Event())


def test_other_training_code_marks_old_runs_and_asks(tmp_path, monkeypatch):
    run_all(tiny(tmp_path))
    monkeypatch.setattr(history, "TRAINING_VERSION", history.TRAINING_VERSION + 1)
    with pytest.raises(GrokatlasError, match="made by training version"):
        run_all(tiny(tmp_path, steps=80))


def test_a_denser_cadence_is_replayed_to_the_bits_it_would_have_had(tmp_path):
    run_all(tiny(tmp_path / "a", probe_every=60, segment_steps=30))
    dense = tiny(tmp_path / "a", probe_every=10, segment_steps=30)
    (stack,) = build_stacks(dense).values()
    done = [complete_segment(stack, s, dense.settings, Machine(), m)
            for s, m in zip(stack.segments, run_all(dense), strict=True)]  # fmt: skip
    straight = tiny(tmp_path / "b", probe_every=10)
    run_all(straight)
    # Step 30 is a checkpoint, so only 20 of the first 30 steps are taken again.
    assert [next(iter(manifest["runs"].values()))["replayed_steps"] for manifest in done] == [20, 20]
    for step in range(10, 61, 10):
        assert (
            folder_of(dense).load_snapshot(step)[1]["content"] == folder_of(straight).load_snapshot(step)[1]["content"]
        )
    assert spans(folder_of(dense)) == [(0, 30), (30, 60)]


def test_a_tampered_snapshot_is_refused(tmp_path):
    config = tiny(tmp_path)
    run_all(config)
    path = folder_of(config).snapshot_path(40)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(GrokatlasError, match="000000040.safetensors: changed since it was written"):
        folder_of(config).load_snapshot(40)


def test_a_sound_snapshot_that_is_not_the_promised_one_is_not_measured(tmp_path):
    config = tiny(tmp_path)
    (trained,) = run_all(config)
    stack, segment = stack_of(config)
    manifest = complete_segment(stack, segment, config.settings, Machine(), trained)
    measure_segment(stack, config.settings, manifest, tmp_path / "before.parquet", threads=1)
    path = folder_of(config).snapshot_path(40)
    path.write_bytes(folder_of(config).snapshot_path(60).read_bytes())
    with pytest.raises(GrokatlasError, match="000000040.safetensors: not the snapshot that the manifest promises"):
        measure_segment(stack, config.settings, manifest, tmp_path / "after.parquet", threads=1)
    assert not (tmp_path / "after.parquet").exists()


def test_a_run_whose_loss_is_nan_is_frozen_and_its_stack_mates_finish(tmp_path):
    config = tiny(tmp_path, seed=[1, 2], stack_size=2)
    bad, good = folder_of(config, 0), folder_of(config, 1)
    (stack,) = build_stacks(config).values()
    train_segment(stack, stack.segments[0], config.settings, Machine(threads=2), lambda *_: None, threading.Event())
    state, ledger = bad.load_checkpoint(60)
    state.parameters[:] = float("nan")
    bad.save_checkpoint(state, ledger)
    longer = tiny(tmp_path, steps=100, seed=[1, 2], stack_size=2)
    (manifest,) = run_all(longer)
    assert manifest["runs"][bad.run.id] == {"goal": 100, "diverged": 61}
    assert manifest["runs"][good.run.id]["checkpoint"] == 100
    assert bad.diverged_at() == 61
    assert max(bad.read_evaluations()) == 60


def test_sidecar_tells_run_config_and_how_it_was_computed(tmp_path):
    config = tiny(tmp_path)
    run_all(config)
    data = json.loads(folder_of(config).checkpoint_path(60).with_suffix(".json").read_text())
    assert data["config"] == json.loads(json.dumps(dataclasses.asdict(folder_of(config).run)))
    (piece,) = data["ledger"]
    assert piece["execution"]["device"] == "cpu"
    assert piece["execution"]["lane"] == [folder_of(config).run.id]


def test_a_run_stopped_before_its_first_evaluation_goes_on(tmp_path):
    config, stop = tiny(tmp_path, steps=200), threading.Event()
    stop.set()
    with pytest.raises(Interrupted):
        train_segment(*stack_of(config), config.settings, Machine(), lambda *_: None, stop)
    assert folder_of(config).read_evaluations() == {}
    run_all(config)
    assert spans(folder_of(config))[-1][1] == 200


def test_an_empty_evaluations_file_is_refused(tmp_path):
    config = tiny(tmp_path)
    run_all(config)
    folder_of(config).evaluations_path.write_text("")
    with pytest.raises(GrokatlasError, match="evaluations.csv: empty or with other columns"):
        run_all(tiny(tmp_path, steps=80))


def test_two_processes_never_train_one_run_at_once(tmp_path):
    config, order = tiny(tmp_path), []
    folder, stop = folder_of(config), threading.Event()
    with folder.lock(stop):
        waiting = threading.Thread(target=lambda: (run_all(config), order.append("trained")))
        waiting.start()
        order.append("released")
    waiting.join()
    assert order == ["released", "trained"]
    stop.set()
    with (
        folder.lock(threading.Event()),
        pytest.raises(GrokatlasError, match="stopped while waiting"),
        folder.lock(stop),
    ):
        pass


def small(folder, steps, threads):
    sweep = {
        "name": "t",
        "weight_decay": 1.0,
        "seed": [1, 2, 3, 4],
        "steps": steps,
        "evaluate_every": 6,
        "probe_every": 6,
    }
    config = parse_config({"results": str(folder), "sweeps": [sweep], "stack_size": 4})
    stack, segment = stack_of(config)
    train_segment(stack, segment, config.settings, Machine(threads=threads), lambda *_: None, threading.Event())
    return [folder_of(config, i).checkpoint_path(steps).read_bytes() for i in range(4)]


def test_a_resumed_stack_has_the_same_bits_on_any_number_of_threads(tmp_path):
    straight = small(tmp_path / "a", 12, threads=1)
    small(tmp_path / "b", 6, threads=2)
    model._initialise.cache_clear()  # as in a new process, where the lanes draw their batch orders at once
    assert small(tmp_path / "b", 12, threads=2) == straight


def test_a_replay_keeps_what_was_measured_and_goes_through_every_piece(tmp_path):
    for steps in (40, 80, 100):
        run_all(tiny(tmp_path, steps=steps))
    config = tiny(tmp_path, steps=100)
    folder, (stack, segment) = folder_of(config), stack_of(config)
    before, kept = folder.read_evaluations(), files(folder)
    gone = [folder.snapshot_path(step) for step in (20, 60)]
    [path.unlink() for path in gone]
    (trained,) = run_all(config)
    done = complete_segment(stack, segment, config.settings, Machine(), trained)
    assert done["runs"][folder.run.id]["replayed_steps"] == 60
    assert folder.read_evaluations() == before
    for step in (20, 60):
        state, header = folder.load_snapshot(step)
        assert header["content"] == content_digest(state)
        with safetensors.safe_open(folder.snapshot_path(step), "pt") as ours:
            theirs = safetensors.torch.load(kept[folder.snapshot_path(step)])
            assert all(torch.equal(ours.get_tensor(name), theirs[name]) for name in theirs)


def test_a_checkpoint_swapped_with_its_sidecar_is_not_the_promised_one(tmp_path):
    config = tiny(tmp_path)
    folder, (stack, segment) = folder_of(config), stack_of(config)
    (trained,) = run_all(config)
    state, ledger = folder.load_checkpoint(60)
    state.parameters[0] += 1
    folder.save_checkpoint(state, ledger)
    with pytest.raises(GrokatlasError, match="not the checkpoint that the train manifest promises"):
        complete_segment(stack, segment, config.settings, Machine(), trained)


def test_a_denser_look_at_a_diverged_run_works_up_to_its_last_sound_step(tmp_path):
    options = {"learning_rate": 1e25, "probe_every": 20}  # overflows within a few steps
    (manifest,) = run_all(tiny(tmp_path, **options))
    (promise,) = manifest["runs"].values()
    folder = folder_of(tiny(tmp_path, **options))
    assert promise["diverged"] == folder.diverged_at() == folder.ledger()[-1].stop + 1
    dense = tiny(tmp_path, learning_rate=1e25, probe_every=1)
    stack, segment = stack_of(dense)
    done = complete_segment(stack, segment, dense.settings, Machine(), manifest)
    assert list(done["runs"][folder.run.id]["snapshots"]) == list(range(1, promise["diverged"]))


def test_what_a_killed_process_left_half_written_goes(tmp_path):
    config = tiny(tmp_path)
    run_all(config)
    folder = folder_of(config)
    left = [folder.path / "checkpoints" / ".000000070.safetensors.99.tmp", folder.checkpoint_path(70)]
    [path.write_bytes(b"half") for path in left]
    run_all(tiny(tmp_path, steps=80))
    assert not any(path.exists() for path in left)


@pytest.mark.parametrize("name", ["evaluations.csv", "diverged.json"])
def test_a_damaged_record_is_one_line(tmp_path, name):
    config = tiny(tmp_path)
    run_all(config)
    path = folder_of(config).path / name
    path.write_text("step,train_accuracy,train_loss,test_accuracy,test_loss\n20,0.5\n" if name[0] == "e" else "{")
    with pytest.raises(GrokatlasError, match=f"{name}: damaged"):
        run_all(tiny(tmp_path, steps=80))


def test_a_disk_that_takes_no_more_is_one_line_and_loses_nothing(tmp_path):
    """A real refusal by the system: files may grow to 2 kB only."""
    config = tiny(tmp_path)
    run_all(config)
    before = files(folder_of(config))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    was = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with pytest.raises(GrokatlasError, match="cannot be written .*nothing was overwritten"):
            run_all(tiny(tmp_path, steps=80))
    finally:
        signal.signal(signal.SIGXFSZ, was)
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
        )
    assert files(folder_of(config)) == before
    assert not list(folder_of(config).path.rglob(".*.tmp"))
