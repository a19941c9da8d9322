"""A verdict follows from the runs by the rules of docs/verdicts.md, and a faulty claims file says what is wrong."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from grokatlas.claims import load_claims
from grokatlas.errors import GrokatlasError
from grokatlas.intervals import wilson
from grokatlas.verdicts import judge
from synthetic import STRIDES, frame, run_columns, series, synthetic_metrics

CLAIMS = Path(__file__).parents[2] / "resources" / "claims.yaml"
GROKS = {"readout": "first_grok_step", "compare": "occurs"}
NEVER_GROKS = {"readout": "first_grok_step", "compare": "never"}
FULL = 0.1 * np.ones(10)


def claim(**changes):
    return {
        "id": "c",
        "table": "N7",
        "statement": "s",
        "source": "somewhere",
        "published": "p",
        "population": "small",
        "horizon": 10_000,
        "cadence": 1000,
        "quantifier": "always",
        "predicate": GROKS,
        **changes,
    }


def load(tmp_path, *claims, **populations):
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump({"populations": {"small": {"layers": 2}, **populations}, "claims": list(claims)}))
    return load_claims(path)


def accuracy(values, seed, weight_decay=2.0, cadence=1000):
    steps = cadence * np.arange(1, len(values) + 1)
    return series(run_columns(weight_decay, seed), "evaluation", "accuracy", steps, values)


def grok(seed, length=10, **more):
    return accuracy(np.where(np.arange(length) == 2, 0.95, 0.1), seed, **more)


def no_grok(seed, length=10, **more):
    return accuracy(np.full(length, 0.1), seed, **more)


def verdict(tmp_path, given, *parts):
    return judge(load(tmp_path, given), frame(parts)).iloc[0]


def test_wilson_needs_four_unanimous_runs_to_exceed_one_half():
    assert wilson(4, 4)[0] == pytest.approx(0.51, abs=0.005)
    assert wilson(3, 3)[0] == pytest.approx(0.44, abs=0.005)
    assert wilson(0, 4)[1] == pytest.approx(1 - wilson(4, 4)[0])
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_always_is_contradicted_by_one_run_and_reproduced_by_four(tmp_path):
    four = [grok(seed) for seed in range(4)]
    assert verdict(tmp_path, claim(), *four).verdict == "reproduced"
    assert verdict(tmp_path, claim(), *four[:3]).verdict == "undecided"
    found = verdict(tmp_path, claim(), *four, no_grok(9))
    assert (found.verdict, found.true, found.false, found.open) == ("contradicted", 4, 1, 0)
    assert "s9-9-9" in found.false_in


def test_typically_compares_the_share_of_runs_with_one_half(tmp_path):
    given = claim(quantifier="typically")
    assert verdict(tmp_path, given, *map(grok, range(4))).verdict == "reproduced"
    assert verdict(tmp_path, given, *map(no_grok, range(4))).verdict == "contradicted"
    mixed = verdict(tmp_path, given, *map(grok, range(3)), *map(no_grok, range(3, 6)))
    assert (mixed.verdict, mixed.share_true) == ("undecided", 0.5)
    assert (mixed.wilson_low, mixed.wilson_high) == pytest.approx(wilson(3, 6))


def test_exists_is_reproduced_by_one_run_and_otherwise_gives_the_upper_bound(tmp_path):
    given = claim(quantifier="exists")
    assert verdict(tmp_path, given, no_grok(1), grok(2)).verdict == "reproduced"
    none = verdict(tmp_path, given, no_grok(1), no_grok(2))
    assert none.verdict == "undecided"
    assert f"below {wilson(0, 2)[1]:.2f}" in none.reason


def test_a_short_record_leaves_the_claim_missing_unless_it_decides_early(tmp_path):
    short = [grok(seed, length=5) for seed in range(4)]
    missing = verdict(tmp_path, claim(), *short)
    assert (missing.verdict, missing.open) == ("missing", 4)
    assert "5,000 of 10,000" in missing.reason
    assert verdict(tmp_path, claim(decided_early=True), *short).verdict == "reproduced"
    early = verdict(tmp_path, claim(predicate=NEVER_GROKS, decided_early=False), grok(1, length=5))
    assert (early.verdict, early.false) == ("contradicted", 1)


def test_short_runs_that_can_decide_one_way_only_do_not_tilt_the_share(tmp_path):
    given = claim(quantifier="typically", decided_early=True)
    short = [grok(seed, length=5) for seed in range(4)]
    still_open = [no_grok(seed, length=5) for seed in range(10, 14)]
    assert verdict(tmp_path, given, *short, *still_open).verdict == "undecided"
    complete = verdict(tmp_path, given, *short, *still_open, *map(no_grok, range(20, 24)))
    assert (complete.verdict, complete.counted) == ("contradicted", 4)


def test_a_claim_without_runs_is_missing_and_an_untestable_one_says_why(tmp_path):
    assert verdict(tmp_path, claim(where={"weight_decay": 1.5}), grok(1)).verdict == "missing"
    reason = claim(untestable="no measure")
    del reason["predicate"]
    found = verdict(tmp_path, reason, grok(1))
    assert (found.verdict, found.reason) == ("untestable", "no measure")


def test_a_diverged_run_is_read_up_to_the_divergence_and_named(tmp_path):
    diverged = series(run_columns(2.0, 1), "evaluation", "diverged", [4000], [1.0], None)
    found = verdict(tmp_path, claim(predicate=NEVER_GROKS), no_grok(1), diverged)
    assert (found.verdict, found.open) == ("missing", 1)
    assert "Diverged" in found.reason


def test_a_finer_record_is_read_at_the_claims_cadence_and_a_coarser_one_is_not_read(tmp_path):
    flash = np.where(np.arange(20) == 4, 0.95, 0.1)  # at step 2,500: between two evaluations of the claim
    assert verdict(tmp_path, claim(), accuracy(flash, 1, cadence=500)).verdict == "contradicted"
    assert verdict(tmp_path, claim(), grok(1, cadence=2000)).verdict == "missing"


def test_seeds_are_paired_between_two_settings(tmp_path):
    given = claim(
        quantifier="typically",
        where={"weight_decay": 2.0},
        predicate={**GROKS, "compare": "<", "than": {"weight_decay": 1.5}},
    )
    early, late = grok, lambda seed, **more: accuracy(np.where(np.arange(10) == 7, 0.95, 0.1), seed, **more)
    sooner = [part for seed in range(4) for part in (early(seed), late(seed, weight_decay=1.5))]
    assert verdict(tmp_path, given, *sooner).verdict == "reproduced"
    other_way = [part for seed in range(4) for part in (late(seed), early(seed, weight_decay=1.5))]
    found = verdict(tmp_path, given, *other_way)
    assert found.verdict == "contradicted"
    assert len(frame(other_way).query(found["query"])) == 80  # both partners' rows
    assert verdict(tmp_path, given, early(1), late(2, weight_decay=1.5)).verdict == "missing"
    assert verdict(tmp_path, given, no_grok(1), late(1, weight_decay=1.5)).verdict == "missing"


def ring(seed, side, stride_scores, weight_decay=2.0):
    size = 12 if side == "outer" else 8
    length = len(next(iter(stride_scores.values())))
    steps = 10_000 * np.arange(1, length + 1)
    run, flat = run_columns(weight_decay, seed), np.zeros(length)
    return [
        series(run, STRIDES, f"{side}_stride", steps, stride_scores.get(s, flat), index=s)
        for s in range(1, size // 2 + 1)
    ]


def test_which_ring_locks_first_is_final_once_seen_and_also_judged_by_ring_class(tmp_path):
    steps = {"horizon": 1_000_000, "cadence": 10_000, "quantifier": "typically", "decided_early": "either"}
    arguments = {"side": "outer"}
    stride = claim(
        **steps, predicate={"readout": "first_lock_stride", "arguments": arguments, "compare": "==", "to": 1}
    )
    ring_class = claim(**steps, predicate={**stride["predicate"], "readout": "first_lock_class"})
    parts = [part for seed in range(4) for part in ring(seed, "outer", {5: np.array([0, 1, 1, 1, 0, 0.0])})]
    assert verdict(tmp_path, stride, *parts).verdict == "contradicted"
    assert verdict(tmp_path, ring_class, *parts).verdict == "reproduced"
    nothing_yet = [part for seed in range(4) for part in ring(seed, "outer", {5: np.array([0, 1, 1, 0.0])})]
    assert verdict(tmp_path, stride, *nothing_yet).verdict == "missing"


def test_a_ring_that_stands_to_the_end_did_not_collapse_in_time_and_one_that_never_locked_neither(tmp_path):
    given = claim(
        horizon=60_000,
        cadence=10_000,
        predicate={"readout": "collapse_step", "arguments": {"side": "outer"}, "compare": "<=", "to": 50_000},
    )
    for scores, truth in (([1, 1, 1, 0, 0, 0], 1), ([1, 1, 1, 1, 1, 1], 0), ([0, 0, 0, 0, 0, 0], 0)):
        found = verdict(tmp_path, given, *ring(1, "outer", {2: np.array(scores, float)}))
        assert (found.true, found.false) == (truth, 1 - truth)


def test_points_become_one_claim_each_with_its_own_horizon(tmp_path):
    given = claim(
        cadence=10_000,
        quantifier="typically",
        predicate={"readout": "score_at", "arguments": {"side": "inner", "stride": 4}, "compare": "near",
                   "tolerance": "SCORE_TOLERANCE"},
        points={10_000: 0.75, 20_000: 0.25, 90_000: 0.5},
    )  # fmt: skip
    del given["horizon"]
    found = judge(load(tmp_path, given), frame(ring(1, "inner", {4: np.array([0.8, 0.8, 0.8])})))
    assert found["claim"].tolist() == ["c-10000", "c-20000", "c-90000"]
    assert found["true"].tolist() == [1, 0, 0]
    assert found["verdict"].tolist() == ["undecided", "undecided", "missing"]


def test_every_verdict_leads_to_its_rows_by_one_query():
    metrics = synthetic_metrics(weight_decays=(1.5, 2.0), last_step=20_000)
    found = judge(load_claims(CLAIMS), metrics).set_index("claim")
    rows = metrics.query(found.loc["n4-scan-outer-20000", "query"])
    assert rows[["metric", "index", "step", "weight_decay"]].to_numpy().tolist() == [["outer_stride", 2.0, 20_000, 2.0]]
    for name in ("n7-wd2.0-groks", "n5-wd1.5-stride", "n3-1-inner", "n9-small-no-coexistence"):
        assert len(metrics.query(found.loc[name, "query"])) > 0
    assert found.loc["n7-wd2.0-groks", "true_in"].startswith("multiplication97-L2d128h4-wd2.0-s42-42-42 at ")


def test_every_claim_of_the_resources_parses_and_judges_on_a_long_record():
    metrics = synthetic_metrics((2.0, 1.5), last_step=1_000_000, evaluation_cadence=5000, probe_cadence=50_000)
    found = judge(load_claims(CLAIMS), metrics)
    assert set(found["verdict"]) <= {"reproduced", "contradicted", "undecided", "untestable", "missing"}
    assert len(found) == found["claim"].nunique()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"predicate": {**GROKS, "readout": "first_grock_step"}}, "first_grock_step"),
        ({"predicate": {**GROKS, "compare": "happens"}}, "happens"),
        ({"predicate": {**GROKS, "arguments": {"splitt": "test"}}}, "splitt"),
        ({"predicate": {**GROKS, "arguments": {"split": "validation"}}}, "validation"),
        ({"predicate": {"readout": "accuracy_at", "compare": "occurs"}}, "'step'"),
        ({"predicate": {"readout": "accuracy_at", "arguments": {"step": "1M"}, "compare": "occurs"}}, "1M"),
        ({"predicate": {**GROKS, "compare": "<", "to": "GROCK"}}, "GROCK"),
        ({"predicate": {**GROKS, "compare": "<"}}, "1 number"),
        ({"predicate": {**GROKS, "compare": "near", "to": 1}}, "tolerance"),
        ({"quantifier": "mostly"}, "mostly"),
        ({"population": "tiny"}, "tiny"),
        ({"where": {"weight_decy": 1.0}}, "weight_decy"),
        ({"horizont": 5}, "horizont"),
        ({"horizon": 0}, "horizon"),
        ({"decided_early": "maybe"}, "maybe"),
        ({"untestable": "both"}, "either a predicate or"),
    ],
)
def test_a_misspelt_claim_is_refused_with_one_line_that_names_claim_and_culprit(tmp_path, changes, words):
    with pytest.raises(GrokatlasError, match=words) as error:
        load(tmp_path, claim(**changes))
    assert "claim 'c'" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_claims_file_that_is_no_yaml_or_repeats_an_id_is_refused(tmp_path):
    with pytest.raises(GrokatlasError, match="used twice"):
        load(tmp_path, claim(), claim())
    broken = tmp_path / "broken.yaml"
    broken.write_text("claims: [\n")
    with pytest.raises(GrokatlasError, match=r"broken\.yaml") as error:
        load_claims(broken)
    assert "\n" not in str(error.value)
