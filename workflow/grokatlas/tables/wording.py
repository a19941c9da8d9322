"""How a table says a number: percent, steps, strides, and what never happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from math import isfinite, isnan

import numpy as np

Say = Callable[[float], str]


def percent(value: float) -> str:
    """An accuracy or a share, e.g. 89.6%."""
    return f"{100 * value:.1f}%"


def points(value: float) -> str:
    """A difference of accuracies, in percentage points."""
    return f"{100 * value:+.1f} points"


def score(value: float) -> str:
    """A stride score, three decimals."""
    return f"{value:.3f}"


def p_value(value: float) -> str:
    """A p-value, two digits."""
    return f"{value:.2g}"


def signed(value: float) -> str:
    """A difference of scores, three decimals with its sign."""
    return f"{value:+.3f}"


def whole(value: float) -> str:
    """Steps, strides or counts; halves, which a median of two can give, are kept."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


# readout -> what it is called beside its number, and how the number is written
WORDS: dict[str, tuple[str, Say]] = {
    "accuracy_at": ("", percent),
    "score_at": ("", score),
    "pca_at": ("", whole),
    "median_last_20_percent": ("median of the last fifth", percent),
    "low_last_20_percent": ("its 5% quantile", percent),
    "high_last_20_percent": ("its 95% quantile", percent),
    "first_grok_step": ("first >= 0.9 at step", whole),
    "share_at_least_99": ("evaluations >= 0.99", percent),
    "longest_unbroken_99": ("longest stretch >= 0.99, steps", whole),
    "oscillations": ("falls from >= 0.9 to < 0.5", whole),
    "lowest_accuracy": ("lowest", percent),
    "highest_accuracy": ("highest", percent),
    "median_difference": ("difference of medians", points),
    "regime_change_step": ("change point at step", whole),
    "lowest_accuracy_around_collapse": ("lowest", percent),
    "lowest_score": ("lowest", score),
    "highest_score": ("highest", score),
    "median_score": ("median", score),
    "score_trend": ("second half minus first half", signed),
    "median_p_value": ("median p-value of the best stride", p_value),
    "first_lock_step": ("first lock of any stride at step", whole),
    "first_lock_stride": ("stride of the first lock", whole),
    "first_lock_class": ("rings of the first lock", whole),
    "lock_steps": ("longest lock, steps", whole),
    "collapse_step": ("collapse at step", whole),
    "takeover_stride": ("stride that has taken over", whole),
    "leading_stride": ("leading stride of the last 40% of probes", whole),
    "tail_score": ("median of the last 40% of probes", score),
    "coexistence_steps": ("longest, steps", whole),
}


NOMINAL = {"first_lock_stride", "first_lock_class", "takeover_stride", "leading_stride"}


def middle(readout: str, values: Sequence[float]) -> float:
    """One number for several runs: the median, or the most frequent for strides, between which there is no middle."""
    if readout not in NOMINAL:
        return float(np.median(values))
    return max(sorted(set(values)), key=list(values).count)


def _spread(readout: str, happened: Sequence[float], say: Say) -> str:
    if readout in NOMINAL:
        counts = Counter(happened).most_common()
        if len(counts) == 1:
            return say(counts[0][0])
        return ", ".join(f"{say(value)} in {count} of {len(happened)} runs" for value, count in counts)
    said = say(middle(readout, happened))
    return said if min(happened) == max(happened) else f"{said} [{say(min(happened))} to {say(max(happened))}]"


def summary(readout: str, values: Sequence[float], finished: bool) -> str:
    """Median and range of a readout over runs (strides: how many runs have which), in words.

    `values`: float [n]; NaN is what never happened, infinity what had not happened by the record's end. `finished`: the
    records reach the horizon, so that NaN may be called "never".
    """
    label, say = WORDS[readout]
    happened = [value for value in values if isfinite(value)]
    absent = len(values) - len(happened)
    no = "never" if finished and any(map(isnan, values)) else "not by then"
    said = _spread(readout, happened, say) if happened else no
    if happened and absent:
        said += f", {no} in {absent} of {len(values)} runs"
    return f"{label}: {said}" if label else said
