"""Speed against the number of stacked runs, from the benchmark's results."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter


def plot_speed(results: Sequence[dict]) -> Figure:
    """Model-steps per second of engine and plain loop for each number of runs R (both axes logarithmic)."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    runs = [result["runs"] for result in results]
    axes.plot(runs, [r["engine_model_steps_per_s"] for r in results], "o-", color="#0072B2", label="engine, R runs")
    axes.plot(
        runs, [r["baseline_model_steps_per_s"] for r in results], "s--", color="#D55E00", label="plain loop, one run"
    )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(runs, labels=[str(count) for count in runs])
    for which in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        which(StrMethodFormatter("{x:,.0f}"))
    axes.set_xlabel("runs in the stack, R")
    axes.set_ylabel("model-steps per second")
    axes.set_title(f"{results[0]['model']} model on {results[0]['device_name']}, {results[0]['dtype']}")
    axes.legend()
    return figure
