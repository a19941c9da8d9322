"""The batch order of a run as a pure function of (shape, batch seed, step)."""

from __future__ import annotations

import torch
from torch import Tensor

from ..model import ModelShape, stream_after_initialisation

EPOCHS_PER_DRAW = 4096


class BatchOrder:
    """Epoch permutations exactly as `DataLoader(shuffle=True)` draws them in the plain loop.

    After the initial weights, each epoch takes two 64-bit numbers from torch's global stream: the loader's base seed
    and the sampler's seed; the permutation comes from a generator with the latter. So any epoch can be had without
    replaying the ones before it, and a run's position in its batch order is its step.
    """

    def __init__(self, shape: ModelShape, seed: int, train_pairs: int) -> None:
        self.train_pairs = train_pairs
        self._stream = torch.Generator()
        self._stream.set_state(stream_after_initialisation(shape, seed))
        self._start = self._stream.get_state()
        self._seeds: Tensor = torch.empty(0, dtype=torch.int64)
        self._first = 0

    def epoch(self, number: int) -> Tensor:
        """Permutation of the train pairs in epoch `number` (from 0): int64 [train_pairs]."""
        if number < self._first:
            self._stream.set_state(self._start)
            self._first, self._seeds = 0, self._seeds[:0]
        while number >= self._first + len(self._seeds):
            self._first += len(self._seeds)
            draws = torch.empty(2 * EPOCHS_PER_DRAW, dtype=torch.int64).random_(generator=self._stream)
            self._seeds = draws[1::2].clone()
        generator = torch.Generator().manual_seed(int(self._seeds[number - self._first]))
        return torch.randperm(self.train_pairs, generator=generator)


def batch_bounds(train_pairs: int, batch_size: int) -> list[tuple[int, int]]:
    """Start and stop of each batch of an epoch; the short last batch is kept."""
    return [(low, min(low + batch_size, train_pairs)) for low in range(0, train_pairs, batch_size)]
