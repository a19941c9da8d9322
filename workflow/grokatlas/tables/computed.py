"""The tables that need no run: what is observed, rings by stride, parameter counts. No torch here."""

from __future__ import annotations

from collections.abc import Callable
from math import gcd

import numpy as np

from ..cost import parameters
from ..runs import Run
from ..tasks import CosetSplit, Task

Computed = tuple[str, float | None]  # as text, and as a number where it is one


def rings(size: int, stride: int) -> Computed:
    """The rings that linking every place i of `size` to i + stride makes, found by walking them."""
    unseen, lengths = set(range(size)), []
    while unseen:
        place, length = min(unseen), 0
        while place in unseen:
            unseen.remove(place)
            place, length = (place + stride) % size, length + 1
        lengths.append(length)
    if lengths[0] == 2:
        return f"{len(lengths)} pairs", float(len(lengths))
    return f"{len(lengths)} ring{'s' if len(lengths) > 1 else ''} of {lengths[0]}", float(len(lengths))


def chance(size: int, stride: int) -> Computed:
    """Expected score of a stride under random labelling: a nearest neighbour is any of the size - 1 other places.

    Two of them lie s steps away, one if s is half of the ring; the number of neighbours looked at cancels.
    Source: docs/verdicts.md.
    """
    targets = len({stride % size, -stride % size})
    return f"{targets}/{size - 1} = {targets / (size - 1):.3f}", targets / (size - 1)


def parameter_count(modulus: int, layers: int, width: int) -> Computed:
    """Parameters of the published transformer (docs/methods.md); the number of heads does not matter."""
    count = parameters(Run(modulus=modulus, layers=layers, width=width, heads=1))
    return f"{count:,}", float(count)


def test_pair_count(modulus: int) -> Computed:
    """Test pairs of multiplication at the published train fraction."""
    count = len(Task("multiplication", modulus).test_pairs)
    return f"{count:,}", float(count)


def _coset_sizes(modulus: int, outer: int, inner: int) -> np.ndarray:
    CosetSplit(outer, inner).check(modulus - 1)
    positions = Task("multiplication", modulus).ring_position
    return np.bincount(positions[positions >= 0] % outer)


def coset_count(modulus: int, outer: int, inner: int) -> Computed:
    """Cosets that the labels fall into, by their discrete logarithm mod `outer`."""
    count = len(_coset_sizes(modulus, outer, inner))
    return str(count), float(count)


def coset_size(modulus: int, outer: int, inner: int) -> Computed:
    """Labels in a coset: one number if all cosets have as many."""
    sizes = sorted(set(_coset_sizes(modulus, outer, inner).tolist()))
    return " to ".join(map(str, sizes)), float(sizes[0]) if len(sizes) == 1 else None


def direct_product(outer: int, inner: int) -> Computed:
    """Whether Z(outer * inner) is the direct product of Z(outer) and Z(inner): only if they are coprime."""
    divisor = gcd(outer, inner)
    return ("yes", None) if divisor == 1 else (f"no, gcd({outer}, {inner}) = {divisor}", None)


COMPUTATIONS: dict[str, Callable[..., Computed]] = {
    "rings": rings,
    "chance": chance,
    "parameter_count": parameter_count,
    "test_pairs": test_pair_count,
    "coset_count": coset_count,
    "coset_size": coset_size,
    "direct_product": direct_product,
}
