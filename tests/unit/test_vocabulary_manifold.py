"""Every readout of the manifold article's claims on a made-up run, worked by hand. g is the first grok step."""

from pathlib import Path

import numpy as np
import pytest
from grokatlas import thresholds
from grokatlas.records import MEASURES, View, read_records
from grokatlas.vocabulary import READOUTS, rows_query
from grokatlas.wording import WORDS, summary
from manifold_records import parts, run, view
from synthetic import frame, series

# Steps 500 to 5,000: g is 2,000, solid at 2,000, 2,500 and 4,500, fallen at 3,000 and 3,500.
ACCURACY = [0.1, 0.1, 0.2, 1.0, 0.99, 0.3, 0.01, 0.7, 1.0, 0.95]
MEASURE = [9, 8, 7, 6, 5, 2, 1, 4, 3, 10]


def read(name, given: View, **arguments):
    found = READOUTS[name](given, **arguments)
    return None if found is None else (found.value, found.step)


def measured(**measures):
    return view(ACCURACY, **(measures or {"mean_norm": MEASURE}))


def test_a_value_at_a_step_and_over_seeds():
    planes = parts(run(), ACCURACY, plane_coset_purity={42: MEASURE, 43: [x + 1 for x in MEASURE], 44: MEASURE})
    given = View(read_records(frame(planes))[0], 1000, 4000)
    assert read("value_at", given, measure="plane_coset_purity", step=1500, index=43) == (8, 1500)
    assert read("value_at", given, measure="plane_coset_purity", step=1501, index=43) is None
    picks = [read("across_seeds", given, measure="plane_coset_purity", pick=p, step=500) for p in ("lowest", "median")]
    assert picks == [(9, 500), (9, 500)]
    assert read("across_seeds", given, measure="plane_coset_purity", pick="highest") == (5, 4000)  # the last one


def test_phases_are_before_the_grok_step_and_solid_or_fallen_from_it_on():
    given = measured()
    assert read("median_in_phase", given, measure="mean_norm", phase="before") == (8, 1500)
    assert read("median_in_phase", given, measure="mean_norm", phase="solid") == (5, 4500)  # 6, 5, 3
    assert read("median_in_phase", given, measure="mean_norm", phase="fallen") == (1.5, 3500)  # 2, 1
    assert read("fallen_over_solid", given, measure="mean_norm") == (0.3, None)
    never = view([0.1] * 10, mean_norm=MEASURE)
    assert read("median_in_phase", never, measure="mean_norm", phase="before") is None
    assert read("fallen_over_solid", view([0.1, 1.0, 1.0], mean_norm=[1, 2, 3]), measure="mean_norm") is None


def test_around_the_grok_step_evaluations_count_at_the_claims_cadence():
    given = measured()
    assert read("at_grok", given, measure="mean_norm", offset=-2) == (8, 1000)
    assert read("at_grok", given, measure="mean_norm", offset=5) == (3, 4500)
    assert read("at_grok", given, measure="mean_norm", offset=-4) is None
    thinned = View(given.record, 1000, 5000)
    assert read("at_grok", thinned, measure="mean_norm", offset=1) == (2, 3000)


def test_after_is_where_the_network_stands_and_not_where_it_has_collapsed():
    given = measured()
    assert read("at_grok", given, measure="mean_norm", offset=3) == (1, 3500)
    assert read("first_solid_after_grok", given, measure="mean_norm", offset=3) == (3, 4500)
    assert read("first_solid_after_grok", given, measure="mean_norm", offset=6) is None
    both = {"measure": "mean_norm", "before": -2, "after": 3}
    assert read("change_across_grok", given, **both) == (1 - 8, 3500)
    assert read("change_across_grok", given, **both, solid=True) == (3 - 8, 4500)


def test_the_first_step_that_reaches_a_value_and_its_distance_from_the_grok_step():
    given = measured(class_bars_1=[0, 0, 1, 0, 1, 1, 1, 1, 1, 1])
    assert read("first_step_reaching", given, measure="class_bars_1", value=1) == (2500, 2500)
    assert read("reached_from_grok", given, measure="class_bars_1", value=1) == (500, 2500)
    assert np.isnan(read("first_step_reaching", given, measure="class_bars_1", value=2)[0])
    assert np.isnan(read("reached_from_grok", given, measure="class_bars_1", value=2)[0])


