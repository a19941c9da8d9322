"""The closed vocabulary of claims: every readout that a claim or a published table may name.

Each readout takes a `View` (one run at the claim's cadence, up to its horizon) and keyword arguments, and gives a
`Reading`, or None if the run has no rows for it or the question does not apply to it. Definitions: docs/verdicts.md.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from math import gcd

import numpy as np

from ..errors import GrokatlasError
from ..records import MEASURES
from . import accuracy, change, measures, strides, topology
from .reading import Reading
from .trajectory import PHASES

__all__ = ["ARGUMENT_VALUES", "READOUTS", "Reading", "check_readout", "rows_query"]

READOUTS: dict[str, Callable[..., Reading | None]] = {
    "accuracy_at": accuracy.accuracy_at,
    "first_grok_step": accuracy.of_readout("first_grok_step"),
    "share_at_least_99": accuracy.of_readout("share_at_least_99"),
    "longest_unbroken_99": accuracy.of_readout("longest_unbroken_99"),
    "oscillations": accuracy.of_readout("oscillations"),
    "median_last_20_percent": accuracy.of_readout("median_last_20_percent"),
    "low_last_20_percent": accuracy.of_readout("low_last_20_percent"),
    "high_last_20_percent": accuracy.of_readout("high_last_20_percent"),
    "lowest_accuracy": accuracy.extreme(np.argmin),
    "highest_accuracy": accuracy.extreme(np.argmax),
    "median_difference": accuracy.median_difference,
    "regime_change_step": accuracy.regime_change_step,
    "lowest_accuracy_around_collapse": strides.lowest_accuracy_around_collapse,
    "score_at": strides.score_at,
    "lowest_score": strides.score_in_window(strides.lowest),
    "highest_score": strides.score_in_window(strides.highest),
    "median_score": strides.score_in_window(strides.median),
    "score_trend": strides.score_trend,
    "median_p_value": strides.median_p_value,
    "first_lock_step": strides.first_lock_reading(lambda stride, start, size: float(start)),
    "first_lock_stride": strides.first_lock_reading(lambda stride, start, size: float(stride)),
    "first_lock_class": strides.first_lock_reading(lambda stride, start, size: float(gcd(stride, size))),
    "lock_steps": strides.lock_steps,
    "collapse_step": strides.collapse_step,
    "takeover_stride": strides.takeover_stride,
    "leading_stride": strides.leading_stride,
    "tail_score": strides.tail_score,
    "coexistence_steps": strides.coexistence_steps,
    "pca_at": strides.pca_at,
    "time_to_accuracy": accuracy.time_to_accuracy,
    "first_step_at": accuracy.first_step_at,
    "reaches_accuracy": accuracy.reaches_accuracy,
    "share_below_grok_since_grok": accuracy.share_below_grok_since_grok,
    "low_stretch_at_end": accuracy.low_stretch_at_end,
    "value_at": measures.value_at,
    "across_seeds": measures.across_seeds,
    "median_in_phase": measures.median_in_phase,
    "fallen_over_solid": measures.fallen_over_solid,
    "at_grok": measures.at_grok,
    "first_solid_after_grok": measures.first_solid_after_grok,
    "change_across_grok": measures.change_across_grok,
    "first_step_reaching": measures.first_step_reaching,
    "reached_from_grok": measures.reached_from_grok,
    "rank_correlation": measures.correlation_reading("value"),
    "rank_correlation_low": measures.correlation_reading("low"),
    "rank_correlation_high": measures.correlation_reading("high"),
    "fall_step": change.fall_reading(lambda step, low, high, grok: step),
    "fall_low": change.fall_reading(lambda step, low, high, grok: low),
    "fall_high": change.fall_reading(lambda step, low, high, grok: high),
    "fall_gap_to_grok": change.fall_reading(change.gap),
    "fall_share_at_grok": change.fall_share_at_grok,
    "loop_lead": topology.loop_lead,
    "loop_step": topology.loop_step,
    "loop_from_grok": topology.loop_from_grok,
    "entropy_shape": change.entropy_shape,
    "entropy_peak_over_grok": change.entropy_peak_over_grok,
    "drift_ratio": change.drift_reading("ratio"),
    "drift_p_value": change.drift_reading("p_value"),
}

# The measures of readouts that are not told one.
MEASURED = {
    "loop_lead": ("class_bars_1", "class_persistence_1"),
    "loop_step": ("class_bars_1", "class_persistence_1"),
    "loop_from_grok": ("class_bars_1", "class_persistence_1"),
    "entropy_shape": ("attention_entropy",),
    "entropy_peak_over_grok": ("attention_entropy",),
}

ARGUMENT_VALUES: dict[str, Sequence[object]] = {
    "side": ("outer", "inner"),
    "split": ("train", "test"),
    "measure": tuple(MEASURES),
    "phase": PHASES,
    "pick": tuple(measures.PICKS),
    "event": ("grok", "lock", "collapse"),
}


def check_readout(name: object, arguments: Mapping[str, object], where: str) -> None:
    """Raise GrokatlasError, naming `where`, unless the readout exists and takes exactly such arguments."""
    if name not in READOUTS:
        raise GrokatlasError(f"{where}: readout {name!r} is unknown; use one of {', '.join(sorted(READOUTS))}")
    parameters = dict(list(inspect.signature(READOUTS[name]).parameters.items())[1:])
    for argument, value in arguments.items():
        if argument not in parameters:
            known = ", ".join(parameters)
            raise GrokatlasError(f"{where}: readout {name} has no argument {argument!r}; it takes {known}")
        allowed = ARGUMENT_VALUES.get(argument)
        if allowed is not None and value not in allowed:
            raise GrokatlasError(f"{where}: {argument} {value!r} must be one of {', '.join(map(str, allowed))}")
        kind = str(parameters[argument].annotation).split(" ")[0]
        given = "float" if kind == "float" and type(value) is int else type(value).__name__
        if kind in ("int", "float", "bool", "list") and given != kind:
            raise GrokatlasError(f"{where}: argument {argument} of {name} must be {kind}, not {value!r}")
    for argument, parameter in parameters.items():
        if parameter.default is inspect.Parameter.empty and argument not in arguments:
            raise GrokatlasError(f"{where}: readout {name} needs the argument {argument!r}")


def _accuracy_rows(split: str) -> str:
    return f"probe == 'evaluation' and metric == 'accuracy' and split == '{split}'"


def _measure_rows(name: str, arguments: Mapping[str, object]) -> str:
    """The rows of a measure, and those of the test accuracy and the rings that say when to read it."""
    metrics, split = MEASURED.get(name, (arguments.get("measure"),)), arguments.get("split", "test")
    named = " or ".join(f"metric == '{metric}'" for metric in metrics)
    rows = f"probe == '{MEASURES[metrics[0]]}' and ({named}) and split == '{split}'"
    if name in ("value_at", "across_seeds", "first_step_reaching", "loop_step"):
        return rows + (f" and index == {arguments['index']}" if "index" in arguments else "")
    when = f"({rows}) or ({_accuracy_rows('test')})"
    if arguments.get("event", "grok") != "grok":
        outer = f"probe == 'strides_{strides.COSETS}' and metric == 'outer_stride'"
        when += f" or (probe == 'ring' and metric == 'ring_stride') or ({outer})"
    return f"({when})"


def rows_query(name: str, arguments: Mapping[str, object]) -> str:
    """The condition that picks the metrics rows a readout reads, for `DataFrame.query` and for SQL alike."""
    parameters = inspect.signature(READOUTS[name]).parameters
    if name == "pca_at":
        return "probe == 'pca' and metric == 'pca_dimension_95' and split == 'test'"
    if name in MEASURED or "measure" in parameters:
        return _measure_rows(name, arguments)
    if "cosets" not in parameters:
        return _accuracy_rows(arguments.get("split", "test"))
    probe = f"probe == 'strides_{arguments.get('cosets', strides.COSETS)}'"
    if "side" not in parameters:
        return f"{probe} and (metric == 'outer_stride' or metric == 'inner_stride')"
    suffix = "_max" if name == "median_p_value" else ""
    stride = f" and index == {arguments['stride']}" if "stride" in arguments else ""
    return f"{probe} and metric == '{arguments['side']}_stride{suffix}'{stride}"
