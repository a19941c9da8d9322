"""A config says what will run; a wrong one says what is wrong, in one line."""

import copy

import pytest
from grokatlas.config import parse_config, read_config
from grokatlas.errors import GrokatlasError
from grokatlas.stacks import build_stacks

SWEEP = {"name": "s", "weight_decay": [1.0, 2.0], "steps": 1000, "evaluate_every": 100, "probe_every": 200}


def config(*sweeps, **top):
    return parse_config({"sweeps": [{**SWEEP, **sweep} for sweep in sweeps] or [SWEEP], **top}, "my.yaml")


def test_run_id_does_not_depend_on_how_long_how_often_or_beside_whom():
    alone = config({"weight_decay": 2, "steps": 5000})
    together = config({"weight_decay": [0.5, 2.0, 3.0], "probe_every": 500}, stack_size=3)
    assert "mul97-L2d128h4-wd2-s42" in alone.plans
    assert "mul97-L2d128h4-wd2-s42" in together.plans


def test_a_run_in_two_sweeps_is_one_plan_with_the_largest_budget_and_all_steps():
    both = config({"weight_decay": 1.0}, {"name": "t", "weight_decay": 1.0, "steps": 600, "probe_every": 150})
    (plan,) = both.plans.values()
    assert plan.steps == 1000
    assert plan.snapshots(0, 1000) == {150: 150, 200: 200, 300: 150, 400: 200, 450: 150, 600: 150, 800: 200, 1000: 200}
    assert both.sweeps == {"s": (plan.run.id,), "t": (plan.run.id,)}


def test_plane_steps_of_a_run_in_two_sweeps_are_joined_and_change_neither_ids_nor_what_is_trained_or_probed():
    plain = config({}, {"name": "t", "weight_decay": 1.0})
    asked = config({"plane_steps": [1000, 200]}, {"name": "t", "weight_decay": 1.0, "plane_steps": [200, 400]})
    assert [plan.plane_steps for plan in asked.plans.values()] == [(200, 400, 1000), (200, 1000)]
    assert list(asked.plans) == list(plain.plans)
    assert [plan.plane_steps for plan in plain.plans.values()] == [(), ()]
    for before, after in zip(build_stacks(plain).values(), build_stacks(asked).values(), strict=True):
        assert (before.id, before.segments) == (after.id, after.segments)
        assert [before.goals(s) for s in before.segments] == [after.goals(s) for s in after.segments]
    assert [p.cadences for p in plain.plans.values()] == [p.cadences for p in asked.plans.values()]


def test_seeds_can_differ_one_at_a_time():
    ids = list(config({"weight_decay": 1, "seed": [7, {"split": 7, "initialisation": 7, "batch": 8}]}).plans)
    assert ids == ["mul97-L2d128h4-wd1-s7", "mul97-L2d128h4-wd1-s7.7.8"]


def test_a_bottleneck_as_wide_as_the_model_is_none():
    assert list(config({"weight_decay": 1, "bottleneck": [None, 128, 64]}).plans) == [
        "mul97-L2d128h4-wd1-s42",
        "mul97-L2d128h4-k64-wd1-s42",
    ]


@pytest.mark.parametrize("size", [1, 4])
def test_inserting_a_weight_decay_leaves_every_other_stack_alone(size):
    before = build_stacks(config({"seed": [1, 2, 3]}, stack_size=size))
    after = build_stacks(config({"weight_decay": [1.0, 1.5, 2.0], "seed": [1, 2, 3]}, stack_size=size))
    assert set(before) < set(after)
    assert all(after[stack] == before[stack] for stack in before)


def test_appending_seeds_leaves_full_stacks_alone():
    before = build_stacks(config({"seed": [1, 2]}, stack_size=2))
    after = build_stacks(config({"seed": [1, 2, 3]}, stack_size=2))
    assert set(before) < set(after)
    assert len(after) == len(before) + 2


def test_editing_one_sweep_leaves_the_stacks_of_another_alone():
    other = {"name": "other", "weight_decay": 5.0, "steps": 400}
    before, after = build_stacks(config({}, other)), build_stacks(config({}, {**other, "steps": 800}))
    assert [k for k in before if before[k] != after.get(k)] == ["mul97-L2d128h4-wd5-s42"]


def test_a_larger_budget_keeps_the_segments_before_it():
    short, long = config(segment_steps=400), config({"steps": 2000}, segment_steps=400)
    for stack, longer in zip(build_stacks(short).values(), build_stacks(long).values(), strict=True):
        assert stack.segments[:2] == longer.segments[:2]
        assert [stack.goals(s) for s in stack.segments[:2]] == [longer.goals(s) for s in longer.segments[:2]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight_decy": 1}, r"unknown key 'weight_decy': did you mean 'weight_decay'"),
        ({"steps": "many"}, r"sweeps\[0\].steps: 'many' is not of type 'integer'"),
        ({"weight_decay": -1}, r"sweeps\[0\].weight_decay: -1 is less than the minimum of 0"),
        ({"modulus": 96}, r"sweep 's': modulus 96 is not prime"),
        ({"model": {"layers": 1, "width": 30, "heads": 4}}, r"heads 4 do not divide width 30"),
        ({"steps": 1000.0}, r"sweeps\[0\].steps: 1000.0 is not of type 'integer'"),
        ({"learning_rate": float("inf")}, r"sweeps\[0\].learning_rate: inf"),
        ({"train_fraction": 0.00001}, r"leaves no train or no test pairs"),
        ({"steps": 1050}, r"steps 1050 is not a multiple of evaluate_every 100"),
        ({"plane_steps": [200, 300]}, r"sweep 's': plane_steps: no snapshot is kept at step 300; .* probe_every 200"),
        ({"plane_steps": [1200]}, r"no snapshot is kept at step 1200; give multiples of probe_every 200 up to .* 1000"),
        ({"plane_steps": [0]}, r"sweeps\[0\].plane_steps\[0\]: 0 is less than the minimum of 1"),
    ],
)
def test_a_wrong_sweep_is_one_line_naming_file_and_key(change, message):
    with pytest.raises(GrokatlasError, match=message) as error:
        config(change)
    assert str(error.value).startswith("my.yaml: ")
    assert "\n" not in str(error.value)


def test_wrong_top_level_keys_and_splits():
    with pytest.raises(GrokatlasError, match="did you mean 'stack_size'"):
        config(stack_sise=2)
    with pytest.raises(GrokatlasError, match="coset split 10x8 is impossible"):
        config(coset_splits=[[10, 8]])
    with pytest.raises(GrokatlasError, match="two sweeps are named 's'"):
        config({}, {})


def test_files_that_are_missing_empty_or_not_yaml(tmp_path):
    with pytest.raises(GrokatlasError, match="no such config file"):
        read_config(tmp_path / "absent.yaml")
    for text, message in [("", "empty"), ("sweeps: [", "not valid YAML at line")]:
        path = tmp_path / "bad.yaml"
        path.write_text(text)
        with pytest.raises(GrokatlasError, match=message):
            read_config(path)


def test_expanding_does_not_change_the_mapping():
    data = {"sweeps": [copy.deepcopy(SWEEP)]}
    kept = copy.deepcopy(data)
    parse_config(data)
    assert data == kept
