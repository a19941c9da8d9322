"""Metrics of the second article made up for tests: both operations, bottlenecks, seeds. Plausible, not trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from synthetic import frame, run_columns, series

OPERATIONS = ("addition", "multiplication")


def arm_columns(operation: str, seed: int = 42, bottleneck: int | None = None) -> dict[str, object]:
    """The describing columns of a small run at weight decay 1.0."""
    run = f"{operation[:3]}97-L2d128h4-{f'k{bottleneck}-' if bottleneck else ''}wd1-s{seed}"
    return {**run_columns(1.0, seed), "run": run, "operation": operation, "bottleneck": bottleneck}


def evaluations(
    run: Mapping[str, object], steps: np.ndarray, grok: float, rng: np.random.Generator, dips: float = 0.05
) -> tuple[list[pd.DataFrame], np.ndarray]:
    """Train and test accuracy that grok near a step and dip with a probability; the test values."""
    test = 1 / (1 + np.exp(-(steps - grok) / (0.05 * grok)))
    test = np.where((rng.random(len(steps)) < dips) & (steps > 1.3 * grok), rng.uniform(0.01, 0.5, len(steps)), test)
    test = np.clip(test, 0.005, 1)
    train = np.maximum(test, np.clip(steps / 1500, 0, 1) * (test > 0.6) + 0.7 * (test <= 0.6))
    return [series(run, "evaluation", "accuracy", steps, v, s) for s, v in (("train", train), ("test", test))], test


def probed(
    run: Mapping[str, object], steps: np.ndarray, test: np.ndarray, rng: np.random.Generator
) -> list[pd.DataFrame]:
    """Every metric of the second article's probes; the hidden states shrink where the answers are lost."""
    n, parts = len(steps), []
    alive = np.where((test < 0.5) & (np.maximum.accumulate(test) > 0.9), 0.2, 1.0)
    for split, more in (("test", 0), ("train", 6)):
        curve = 11 + (70 + more) * np.exp(-steps / 2500)
        for probe, metric, scale in (
            ("pca", "pca_dimension_95", 1.0), ("pca", "pca_dimension_99", 1.3), ("pca", "participation_ratio", 0.6),
            ("twonn", "twonn_dimension", 0.2), ("local_pca", "local_pca_dimension", 0.15),
        ):  # fmt: skip
            values = scale * curve * alive * rng.uniform(0.93, 1.07, n)
            parts.append(series(run, probe, metric, steps, np.round(values) if probe == "pca" else values, split))
    for metric, level in (("sparsity", 0.7), ("std", 0.88), ("max_abs", 4), ("mean_norm", 9.9)):
        sized = level * alive * rng.uniform(0.97, 1.03, n) if metric != "sparsity" else level * rng.uniform(0.9, 1.1, n)
        parts.append(series(run, "activations", metric, steps, sized))
    for head in range(8):
        entropy = 0.45 + 0.2 * np.exp(-(((np.log(steps) - 8.7 - 0.1 * head) / 0.5) ** 2)) - 0.05 * (head % 4)
        parts.append(series(run, "attention", "attention_entropy", steps, entropy + rng.normal(0, 0.01, n), index=head))
    parts.append(series(run, "topology", "betti_0", steps, np.full(n, 499.0)))
    parts.append(
        series(run, "topology", "betti_1", steps, 180 + 500 * np.exp(-steps / 4000) * rng.uniform(0.9, 1.1, n))
    )
    band = 0.6 + 0.2 * rng.random(n)
    for rank in range(1, 11):
        bar = (0.4 + (rank == 1) * 2.5 * (test > 0.9)) / rank**0.5 * rng.uniform(0.8, 1.2, n)
        birth = rng.uniform(1, 2, n)
        parts.append(series(run, "topology", "class_persistence_1", steps, bar, index=rank, baseline=band))
        parts.append(series(run, "topology", "class_birth_1", steps, birth, index=rank))
        parts.append(series(run, "topology", "class_death_1", steps, birth + bar, index=rank))
    for metric, level in (("cka_drift", 0.01), ("procrustes_drift", 0.05)):
        values = level * np.exp(rng.normal(0, 0.4, n)) * np.where((test > 0.05) & (test < 0.95), 20, 1)
        parts.append(series(run, "drift", metric, steps[1:], np.minimum(values, 0.98)[1:]))
    return parts


def manifold_metrics(
    seeds: Sequence[int] = (42,),
    bottlenecks: Sequence[int] = (),
    last_step: int = 20_000,
    cadence: int = 500,
    operations: Sequence[str] = OPERATIONS,
) -> pd.DataFrame:
    """A frame with evaluations and every probe of the second article; bottleneck runs have evaluations only."""
    steps, parts = np.arange(cadence, last_step + 1, cadence), []
    for operation in operations:
        for seed in seeds:
            rng = np.random.default_rng([seed, len(operation)])
            run = arm_columns(operation, seed)
            rows, test = evaluations(run, steps, rng.uniform(6500, 9000), rng)
            parts += rows + probed(run, steps, test, rng)
            for k in bottlenecks:
                grok = 9_000 + 180_000 / k * rng.uniform(0.6, 1.4)
                parts += evaluations(arm_columns(operation, seed, k), steps, grok, rng)[0]
    return frame(parts)
