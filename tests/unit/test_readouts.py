"""A trajectory is read as docs/verdicts.md says: hand-worked records."""

from pathlib import Path

import numpy as np
import pytest
from grokatlas.errors import GrokatlasError
from grokatlas.readouts import (
    at_cadence,
    change_point,
    coexistence_steps,
    collapse_step,
    covered_steps,
    first_lock,
    flashes,
    locks,
    read_accuracy,
    read_accuracy_csv,
    stretches,
    takeover_stride,
    unbroken,
)

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "nested_wd1.0_seed42_test_acc.csv"
every_10k = np.arange(10_000, 1_000_000, 10_000)


def scores(*values):
    return every_10k[: len(values)], np.array(values, dtype=float)


def test_accuracy_readout_of_a_record_worked_by_hand():
    steps = 1000 * np.arange(1, 11)
    accuracy = np.array([0.1, 0.95, 0.4, 0.99, 1.0, 0.992, 0.7, 0.93, 0.49, 1.0])
    found = read_accuracy(steps, accuracy)
    assert found.first_grok_step == 2000
    assert found.share_at_least_99 == pytest.approx(0.4)  # steps 4000, 5000, 6000 and 10000
    assert found.longest_unbroken_99 == 2000  # 4000 to 6000
    assert found.oscillations == 2  # 0.95 -> 0.4 and 0.93 -> 0.49; 0.992 -> 0.7 does not fall below 0.5
    assert (found.final, found.cadence, found.last_step, found.evaluations) == (1.0, 1000, 10_000, 10)
    assert found.median_last_20_percent == pytest.approx(0.745)  # between 0.49 and 1.0
    assert found.low_last_20_percent == pytest.approx(0.49 + 0.05 * 0.51)
    assert found.high_last_20_percent == pytest.approx(0.49 + 0.95 * 0.51)


def test_what_never_happened_is_none_and_not_zero():
    found = read_accuracy(np.array([1, 2]), np.array([0.1, 0.2]))
    assert found.first_grok_step is None
    assert found.longest_unbroken_99 is None


def test_a_record_of_one_evaluation_is_read():
    found = read_accuracy(np.array([500]), np.array([1.0]))
    assert (found.longest_unbroken_99, found.oscillations, found.median_last_20_percent) == (0, 0, 1.0)


def test_fewer_looks_see_fewer_oscillations():
    steps, accuracy = 5000 * np.arange(1, 7), np.array([1.0, 0.1, 1.0, 1.0, 0.1, 1.0])
    assert read_accuracy(steps, accuracy).oscillations == 2
    assert read_accuracy(*at_cadence(steps, accuracy, 10_000)).oscillations == 0
    assert at_cadence(np.array([0, 500, 1000]), np.zeros(3), 1000)[0].tolist() == [1000]


def test_a_record_with_a_gap_is_read_to_the_gap_and_a_coarser_one_not_at_all():
    steps = np.array([500, 1000, 1500, 2000, 3000, 4000])
    assert unbroken(steps, steps, 500)[0].tolist() == [500, 1000, 1500, 2000]
    assert unbroken(steps, steps, 1000)[0].tolist() == [1000, 2000, 3000, 4000]
    assert len(unbroken(steps[1::2], steps[1::2], 500)[0]) == 0


