"""Is inner stride 4 anything but the weight on frequencies 2 mod 4, and does "gcd" predict other splits?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from ..tasks import CosetSplit
from .base import MISSING_ANSWER, Lead, after_grok, scores, share, small_runs, spread

SHADOW = "Is inner stride 4 anything but the weight on frequencies 2 mod 4?"
SHADOW_QUERY = "probe == 'strides_12x8' and metric in ('inner_stride', 'inner_power', 'inner_predicted_stride')"
GCD = 'Does "4 because gcd(12, 8) = 4" predict the inner stride on the other splits 96 = n m of the same models?'
GCD_QUERY = "probe.str.startswith('strides_') and metric == 'inner_stride'"


def frequency_share(power: pd.DataFrame) -> pd.Series:
    """Share of the inner ring's power on frequency 2 of 8, onto which every frequency 2 mod 4 of Z96 folds."""
    return power[2] / power.sum(axis=1)


def shadow(metrics: pd.DataFrame) -> Lead:
    """Inner score of stride 4 against the power share, and the predicted stride against the observed best."""
    rows, right, probes = [], 0, 0
    for run in small_runs(metrics):
        inner, power = scores(run, "inner"), after_grok(run, run.table("strides_12x8", "inner_power"))
        predicted = run.series("strides_12x8", "inner_predicted_stride")
        predicted = after_grok(run, pd.DataFrame({"stride": predicted.values}, index=predicted.steps))["stride"]
        if len(inner) < 10:
            continue
        weight, best = frequency_share(power), inner.idxmax(axis=1)
        agree = int((best == predicted.reindex(best.index)).sum())
        right, probes = right + agree, probes + len(best)
        rows.append(
            {
                "run": run.run,
                "probes": len(inner),
                "rank correlation of the score of stride 4 with the power share": float(spearmanr(inner[4], weight)[0]),
                "probes with a score of stride 4 >= 0.5": int((inner[4] >= 0.5).sum()),
                "of these, power share >= 0.5": int(((inner[4] >= 0.5) & (weight >= 0.5)).sum()),
                "best stride as the spectrum predicts": agree,
            }
        )
    if not rows:
        return Lead(SHADOW, MISSING_ANSWER)
    table = pd.DataFrame(rows)
    correlation = table.iloc[:, 2].dropna()
    high, heavy = int(table.iloc[:, 3].sum()), int(table.iloc[:, 4].sum())
    answer = (
        f"Over {len(rows)} runs the score of inner stride 4 follows the power on frequencies 2 mod 4 with a rank "
        f"correlation of {spread(correlation, '.2f')} (median and range over runs, after grokking). Where stride "
        f"4 scores 0.5 or more, these frequencies hold at least half of the inner power at {share(heavy, high)} of the "
        f"probes. The stride that the spectrum predicts has the best score at {share(right, probes)} of all probes. "
    )
    answer += (
        "It is a shadow of the spectrum." if correlation.median() > 0.7 else "The spectrum explains only part of it."
    )
    return Lead(SHADOW, answer, table, "spectrum", SHADOW_QUERY)


def gcd_prediction(metrics: pd.DataFrame) -> Lead:
    """How often each split's best inner stride is gcd(outer, inner), beside the stride that wins most often."""
    runs, rows = small_runs(metrics), []
    names = sorted({p.removeprefix("strides_") for p in metrics["probe"].unique() if p.startswith("strides_")})
    for split in (CosetSplit(*map(int, name.split("x"))) for name in names):
        if split.inner < 3:
            continue
        best = [table.idxmax(axis=1) for run in runs if len(table := scores(run, "inner", split.name))]
        if not best:
            continue
        counts = pd.concat(best).value_counts()
        predicted, strides, total = int(np.gcd(split.outer, split.inner)), split.inner // 2, int(counts.sum())
        rows.append(
            {
                "split": split.name,
                "gcd": predicted,
                "probes": total,
                "best stride is the gcd": int(counts.get(predicted, 0)),
                "share": counts.get(predicted, 0) / total,
                "share if each stride won equally often": 1 / strides,
                "stride that wins most often": int(counts.idxmax()),
                "its share": float(counts.max() / total),
            }
        )
    if not rows:
        return Lead(GCD, MISSING_ANSWER)
    table = pd.DataFrame(rows)
    testable = table[table["share if each stride won equally often"] < 1]
    right = testable[testable["stride that wins most often"] == testable["gcd"]]
    said = "; ".join(
        f"{row['split']} (gcd {row['gcd']}): {100 * row['share']:.0f}%, most often {row['stride that wins most often']}"
        for row in testable.to_dict("records")
    )
    answer = (
        f"Share of probes after grokking whose best inner stride is the gcd, and the stride that wins most often: "
        f"{said}. "
        f"The gcd is the most frequent winner on {len(right)} of {len(testable)} splits with more than one stride."
    )
    return Lead(GCD, answer, table, "", GCD_QUERY)
