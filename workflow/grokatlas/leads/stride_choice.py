"""Does weight decay choose the stride, or the seed, the initial weights or the batch order?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import gcd

import numpy as np
import pandas as pd

from ..figures.data import N_OUTER, RunRows
from ..probes.relabelling import p_value
from ..thresholds import LOCK_SCORE
from .base import MISSING_ANSWER, SEED, SHUFFLES, Lead, scores, share, small_runs

QUESTION = "Does weight decay choose the outer stride, or the seed, the initial weights or the batch order?"
SEED_NAMES = ("split", "initial weights", "batch order")
QUERY = "probe == 'strides_12x8' and metric == 'outer_stride' and operation == 'multiplication'"


def dominant(run: RunRows) -> dict[str, object] | None:
    """The ring class most often perfect (score >= 0.9) after grokking, its stride, and how often; None if none ever."""
    table = scores(run, "outer")
    high = table >= LOCK_SCORE
    counts = high.sum()
    if not len(table) or not counts.any():
        return None
    classes = counts.groupby([gcd(int(s), N_OUTER) for s in counts.index]).sum()
    ring = int(classes.idxmax())
    members = counts[[gcd(int(s), N_OUTER) == ring for s in counts.index]]
    return {
        "run": run.run,
        "weight decay": run.weight_decay,
        "seeds": run.seed,
        "probes after grokking": len(table),
        "with a perfect ring": int(high.any(axis=1).sum()),
        "stride most often perfect": int(members.idxmax()),
        "rings (gcd)": ring,
        "share of the perfect probes": float(classes[ring] / counts.sum()),
    }


def agreement(groups: Sequence[object], classes: Sequence[object]) -> tuple[int, int, float]:
    """Pairs of one group with one class, pairs of one group, and a permutation p-value for so many or more.

    Permuted is which run has which class; the groups stay. p is 1 where a group never holds two runs.
    """
    pairs = [(i, j) for i, j in combinations(range(len(groups)), 2) if groups[i] == groups[j]]
    if not pairs:
        return 0, 0, 1.0
    first, second = np.array(pairs).T
    labels = np.unique(np.asarray(classes), return_inverse=True)[1]
    observed = int(np.sum(labels[first] == labels[second]))
    drawn = np.random.default_rng(SEED).permuted(np.tile(labels, (SHUFFLES, 1)), axis=1)
    return observed, len(pairs), p_value(observed, np.sum(drawn[:, first] == drawn[:, second], axis=1))


def lead(metrics: pd.DataFrame) -> Lead:
    """Agreement of the dominant ring class among runs of equal weight decay, and one seed changed at a time."""
    runs = small_runs(metrics)
    found = [row for run in runs if (row := dominant(run))]
    if not found:
        return Lead(QUESTION, MISSING_ANSWER)
    table = pd.DataFrame(found)
    agree, pairs, p = agreement(table["weight decay"], table["rings (gcd)"])
    weighted = ", ".join(
        f"{weight_decay:g}: " + " ".join(f"{n}x gcd {ring}" for ring, n in part["rings (gcd)"].value_counts().items())
        for weight_decay, part in table.groupby("weight decay")
    )
    answer = (
        f"{len(found)} of {len(runs)} runs show a perfect outer ring (score >= 0.9) at some probe after grokking. The "
        f"ring class that each shows most often, by weight decay: {weighted}. Of the pairs of runs at equal weight "
        f"decay {share(agree, pairs)} share their class; dealing the classes to the runs at random gives as many or "
        f"more with p = {p:.2g}. " + _verdict(p, pairs) + _one_at_a_time(table)
    )
    return Lead(QUESTION, answer, table, "phase", QUERY,
        "A lock needs 30,000 steps of one perfect ring; what is read here are perfect probes after grokking.",
    )  # fmt: skip


def _verdict(p: float, pairs: int) -> str:
    if not pairs:
        return "No weight decay has two such runs."
    if p < 0.05:
        return "So runs of one weight decay resemble each other more than chance."
    return "So these runs give no sign that weight decay chooses the ring."


def _one_at_a_time(table: pd.DataFrame) -> str:
    """What changes when the split, the initial weights or the batch order alone is not that of seed 42."""
    base = table[(table["weight decay"] == 2.0) & (table["seeds"] == "42")]
    if base.empty:
        return ""
    ring = int(base.iloc[0]["rings (gcd)"])
    said = []
    separate = table[(table["weight decay"] == 2.0) & table["seeds"].str.contains("/")]
    for row in separate.to_dict("records"):
        parts = row["seeds"].split("/")
        changed = [name for name, seed in zip(SEED_NAMES, parts, strict=True) if seed != "42"]
        if len(changed) == 1:
            said.append(f"another {changed[0]} gives gcd {row['rings (gcd)']}")
    return f" At weight decay 2.0 seed 42 shows gcd {ring}; {', '.join(said)}." if said else ""
