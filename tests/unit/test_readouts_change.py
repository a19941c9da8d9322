"""Falls, rank correlations and drifts are told from what only looks like them: made-up curves with known answers."""

import numpy as np
import pytest
from grokatlas.readouts import can_change_at, event_drift, fall, rank_correlation

steps = 500 * np.arange(1, 33)


def test_a_fall_in_level_is_put_at_the_first_step_after_it_within_its_interval():
    values = np.where(np.arange(32) < 15, 80.0, 8.0) * np.exp(0.05 * np.sin(np.arange(32)))
    found = fall(steps, values)
    assert found.step == found.low == found.high == 8000


def test_the_less_clear_a_fall_the_wider_its_interval():
    rng = np.random.default_rng(1)
    clear, faint = (np.exp(np.where(np.arange(32) < 15, 1.0, 0.0) + rng.normal(0, s, 32)) for s in (0.1, 0.4))
    clear, faint = fall(steps, clear), fall(steps, faint)
    assert faint.high - faint.low > clear.high - clear.low
    assert clear.low <= 8000 <= clear.high
    assert faint.low <= faint.step <= faint.high


def test_the_interval_holds_the_true_step_about_as_often_as_it_says():
    rng, held = np.random.default_rng(2), 0
    for _ in range(100):
        found = fall(steps, np.exp(np.where(np.arange(32) < 15, 1.0, 0.0) + rng.normal(0, 0.4, 32)))
        held += found.step is not None and found.low <= 8000 <= found.high
    assert held >= 85  # 95 in 100 would be exact; a block bootstrap of 32 points is a little short


def test_a_steady_slope_has_no_step_at_which_it_falls_although_its_best_cut_is_the_middle():
    assert fall(steps, np.exp(-np.arange(32) / 10)).step is None
    smooth = 10 + 80 * np.exp(-steps / 3000)
    assert fall(steps, smooth).step is None


def test_a_decline_that_ends_early_is_not_put_in_the_middle_of_the_record():
    early = np.exp(np.concatenate([np.linspace(4.4, 2.2, 8), np.full(24, 2.2)]))
    found = fall(steps, early)
    assert found.high <= 4000


def test_a_change_needs_five_points_before_its_step_and_five_from_it_on():
    found = [step for step in steps if can_change_at(steps, step)]
    assert (found[0], found[-1]) == (steps[5], steps[-5])


def test_a_rise_noise_and_a_constant_are_no_falls():
    assert fall(steps, np.where(np.arange(32) < 15, 8.0, 80.0)).step is None
    assert fall(steps, np.exp(np.random.default_rng(3).normal(0, 1, 32))).step is None
    assert fall(steps, np.full(32, 7.0)).step is None
    assert fall(steps[:19], np.full(19, 7.0)) is None


def test_a_rank_correlation_worked_by_hand():
    first = np.arange(20.0)
    second = first.copy()
    second[[0, 19]] = second[[19, 0]]  # ranks differ by 19 twice: 1 - 6 * 2 * 19**2 / (20 * 399)
    assert rank_correlation(first, second).value == pytest.approx(1 - 6 * 2 * 19**2 / (20 * 399))
    assert rank_correlation(first, np.exp(first)).value == pytest.approx(1)
    assert rank_correlation(first, -first).high < 0
    assert np.isnan(rank_correlation(first, np.ones(20)).value)
    assert rank_correlation(first[:19], first[:19]) is None


def test_two_slow_waves_that_have_nothing_in_common_are_not_called_synchronous():
    # 150 points that drift like random walks: taken as independent, most pairs would pass for correlated.
    rng, apart, naive = np.random.default_rng(4), 0, 0
    for _ in range(40):
        first, second = rng.normal(size=(2, 150)).cumsum(axis=1)
        first, second = (row - np.convolve(row, np.ones(25) / 25, "same") for row in (first, second))
        found = rank_correlation(first, second)
        apart += found.low > 0 or found.high < 0
        naive += abs(found.value) > 1.96 / np.sqrt(149)
    assert apart <= 8 < naive


def test_the_drift_at_an_event_is_compared_with_its_median_between_events():
    drift = np.full(60, 0.1)
    drift[18:23] = 0.5  # the event is place 20
    drift[40] = 9.0
    found = event_drift(drift, 20, others=[40])
    assert (found.ratio, found.usual) == (pytest.approx(5), 0.1)
    # 56 stretches of 5, less the 9 that overlap places 18 to 22; place 40 alone lifts no stretch above five high ones
    assert found.p_value == pytest.approx(1 / 48)
    assert event_drift(np.full(60, 0.1), 20, others=[]).ratio == 1
    assert event_drift(np.full(60, 0.1), 20, others=[]).p_value == 1
    assert event_drift(drift[18:23], 2, others=[]) is None