def test_one_loop_leads_if_it_stands_out_and_is_twice_the_second():
    lengths = {1: [4, 4, 4, 4, 4, 4, 4, 4, 4, 0], 2: [1, 3, 1, 3, 2, 1, 1, 1, 1, 0]}
    given = measured(class_bars_1=[0, 5, 0, 5, 5, 5, 5, 5, 5, 0], class_persistence_1=lengths)
    assert read("loop_lead", given, phase="before") == (0, 1500)  # 0 (does not stand out), 1/4, 0
    assert read("loop_lead", given, phase="solid") == (0.5, 4500)  # 1/4, 1/2, 3/4
    assert read("loop_step", given) == (2500, 2500)
    assert read("loop_from_grok", given) == (500, 2500)


def test_a_loop_at_one_or_two_probes_alone_is_a_flash_and_not_the_first():
    second = [4, 1, 4, 1, 1, 4, 1, 1, 1, 4]  # leads at 1,000, at 2,000 and 2,500, and from 3,500 to 4,500
    bars = [0, 1, 0, 1, 1, 0, 1, 1, 1, 0]
    given = measured(class_bars_1=bars, class_persistence_1={1: [4] * 10, 2: second})
    assert (
        read("loop_step", given) == read("first_step_reaching", given, measure="class_bars_1", value=1) == (3500, 3500)
    )
    assert read("loop_from_grok", given) == (1500, 3500)
    assert read("reached_from_grok", given, measure="class_bars_1", value=1) == (1500, 3500)
    flash = View(given.record, 500, 4000)  # the last stretch is two probes long by then
    assert np.isnan(read("loop_step", flash)[0])
    assert np.isnan(read("first_step_reaching", flash, measure="class_bars_1", value=1)[0])


FALLING = 40  # points of 500 steps; g is 10,000, the middle of the window


def groks_at(place, length=FALLING):
    return np.where(np.arange(length) < place, 0.1, 1.0)


def test_a_fall_at_the_grok_step_coincides_with_it_and_an_earlier_one_does_not():
    wobble = np.exp(0.02 * np.cos(np.arange(FALLING)))
    at, early = (np.where(np.arange(FALLING) < place, 50, 5) * wobble for place in (19, 8))
    found = {name: view(groks_at(19), pca_dimension_95=row) for name, row in (("at", at), ("early", early))}
    gaps = {name: read("fall_gap_to_grok", given, measure="pca_dimension_95")[0] for name, given in found.items()}
    assert gaps == {"at": 0, "early": 10_000 - 4_500}
    for name, step in (("fall_step", 4500), ("fall_low", 4500), ("fall_high", 4500)):
        assert read(name, found["early"], measure="pca_dimension_95") == (step, 4500)
    assert np.isnan(read("fall_step", view(groks_at(19), pca_dimension_95=1 / at), measure="pca_dimension_95")[0])
    assert read("fall_step", view(groks_at(8), pca_dimension_95=at), measure="pca_dimension_95") is None  # 18 points


def test_a_collapse_after_the_grok_step_is_not_taken_for_the_fall():
    dimension = np.where(np.arange(FALLING) < 8, 50.0, 12.0)
    dimension[24:] = 1
    accuracy = np.where(np.arange(FALLING) < 24, groks_at(19), 0.01)
    assert read("fall_step", view(accuracy, pca_dimension_95=dimension), measure="pca_dimension_95") == (4500, 4500)


@pytest.mark.parametrize(("lasting", "found"), [(2, None), (4, None), (5, (0, 10_000))])
def test_a_fall_at_the_grok_step_is_not_judged_where_too_few_points_follow_it(lasting, found):
    # A perfect fall at the grok step; from `lasting` probes after it on, the answers are lost.
    dimension = np.where(np.arange(FALLING) < 19, 50.0, 5.0)
    accuracy = np.where(np.arange(FALLING) < 19 + lasting, groks_at(19), 0.01)
    given = view(accuracy, pca_dimension_95=dimension)
    assert read("fall_gap_to_grok", given, measure="pca_dimension_95") == found


def test_the_share_of_a_fall_around_the_grok_step_is_logarithmic():
    # From 64 to 16 before it, from 16 to 4 across it: half of the fall. Points: first, g - 4 to g - 2, g to g + 5.
    dimension = np.array([64.0, 30, 16, 16, 16, 9, 4, 4, 4, 99, 99])
    accuracy = np.array([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 1, 1, 1, 0.2, 0.2])
    given = view(accuracy, pca_dimension_95=dimension)
    assert read("fall_share_at_grok", given, measure="pca_dimension_95")[0] == pytest.approx(0.5)
    assert np.isnan(
        read("fall_share_at_grok", view(accuracy, pca_dimension_95=1 / dimension), measure="pca_dimension_95")[0]
    )


