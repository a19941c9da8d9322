"""Modular arithmetic as a data set: pairs, labels, the train/test split and the ring the labels live on.

Source: docs/methods.md, "Task and data". No torch here: the Snakefile imports this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from .errors import GrokatlasError

Operation = Literal["multiplication", "addition"]
OPERATIONS: tuple[Operation, ...] = ("multiplication", "addition")


def is_prime(n: int) -> bool:
    """Whether `n` is prime, by trial division (moduli here have at most a few digits)."""
    return n > 1 and all(n % d for d in range(2, int(n**0.5) + 1))


def smallest_primitive_root(p: int) -> int:
    """The smallest generator of the multiplicative group mod the prime `p` (5 for 97).

    Raises GrokatlasError if `p` is not prime.
    """
    if not is_prime(p):
        raise GrokatlasError(f"modulus {p} is not prime: multiplication needs a prime modulus, e.g. 97")
    order = p - 1
    factors = [q for q in range(2, order + 1) if order % q == 0 and is_prime(q)]
    return next(g for g in range(1, p) if all(pow(g, order // q, p) != 1 for q in factors))


@dataclass(frozen=True)
class Task:
    """One operation modulo p with its train/test split.

    `train_fraction` of the pairs, in the order shuffled by `split_seed`, are train; the rest test.
    """

    operation: Operation = "multiplication"
    modulus: int = 97
    train_fraction: float = 0.3
    split_seed: int = 42

    def __post_init__(self) -> None:
        if self.operation not in OPERATIONS:
            raise GrokatlasError(f"operation {self.operation!r} is unknown: use one of {', '.join(OPERATIONS)}")
        if self.operation == "multiplication" and not is_prime(self.modulus):
            raise GrokatlasError(f"modulus {self.modulus} is not prime: multiplication needs a prime modulus, e.g. 97")
        if not 0 < self.train_fraction < 1:
            raise GrokatlasError(f"train_fraction {self.train_fraction} must lie strictly between 0 and 1")
        if not 0 < self.n_train < self.n_pairs:
            raise GrokatlasError(
                f"train_fraction {self.train_fraction} leaves no train or no test pairs of {self.n_pairs}"
            )

    @cached_property
    def pairs(self) -> np.ndarray:
        """All pairs, row-major (a outer, b inner), before the shuffle: int64 [pairs, 2]."""
        residues = np.arange(1 if self.operation == "multiplication" else 0, self.modulus)
        a, b = np.meshgrid(residues, residues, indexing="ij")
        return np.stack([a.ravel(), b.ravel()], axis=1)

    @cached_property
    def _shuffled(self) -> np.ndarray:
        # RandomState.shuffle on a list draws the same swaps as the published `numpy.random.seed; shuffle(list)`.
        order = list(range(len(self.pairs)))
        np.random.RandomState(self.split_seed).shuffle(order)
        return self.pairs[order]

    @property
    def n_pairs(self) -> int:
        """Number of pairs: (p - 1)^2 for multiplication, p^2 for addition."""
        return (self.modulus - 1) ** 2 if self.operation == "multiplication" else self.modulus**2

    @property
    def n_train(self) -> int:
        """Number of train pairs: int(train_fraction * pairs)."""
        return int(self.train_fraction * self.n_pairs)

    @property
    def train_pairs(self) -> np.ndarray:
        """Train pairs in split order: int64 [n_train, 2]."""
        return self._shuffled[: self.n_train]

    @property
    def test_pairs(self) -> np.ndarray:
        """Test pairs in split order: int64 [pairs - n_train, 2]."""
        return self._shuffled[self.n_train :]

    def labels(self, pairs: np.ndarray) -> np.ndarray:
        """The answer to each pair: int64 [len(pairs)], a*b mod p or (a+b) mod p."""
        a, b = pairs[:, 0], pairs[:, 1]
        return (a * b if self.operation == "multiplication" else a + b) % self.modulus

    @property
    def ring_size(self) -> int:
        """Number of classes on the task's ring: p - 1 for multiplication (discrete logarithm), p for addition."""
        return self.modulus - 1 if self.operation == "multiplication" else self.modulus

    @cached_property
    def ring_position(self) -> np.ndarray:
        """Position of each label on the ring, int64 [p]: k with g^k = y (g the smallest primitive root), or y itself.

        For multiplication label 0 does not occur and holds -1.
        """
        if self.operation == "addition":
            return np.arange(self.modulus)
        g = smallest_primitive_root(self.modulus)
        position = np.full(self.modulus, -1, dtype=np.int64)
        value = 1
        for k in range(self.modulus - 1):
            position[value] = k
            value = value * g % self.modulus
        return position


@dataclass(frozen=True)
class CosetSplit:
    """`outer` cosets of `inner` elements each: position k has coset c = k mod outer and inner index i = k // outer."""

    outer: int = 12
    inner: int = 8

    @property
    def name(self) -> str:
        """Readable name, e.g. 12x8; part of probe names."""
        return f"{self.outer}x{self.inner}"

    def check(self, ring_size: int) -> None:
        """Raise GrokatlasError unless outer * inner == ring_size and both rings have 3 or more places."""
        if self.outer * self.inner != ring_size:
            raise GrokatlasError(
                f"coset split {self.name} is impossible: {self.outer} * {self.inner} = {self.outer * self.inner}, "
                f"but the ring has {ring_size} classes"
            )
        if min(self.outer, self.inner) < 3:
            raise GrokatlasError(f"coset split {self.name} is too thin: a ring of nearest neighbours needs 3 places")
