"""Metrics tables made up for tests: the schema of the real ones, values drawn or given by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd

import numpy as np
import pandas as pd
from grokatlas.metrics import SCHEMA

OUTER, INNER, RING = 12, 8, 96
STRIDES = f"strides_{OUTER}x{INNER}"
PROVENANCE = {
    "code_version": "0.0.test",
    "training_version": 1,
    "device": "cpu",
    "precision": "float32",
    "torch_version": "2.13",
    "origin": "here",
}


def run_columns(
    weight_decay: float = 2.0,
    seed: int | tuple[int, int, int] = 42,
    layers: int = 2,
    width: int = 128,
    heads: int = 4,
) -> dict[str, object]:
    """The describing columns of one multiplication run; `seed` is one number or (split, init, batch)."""
    split_seed, init_seed, batch_seed = (seed,) * 3 if isinstance(seed, int) else seed
    return {
        "run": f"multiplication97-L{layers}d{width}h{heads}-wd{weight_decay}-s{split_seed}-{init_seed}-{batch_seed}",
        "operation": "multiplication",
        "modulus": 97,
        "train_fraction": 0.3,
        "layers": layers,
        "width": width,
        "heads": heads,
        "bottleneck": None,
        "batch_size": 512,
        "learning_rate": 1e-3,
        "weight_decay": weight_decay,
        "split_seed": split_seed,
        "init_seed": init_seed,
        "batch_seed": batch_seed,
    }


def series(
    run: Mapping[str, object],
    probe: str,
    metric: str,
    steps: Sequence[int],
    values: Sequence[float],
    split: str | None = "test",
    index: int | Sequence[int] | None = None,
    baseline: float | Sequence[float] | None = None,
    p_value: float | Sequence[float] | None = None,
) -> pd.DataFrame:
    """Rows of one metric over `steps`; `index`, `baseline` and `p_value` are one for all steps or one a step."""
    steps = np.asarray(steps)
    cadence = int(np.median(np.diff(steps))) if len(steps) > 1 else int(steps[0])
    columns = {"step": steps, "cadence": cadence, "probe": probe, "metric": metric, "index": index, "split": split}
    return pd.DataFrame(
        {**run, **columns, "value": np.asarray(values, float), "baseline": baseline, "p_value": p_value, **PROVENANCE}
    )


def frame(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Parts joined, with every schema column and the types that `read_metrics` gives."""
    if not parts:
        return SCHEMA.empty_table().to_pandas()
    columns = {name: np.concatenate([part[name].to_numpy(object) for part in parts]) for name in SCHEMA.names}
    typed = {}
    for field in SCHEMA:
        values = columns[field.name]
        empty = pd.isna(values)
        if str(field.type) == "string":
            typed[field.name] = pd.array(np.where(empty, None, values), dtype="str")
        elif empty.any() or str(field.type) == "double":
            typed[field.name] = np.where(empty, np.nan, values).astype(float)
        else:
            typed[field.name] = values.astype(str(field.type))
    return pd.DataFrame(typed)


def stride_baseline(size: int, stride: int, neighbours: int) -> float:
    """The exact chance score of a stride on a ring, with 2 (outer) or 1 (inner) nearest neighbours."""
    if neighbours == 1 or stride < size / 2:
        return (1 if stride == size / 2 else 2) / (size - 1)
    return 1 / (size - 1)


def _accuracy(rng: np.random.Generator, steps: np.ndarray, dips: bool) -> np.ndarray:
    """A curve that groks near step 8,000 and dips now and then."""
    curve = 1 / (1 + np.exp(-(steps - 8000) / 600.0))
    fallen = dips & (rng.random(len(steps)) < 0.08) & (steps > 11000)
    return np.clip(np.where(fallen, rng.uniform(0.02, 0.8, len(steps)), curve), 0.005, 1.0)