def entropies(*rows):
    return dict(enumerate(rows))


def test_low_high_medium_is_told_from_other_shapes_by_medians():
    accuracy = [0.1] * 9 + [1.0] * 6  # g is place 9: early places 0 to 2 (a third of the way), eve 6 to 8, after 9 on
    hump = [0.1] * 3 + [0.3] * 3 + [0.6, 0.5, 0.6] + [0.4] * 6
    given = view(accuracy, attention_entropy=entropies(hump, hump, hump, hump))
    assert read("entropy_shape", given)[0] == pytest.approx(0.2)  # 0.6 - 0.4 against 0.4 - 0.1
    for flat in ([0.4] * 15, [0.69] * 3 + [0.5] * 6 + [0.4] * 6, list(np.linspace(0.1, 0.6, 15))):
        assert read("entropy_shape", view(accuracy, attention_entropy=entropies(*[flat] * 4)))[0] <= 0


def test_rounding_on_a_plateau_is_neither_a_shape_nor_a_peak_and_a_bump_is_both():
    rise = np.concatenate([np.linspace(0.6, 0.69, 6), np.full(14, 0.69)])
    noise = 1e-9 * np.exp(-np.abs(np.arange(20) - 8))  # highest on the eve, as low, high, medium
    flat = view(groks_at(9, 20), attention_entropy=entropies(rise + noise))
    assert 0 < read("entropy_shape", flat)[0] < 1e-8 < thresholds.ENTROPY_GAP
    assert np.isnan(read("entropy_peak_over_grok", flat)[0])
    bump = rise - np.where(np.arange(20) >= 9, 0.05, 0)
    real = view(groks_at(9, 20), attention_entropy=entropies(bump))
    assert read("entropy_shape", real)[0] >= thresholds.ENTROPY_GAP
    assert read("entropy_peak_over_grok", real)[0] < 1


def test_a_layers_entropy_is_the_mean_of_its_heads():
    hump = np.array([0.1] * 3 + [0.3] * 3 + [0.6] * 3 + [0.4] * 6)
    heads = entropies(*[hump] * 4, *[0 * hump] * 2, *[2 * hump] * 2)  # the run has 4 heads a layer
    given = view([0.1] * 9 + [1.0] * 6, attention_entropy=heads)
    for arguments in ({}, {"layer": 0}, {"layer": 1}):
        assert read("entropy_shape", given, **arguments)[0] == pytest.approx(0.2)
    assert read("entropy_shape", given, layer=2) is None


def test_the_entropy_peak_is_told_from_a_single_high_value():
    values = np.full(20, 0.3)
    values[2] = 0.69  # one noisy value
    values[6:9] = 0.5
    given = view(groks_at(9, 20), attention_entropy=entropies(values))
    assert read("entropy_peak_over_grok", given) == (3500 / 5000, 3500)


def test_the_correlation_with_the_accuracy_may_start_at_the_grok_step():
    accuracy = np.concatenate([np.full(10, 0.1), np.tile([1.0, 0.95, 0.2, 0.4], 10)])
    norm = np.concatenate([np.full(10, 20.0), 10 * accuracy[10:]])
    given = view(accuracy, mean_norm=norm)
    assert read("rank_correlation", given, measure="mean_norm", since_grok=True)[0] == pytest.approx(1)
    assert read("rank_correlation", given, measure="mean_norm")[0] < 0.9
    assert read("rank_correlation_low", given, measure="mean_norm", since_grok=True)[0] > 0.9


def test_times_to_an_accuracy_say_never_and_later_apart():
    given = measured()
    assert read("time_to_accuracy", given, level=0.99) == read("first_step_at", given, level=0.99) == (2000, 2000)
    never = view([0.1, 0.95])
    assert read("time_to_accuracy", never, level=0.99) == (np.inf, None)
    assert np.isnan(read("first_step_at", never, level=0.99)[0])
    assert read("reaches_accuracy", never, level=0.99) == (0, None)
    assert read("reaches_accuracy", never, level=0.9) == (1, 1000)


def test_stuck_is_told_from_a_low_last_evaluation():
    assert read("low_stretch_at_end", view([0.1, 1.0, 1.0, 0.3])) == (500, 2000)
    assert read("low_stretch_at_end", view([0.1, 1.0, 0.2, 0.3])) == (1000, 2000)
    assert read("low_stretch_at_end", view([0.1, 0.1])) == (1000, 1000)
    assert read("low_stretch_at_end", view([0.1, 1.0])) is None
    assert read("share_below_grok_since_grok", view([0.1, 1.0, 0.3, 1.0, 0.95]))[0] == 0.25
    assert read("share_below_grok_since_grok", view([0.1, 0.3])) is None


