"""How a table says a number: percent, steps, strides, and what never happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import isfinite, isnan
from typing import Any

import numpy as np

from .intervals import wilson

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


def number(value: float) -> str:
    """A dimension, count or ratio: four significant digits."""
    return f"{value:,.4g}"


def nats(value: float) -> str:
    """A difference of entropies."""
    return f"{value:+.2g} nats"


def difference(value: float) -> str:
    """A difference of dimensions or counts, with its sign."""
    return f"{value:+,.4g}"


# readout -> what it is called beside its number (with its arguments in braces), and how the number is written
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
    "time_to_accuracy": ("at step", whole),
    "first_step_at": ("at step", whole),
    "reaches_accuracy": ("groks", percent),
    "share_below_grok_since_grok": ("evaluations below 0.9 since", percent),
    "low_stretch_at_end": ("below 0.9 at the end for, steps", whole),
    "value_at": ("", number),
    "across_seeds": ("{pick} over seeds", number),
    "median_in_phase": ("median {phase}", number),
    "fallen_over_solid": ("ratio of medians", number),
    "at_grok": ("{offset:+d} evaluations from the grok step", number),
    "first_solid_after_grok": ("solid, {offset:+d} or more", number),
    "change_across_grok": ("difference", difference),
    "first_step_reaching": ("lasting from step", whole),
    "reached_from_grok": ("steps after the grok step", whole),
    "loop_lead": ("lead {phase}", percent),
    "loop_step": ("lasting from step", whole),
    "loop_from_grok": ("steps after the grok step", whole),
    "rank_correlation": ("rank correlation", signed),
    "rank_correlation_low": ("its interval from", signed),
    "rank_correlation_high": ("to", signed),
    "fall_step": ("falls at step", whole),
    "fall_low": ("its interval from", whole),
    "fall_high": ("to", whole),
    "fall_gap_to_grok": ("steps from there to the grok step", whole),
    "fall_share_at_grok": ("share of the fall", percent),
    "entropy_shape": ("smaller of rise and fall", nats),
    "entropy_peak_over_grok": ("peak at this part of the way to the grok step", number),
    "drift_ratio": ("times the drift between events", number),
    "drift_p_value": ("p-value", p_value),
}


SHARES = {"reaches_accuracy"}  # 1 or 0 a run
NOMINAL = {"first_lock_stride", "first_lock_class", "takeover_stride", "leading_stride"}

# What a table says for NaN, where it is not that something never happened: a measure may fall, but at no one step.
NO_READING = dict.fromkeys(("fall_step", "fall_low", "fall_high", "fall_gap_to_grok"), "no single step")


def absent(readout: str) -> str:
    """What NaN of a readout is called over a whole record."""
    return NO_READING.get(readout, "never")


def middle(readout: str, values: Sequence[float]) -> float:
    """One number for several runs: the median; the most frequent stride, having no middle; the share of ones."""
    if readout in SHARES:
        return float(np.mean(values))
    if readout not in NOMINAL:
        return float(np.median(values))
    return max(sorted(set(values)), key=list(values).count)


def _spread(readout: str, happened: Sequence[float], say: Say) -> str:
    if readout in SHARES:
        low, high = wilson(int(sum(happened)), len(happened))
        runs = f"{sum(happened):.0f} of {len(happened)} run{'s' * (len(happened) > 1)}"
        return f"{runs} (95% interval of the share {low:.2f} to {high:.2f})"
    if readout in NOMINAL:
        counts = Counter(happened).most_common()
        if len(counts) == 1:
            return say(counts[0][0])
        return ", ".join(f"{say(value)} in {count} of {len(happened)} runs" for value, count in counts)
    said = say(middle(readout, happened))
    return said if min(happened) == max(happened) else f"{said} [{say(min(happened))} to {say(max(happened))}]"


def summary(readout: str, values: Sequence[float], finished: bool, arguments: Mapping[str, Any]) -> str:
    """Median and range of a readout over runs (strides: how many runs have which), in words.

    `values`: float [n]; NaN is what never happened, infinity what had not happened by the record's end. `finished`: the
    records reach the horizon, so that NaN may be called "never" (or what `absent` calls it).
    """
    label, say = WORDS[readout]
    label = label.format_map(arguments)
    happened = [value for value in values if isfinite(value)]
    missing = len(values) - len(happened)
    no = absent(readout) if finished and any(map(isnan, values)) else "not by then"
    said = _spread(readout, happened, say) if happened else no
    if happened and missing:
        said += f", {no} in {missing} of {len(values)} runs"
    return f"{label}: {said}" if label else said