def _ring_rows(rng: np.random.Generator, run: Mapping[str, object], steps: np.ndarray, side: str) -> list[pd.DataFrame]:
    size, neighbours = (OUTER, 2) if side == "outer" else (INNER, 1)
    strides = np.arange(1, size // 2 + 1)
    chosen = int(rng.choice(strides[:-1]))
    scores = rng.uniform(0, 0.35, (len(strides), len(steps)))
    scores[chosen - 1] = np.clip(steps / 12000.0 + rng.normal(0, 0.03, len(steps)), 0, 1)
    scores = np.round(scores * size * 2) / (size * 2)
    p_values = np.clip(np.exp(-8 * scores), 1 / 2001, 1)
    parts = []
    for s, row, p in zip(strides, scores, p_values, strict=True):
        baseline = stride_baseline(size, int(s), neighbours)
        parts.append(series(run, STRIDES, f"{side}_stride", steps, row, index=int(s), baseline=baseline, p_value=p))
    best = scores.argmax(axis=0)
    parts.append(
        series(run, STRIDES, f"{side}_stride_max", steps, scores.max(axis=0), index=best + 1, baseline=0.36).assign(
            p_value=p_values.min(axis=0)
        )
    )
    for g in sorted({gcd(int(s), size) for s in strides}):
        members = [s - 1 for s in strides if gcd(int(s), size) == g]
        parts.append(
            series(
                run, STRIDES, f"{side}_ring_class", steps, scores[members].max(axis=0), index=g, baseline=0.2
            ).assign(p_value=p_values[members].min(axis=0))
        )
    power = rng.exponential(size=(size // 2 + 1, len(steps)))
    power[0] = 0
    frequencies = np.arange(size // 2 + 1)
    weights = 4 * np.sin(np.pi * np.outer(strides, frequencies) / size) ** 2
    distance = weights @ power
    ordered = np.sort(distance, axis=0)
    parts += [series(run, STRIDES, f"{side}_power", steps, power[f], index=int(f)) for f in frequencies]
    parts += [series(run, STRIDES, f"{side}_distance", steps, distance[s - 1], index=int(s)) for s in strides]
    parts.append(series(run, STRIDES, f"{side}_predicted_stride", steps, distance.argmin(axis=0) + 1))
    parts.append(series(run, STRIDES, f"{side}_predicted_margin", steps, 1 - ordered[0] / ordered[1]))
    return parts + _pair_rows(rng, run, steps, side, size, chosen)


def _pair_rows(
    rng: np.random.Generator, run: Mapping[str, object], steps: np.ndarray, side: str, size: int, chosen: int
) -> list[pd.DataFrame]:
    i, j = (place.ravel() for place in np.indices((size, size)))
    gap = np.minimum((i - j) % size, (j - i) % size)
    near = np.where(gap == chosen, 1.0 if side == "outer" else 0.7, 0.0)
    distance = np.hypot(1.0, gap == chosen) + rng.uniform(0, 0.3, size * size)
    upper = i < j
    parts = []
    for step in steps:
        parts.append(series(run, STRIDES, f"{side}_pair_adjacency", [step] * size**2, near, index=i * size + j))
        parts.append(
            series(
                run,
                STRIDES,
                f"{side}_pair_distance",
                [step] * int(upper.sum()),
                distance[upper],
                index=(i * size + j)[upper],
            )
        )
    cadence = int(steps[0])
    return [part.assign(cadence=cadence) for part in parts]


def _one_run(
    run: Mapping[str, object], last_step: int, evaluation_cadence: int, probe_cadence: int, rng: np.random.Generator
) -> list[pd.DataFrame]:
    evaluations = np.arange(evaluation_cadence, last_step + 1, evaluation_cadence)
    probes = np.arange(probe_cadence, last_step + 1, probe_cadence)
    test = _accuracy(rng, evaluations, dips=True)
    train = np.maximum(test, np.clip(evaluations / 3000.0, 0, 1) * (test > 0.5) + 0.6 * (test <= 0.5))
    parts = []
    for probe, steps in (("evaluation", evaluations), ("accuracy", probes)):
        for split, curve in (("train", train), ("test", test)):
            values = curve if probe == "evaluation" else np.interp(steps, evaluations, curve)
            parts.append(series(run, probe, "accuracy", steps, values, split))
            parts.append(series(run, probe, "loss", steps, 4.6 * (1 - values) + 1e-4, split))
    for place, name in enumerate(("", "_embedding", "_attention", "_feedforward", "_layernorm", "_output")):
        values = (60 - 8 * place) * np.exp(-probes / 40000.0) + rng.normal(0, 0.3, len(probes))
        parts.append(series(run, "weights", f"weight_norm{name}", probes, values, None))
    for metric, level in (("sparsity", 0.3), ("std", 0.8), ("max_abs", 4.0), ("mean_norm", 9.5)):
        parts.append(series(run, "activations", metric, probes, level * rng.uniform(0.9, 1.1, len(probes))))
    dimension = np.round(10 + 80 * np.exp(-probes / 3000.0))
    parts.append(series(run, "pca", "pca_dimension_95", probes, dimension))
    parts.append(series(run, "pca", "pca_dimension_99", probes, dimension + 4))
    for side in ("outer", "inner"):
        parts += _ring_rows(rng, run, probes, side)
    labels = np.clip(probes / 10000.0, 0.05, 0.97)
    parts.append(series(run, STRIDES, "variance_share_labels", probes, labels))
    parts.append(series(run, STRIDES, "variance_share_cosets", probes, 0.08 * labels))
    power = rng.exponential(size=(RING // 2 + 1, len(probes))) ** 3
    power[0] = 0
    for j, row in enumerate(power):
        parts.append(series(run, "spectrum", "power", probes, row, index=j))
        parts.append(series(run, "spectrum", "power_share", probes, row / power.sum(axis=0), index=j))
    return parts


def synthetic_metrics(
    weight_decays: Sequence[float] = (1.0, 2.0),
    seeds: Sequence[int] = (42,),
    last_step: int = 20000,
    evaluation_cadence: int = 500,
    probe_cadence: int = 1000,
    layers: int = 2,
    width: int = 128,
    heads: int = 4,
) -> pd.DataFrame:
    """A metrics frame with every probe of the nested article for each weight decay and seed; the same at every call.

    The curves are plausible, not trained: accuracy groks near step 8,000 and dips; one stride a side rises to 1.
    """
    parts = []
    for weight_decay in weight_decays:
        for seed in seeds:
            rng = np.random.default_rng([int(weight_decay * 100), seed, layers])
            run = run_columns(weight_decay, seed, layers, width, heads)
            parts += _one_run(run, last_step, evaluation_cadence, probe_cadence, rng)
    return frame(parts)
