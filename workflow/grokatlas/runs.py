"""Runs: one training trajectory each, identified by task, model, optimizer and seeds alone. No torch here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property

from .errors import GrokatlasError
from .tasks import Operation, Task

SHORT_OPERATION = {"multiplication": "mul", "addition": "add"}


def number(value: float) -> str:
    """Shortest text of a number that reads back the same: 2.0 -> 2, 0.001 -> 0.001."""
    text = repr(float(value))
    return text.removesuffix(".0")


@dataclass(frozen=True)
class Seeds:
    """One number by default, each separable: the split, the initial weights and the batch order."""

    split: int = 42
    initialisation: int = 42
    batch: int = 42

    def __str__(self) -> str:
        one = self.split == self.initialisation == self.batch
        return f"{self.split}" if one else f"{self.split}.{self.initialisation}.{self.batch}"


@dataclass(frozen=True)
class Run:
    """Task + model + optimizer + seeds. How long it trains, how often it is probed, beside whom: not part of it."""

    operation: Operation = "multiplication"
    modulus: int = 97
    train_fraction: float = 0.3
    layers: int = 2
    width: int = 128
    heads: int = 4
    bottleneck: int | None = None
    batch_size: int = 512
    learning_rate: float = 1e-3
    weight_decay: float = 1.0
    seeds: Seeds = Seeds()

    def __post_init__(self) -> None:
        if self.weight_decay < 0:
            raise GrokatlasError(f"weight_decay {self.weight_decay} is negative: give 0 or more")
        if self.width % self.heads:
            raise GrokatlasError(f"heads {self.heads} do not divide width {self.width}: choose heads that do")
        if self.bottleneck is not None and self.bottleneck >= self.width:
            object.__setattr__(self, "bottleneck", None)  # published: k >= d means no bottleneck
        _ = self.task  # checks operation, modulus and fraction

    @property
    def task(self) -> Task:
        """The data set with its split."""
        return Task(self.operation, self.modulus, self.train_fraction, self.seeds.split)

    @cached_property
    def variant(self) -> str:
        """Readable id of everything but the seeds; runs that share it have equal shapes and may share a stack."""
        parts = [f"{SHORT_OPERATION[self.operation]}{self.modulus}", f"L{self.layers}d{self.width}h{self.heads}"]
        if self.bottleneck is not None:
            parts.append(f"k{self.bottleneck}")
        if self.train_fraction != Run.train_fraction:
            parts.append(f"f{number(self.train_fraction)}")
        if self.batch_size != Run.batch_size:
            parts.append(f"b{self.batch_size}")
        if self.learning_rate != Run.learning_rate:
            parts.append(f"lr{number(self.learning_rate)}")
        return "-".join([*parts, f"wd{number(self.weight_decay)}"])

    @cached_property
    def id(self) -> str:
        """Readable id, e.g. mul97-L2d128h4-wd2-s42; values at their default are left out, seeds differ as s1.2.3."""
        return f"{self.variant}-s{self.seeds}"

    @property
    def digest(self) -> str:
        """Hex SHA-256 of every field: a checkpoint carries it, so that one of another run is refused."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def describe(self) -> dict[str, object]:
        """The describing columns of the metrics table (metrics.RUN_COLUMNS)."""
        fields = asdict(replace(self))
        seeds = fields.pop("seeds")
        names = {"split": "split_seed", "initialisation": "init_seed", "batch": "batch_seed"}
        return {"run": self.id, **fields, **{names[key]: value for key, value in seeds.items()}}