@pytest.mark.skipif(not REFERENCE.exists(), reason="../shared/reference is not there: the author's log is not checked")
def test_the_authors_log_of_weight_decay_1_grokked_although_published_as_failed():
    steps, accuracy = read_accuracy_csv(REFERENCE)
    found = read_accuracy(steps, accuracy)
    assert (found.first_grok_step, found.share_at_least_99, found.oscillations) == (10_000, 0.62, 26)
    assert (found.final, found.cadence, found.last_step) == (0.8963, 5000, 1_000_000)
    assert read_accuracy(*at_cadence(steps, accuracy, 10_000)).oscillations == 13


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "no column 'step'"),
        ("step,test_acc\n", "no evaluations"),
        ("step,accuracy\n1,0.5\n", "no column 'test_acc'"),
        ("step,test_acc\n1,0.5\n2,high\n", "line 3"),
        ("step,test_acc\n1,0.5\n2\n", "line 3"),
        ("step,test_acc\n2,0.5\n2,0.6\n", "does not come after"),
        ("step,test_acc\n1,51.75\n", "between 0 and 1"),
    ],
)
def test_a_broken_csv_is_refused_with_one_line_that_names_it(tmp_path, content, words):
    path = tmp_path / "log.csv"
    path.write_text(content)
    with pytest.raises(GrokatlasError, match=words) as error:
        read_accuracy_csv(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_csv_that_is_not_there_is_refused_by_name(tmp_path):
    with pytest.raises(GrokatlasError, match="nowhere.csv"):
        read_accuracy_csv(tmp_path / "nowhere.csv")


def test_three_probes_10000_steps_apart_lock_and_two_flash():
    assert locks(*scores(0, 0.9, 1, 0.95, 0)) == [(20_000, 40_000)]
    assert locks(*scores(0, 0.9, 1, 0.89, 0)) == []
    assert flashes(*scores(0, 0.9, 1, 0.89, 0)) == [(20_000, 30_000)]


def test_a_lock_needs_30000_steps_at_any_cadence():
    steps = 500 * np.arange(1, 101)
    for probes, locked in ((59, False), (60, True)):
        high = np.where((np.arange(100) >= 10) & (np.arange(100) < 10 + probes), 1.0, 0.0)
        assert bool(locks(steps, high)) is locked
    assert covered_steps(steps[:60]) == 30_000
    assert covered_steps(steps[:1]) == 0
    sparse = np.array([100_000, 200_000, 300_000])
    assert locks(sparse, np.array([1.0, 1.0, 0.0])) == []  # two probes are not three


def test_a_high_stretch_at_the_end_of_the_record_is_neither_lock_nor_flash():
    steps, values = scores(0, 0, 1, 1)
    assert [part.kind for part in stretches(steps, values)] == ["unfinished"]
    assert locks(steps, values) == flashes(steps, values) == []


def test_collapse_is_after_the_last_lock():
    assert collapse_step(*scores(1, 1, 1, 0.6, 0.4, 0)) == 50_000
    assert collapse_step(*scores(1, 1, 1, 0.1, 1, 1, 1, 0.6, 0.2)) == 90_000  # it locked again after the first fall
    assert collapse_step(*scores(1, 1, 1, 0.1, 1, 1, 0.6)) == 40_000  # a flash is no second lock
    assert collapse_step(*scores(1, 1, 1, 0.6, 0.5)) is None
    assert collapse_step(*scores(0, 0, 0, 0)) is None


def test_the_first_lock_of_any_stride_names_stride_and_span():
    steps, late = scores(0, 1, 1, 1, 1)
    early = np.array([1, 1, 1, 0, 0.0])
    assert first_lock(steps, {1: late, 5: early}) == (5, 10_000, 30_000)
    assert first_lock(steps, {1: np.zeros(5)}) is None


def test_takeover_needs_a_median_of_half_over_the_last_40_percent_and_no_outer_lock_there():
    steps, inner = scores(0, 0, 0, 0, 0, 0, 0.8, 0.1, 0.8, 0.6)  # last four probes: median 0.7
    quiet = np.zeros(10)
    assert takeover_stride(steps, {1: quiet, 4: inner}, {1: quiet}) == 4
    assert takeover_stride(steps, {4: np.where(inner > 0.7, 0.4, inner)}, {1: quiet}) is None
    locked = np.array([0, 0, 0, 0, 1, 1, 1, 0, 0, 0.0])  # reaches into the last four
    assert takeover_stride(steps, {4: inner}, {1: quiet, 2: locked}) is None
    assert takeover_stride(steps, {4: inner}, {2: np.roll(locked, -1)}) == 4


def test_coexistence_is_counted_at_the_same_probes():
    steps, outer = scores(1, 1, 1, 1, 1, 1, 0)
    inner = np.array([0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.9])
    assert coexistence_steps(steps, outer, inner) == (50_000, 20_000)
    assert coexistence_steps(steps, outer, 1 - outer) == (0, None)


def test_change_point_finds_a_step_and_is_deterministic():
    rng = np.random.default_rng(0)
    steps = 5000 * np.arange(1, 1001)
    values = np.where(steps <= 3_700_000, 1.0, 0.95) - 0.9 * (rng.random(1000) < 0.1)
    found = change_point(steps, values)
    assert abs(found.step - 3_705_000) <= 15_000
    assert (found.before, found.after) == (1.0, 0.95)
    assert found.p_value <= 0.001
    assert change_point(steps, values) == found


def test_change_point_sees_nothing_in_noise_or_in_a_constant_and_refuses_a_short_record():
    steps = np.arange(200)
    noise = [change_point(steps, np.random.default_rng(seed).random(200)).p_value for seed in range(40)]
    assert np.mean(np.array(noise) < 0.05) <= 0.15
    assert change_point(steps, np.ones(200)).p_value == 1.0
    assert change_point(steps[:19], np.ones(19)) is None