def drifting(operation, cadence=500, **rings):
    """A run that groks at 10,000; its drift is 0.1, and 0.4 from two probes before to two after 10,000 and 40,000."""
    length = 100_000 // cadence
    steps = cadence * np.arange(1, length + 1)
    near = np.abs(steps[:, None] - [10_000, 40_000]).min(axis=1) <= 2 * cadence
    given = parts(run(operation), np.where(steps < 10_000, 0.1, 1.0), cadence)
    given.append(series(run(operation), "drift", "cka_drift", steps[1:], np.where(near, 0.4, 0.1)[1:]))
    ring = np.where((steps >= 40_000) & (steps < 80_000), 1.0, 0.0)
    probe, metric, strides = ("ring", "ring_stride", 48) if operation == "addition" else rings["outer"]
    for s in range(1, strides + 1):
        given.append(series(run(operation), probe, metric, steps, ring if s == 5 else 0 * ring, index=s))
    return View(read_records(frame(given))[0], 500, 100_000)


@pytest.mark.parametrize("operation", ["addition", "multiplication"])
def test_drift_is_read_at_the_grok_step_the_first_lock_and_the_collapse_of_a_ring(operation):
    given = drifting(operation, outer=("strides_12x8", "outer_stride", 6))
    for event, step, ratio in (("grok", 10_000, 4), ("lock", 40_000, 4), ("collapse", 80_000, 1)):
        found = read("drift_ratio", given, measure="cka_drift", event=event)
        assert found == (pytest.approx(ratio), step)
    assert read("drift_p_value", given, measure="cka_drift", event="grok")[0] < 0.02
    assert read("drift_p_value", given, measure="cka_drift", event="collapse")[0] > 0.9


def test_drift_over_another_spacing_is_not_read():
    assert read("drift_ratio", drifting("addition", cadence=1000), measure="cka_drift", event="grok") is None
    assert read("drift_ratio", drifting("addition", cadence=250), measure="cka_drift", event="grok") is None


def test_steps_at_which_a_measure_has_no_value_are_left_out_of_its_phases():
    values = [9, 8, 7, np.nan, 5, 2, 1, 4, 3, 10]
    given = view(ACCURACY, twonn_dimension=values)
    assert read("median_in_phase", given, measure="twonn_dimension", phase="solid") == (4, 4500)
    assert read("median_in_phase", given, measure="twonn_dimension", phase="before") == (8, 1500)


def test_every_readout_has_words_in_tables_and_a_definition_in_the_docs():
    docs = (Path(__file__).parents[2] / "docs" / "verdicts.md").read_text()
    assert set(WORDS) == set(READOUTS)
    for name in vars(thresholds):
        assert not name.isupper() or name in docs, name
    new = list(READOUTS)[list(READOUTS).index("time_to_accuracy") :]
    assert [name for name in new if name not in docs and name.removeprefix("rank_correlation") not in docs] == []


def test_a_fall_without_a_step_is_not_called_never_and_other_readouts_are():
    assert summary("fall_step", [np.nan], True, {}) == "falls at step: no single step"
    gaps = summary("fall_gap_to_grok", [0.0, np.nan], True, {})
    assert gaps == "steps from there to the grok step: 0, no single step in 1 of 2 runs"
    assert summary("loop_step", [np.nan], True, {}) == "lasting from step: never"
    assert summary("fall_step", [np.nan], False, {}) == "falls at step: not by then"


def test_a_query_picks_the_measures_rows_and_the_accuracies_that_say_when():
    rows = frame(parts(run(), ACCURACY, mean_norm=MEASURE, std=MEASURE))
    for name, arguments, metrics in (
        ("value_at", {"measure": "std"}, ["std"]),
        ("median_in_phase", {"measure": "std", "phase": "solid"}, ["accuracy", "std"]),
        ("time_to_accuracy", {"level": 0.9}, ["accuracy"]),
    ):
        assert sorted(rows.query(rows_query(name, arguments))["metric"].unique()) == metrics
    for measure, probe in MEASURES.items():
        assert f"probe == '{probe}'" in rows_query("at_grok", {"measure": measure})
    assert "class_persistence_1" in rows_query("loop_step", {})
