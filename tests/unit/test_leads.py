"""Leads on hand-made records whose answers are known."""

import numpy as np
import pandas as pd
import pytest
from grokatlas.leads import follow_leads
from grokatlas.leads.base import small_runs
from grokatlas.leads.failures import excursions, stuck, weight_decay_one
from grokatlas.leads.loops import lead as loops
from grokatlas.leads.ring_deaths import lead as ring_deaths
from grokatlas.leads.ring_variance import lead as ring_variance
from grokatlas.leads.stride_choice import agreement, dominant
from synthetic import STRIDES, frame, run_columns, series

STEPS = np.arange(500, 10_500, 500)


def run_rows(weight_decay=2.0, seed=42, accuracy=None, stride=2, score=None, share=0.1):
    """One run: its accuracy curve, one outer stride's score (the others 0) and the variance between cosets."""
    run = run_columns(weight_decay, seed, 2, 128, 4)
    accuracy = np.ones(len(STEPS)) if accuracy is None else accuracy
    score = np.ones(len(STEPS)) if score is None else score
    parts = [series(run, "evaluation", "accuracy", STEPS, accuracy, "test")]
    for s in range(1, 7):
        values = score if s == stride else np.zeros(len(STEPS))
        parts.append(series(run, STRIDES, "outer_stride", STEPS, values, index=s, baseline=2 / 11))
    for name in ("cosets", "labels"):
        values = np.full(len(STEPS), share)
        parts.append(series(run, STRIDES, f"variance_share_{name}", STEPS, values, baseline=0.002))
    return parts


def test_without_runs_every_lead_says_so():
    empty = frame(run_rows()).iloc[:0]
    assert all("No run" in lead.answer for lead in follow_leads(empty))


def test_the_dominant_ring_is_a_class_so_strides_1_and_5_are_one():
    five = dominant(small_runs(frame(run_rows(stride=5)))[0])
    assert (five["stride most often perfect"], five["rings (gcd)"]) == (5, 1)


def test_agreement_counts_pairs_within_groups_and_tells_order_from_chance():
    groups = [1.0] * 4 + [2.0] * 4
    assert agreement(groups, [1, 1, 1, 1, 2, 2, 2, 2])[:2] == (12, 12)
    assert agreement(groups, [1, 1, 1, 1, 2, 2, 2, 2])[2] == pytest.approx(2 / 70, abs=0.01)  # 2 of the 70 deals
    assert agreement(groups, [1, 1, 2, 2, 1, 1, 2, 2])[2] > 0.5
    assert agreement([1.0, 2.0], [1, 1]) == (0, 0, 1.0)


def test_a_ring_that_dies_at_each_dip_is_seen_to():
    score, accuracy = np.ones(len(STEPS)), np.ones(len(STEPS))
    score[10:12], accuracy[10] = 0.0, 0.2
    table = ring_deaths(frame(run_rows(score=score, accuracy=accuracy))).table.iloc[0]
    assert (table["ring deaths"], table["deaths at a dip"], table["with a dip below 0.9"]) == (1, 1, 2)


def test_the_variance_is_read_at_perfect_rings_only():
    score = np.where(STEPS > 5000, 1.0, 0.3)
    found = ring_variance(frame(run_rows(score=score, share=0.04)))
    assert found.table.iloc[0]["perfect probes"] == 10
    assert "4.0 (4.0 to 4.0)%" in found.answer and "100% of these" in found.answer


def test_excursions_near_30_percent_end_at_the_next_grokked_evaluation_or_with_the_record():
    curve = pd.Series([1.0, 0.3, 0.7, 0.4, 0.95, 0.3], index=[0, 10, 20, 30, 40, 50])
    assert excursions(curve, 0) == [(10, 30), (50, None)]
    # 0.05 is a collapse, not "30%": it starts no excursion.
    assert excursions(pd.Series([1.0, 0.05, 1.0], index=[0, 10, 20]), 0) == []


def test_stuck_and_first_grok_answers_carry_the_numbers():
    accuracy = np.where(STEPS < 3000, 0.1, 1.0)
    accuracy[12] = 0.3
    metrics = frame(run_rows(weight_decay=1.0, accuracy=accuracy))
    assert "3,000 (3,000 to 3,000)" in weight_decay_one(metrics).answer
    assert "1 of 1 (100%) they came back" in stuck(metrics).answer and "500 (500 to 500)" in stuck(metrics).answer


def test_a_loop_that_stands_only_where_the_answers_are_lost_is_told_from_one_where_they_are_right():
    run, right = run_columns(1.0, 42, 2, 128, 4), np.arange(len(STEPS)) < 12
    curve = np.where(np.arange(len(STEPS)) < 4, 0.1, np.where(right, 1.0, 0.2))
    parts = [series(run, "evaluation", "accuracy", STEPS, curve, "test")]
    for rank, length in ((1, np.full(len(STEPS), 4.0)), (2, np.where(right, 3.9, 1.0))):
        parts.append(series(run, "topology", "class_persistence_1", STEPS, length, index=rank))
    parts.append(series(run, "topology", "class_bars_1", STEPS, np.ones(len(STEPS))))
    found = loops(frame(parts))
    assert "at 0 of 4 (0%) of the probes before" in found.answer
    assert "at 0 of 8 (0%) of those where the answers are right, and at 8 of 8 (100%)" in found.answer
