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
from . import accuracy, strides
from .reading import Reading

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
}

ARGUMENT_VALUES: dict[str, Sequence[object]] = {"side": ("outer", "inner"), "split": ("train", "test")}


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
        if kind in ("int", "list") and type(value).__name__ != kind:
            raise GrokatlasError(f"{where}: argument {argument} of {name} must be {kind}, not {value!r}")
    for argument, parameter in parameters.items():
        if parameter.default is inspect.Parameter.empty and argument not in arguments:
            raise GrokatlasError(f"{where}: readout {name} needs the argument {argument!r}")


def rows_query(name: str, arguments: Mapping[str, object]) -> str:
    """The condition that picks the metrics rows a readout reads, for `DataFrame.query` and for SQL alike."""
    if name == "pca_at":
        return "probe == 'pca' and metric == 'pca_dimension_95'"
    parameters = inspect.signature(READOUTS[name]).parameters
    if "cosets" not in parameters:
        return f"probe == 'evaluation' and metric == 'accuracy' and split == '{arguments.get('split', 'test')}'"
    probe = f"probe == 'strides_{arguments.get('cosets', strides.COSETS)}'"
    if "side" not in parameters:
        return f"{probe} and (metric == 'outer_stride' or metric == 'inner_stride')"
    suffix = "_max" if name == "median_p_value" else ""
    stride = f" and index == {arguments['stride']}" if "stride" in arguments else ""
    return f"{probe} and metric == '{arguments['side']}_stride{suffix}'{stride}"
