"""A tape: the calls of one optimizer step, recorded as they run and replayed without the Python around them.

Working out views and names costs a tenth of a small model's step on a CPU. It is the same at every step of a batch, so
it is done once: every call writes to memory that stays (`out=` or in place), and replaying is making the calls again.
On a GPU a CUDA graph is captured from the same calls.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

from torch import Tensor


def run(call: Callable[..., Tensor], *args: object, **kwargs: object) -> Tensor:
    """Make a call and record nothing."""
    return call(*args, **kwargs)


class Tape:
    """Use in place of `run` to record; only calls whose results lie in lasting memory may go through it."""

    def __init__(self) -> None:
        self._calls: list[partial] = []

    def __call__(self, call: Callable[..., Tensor], *args: object, **kwargs: object) -> Tensor:
        """Make a call and keep it."""
        self._calls.append(partial(call, *args, **kwargs))
        return call(*args, **kwargs)

    def replay(self) -> None:
        """Make all calls again, in order, on what their tensors hold now."""
        for call in self._calls:
            call()

    def timed(self) -> Iterator[tuple[str, float]]:
        """Replay, and tell of each call its function's name and its seconds; on a CPU, where a call ends when done."""
        for call in self._calls:
            began = time.perf_counter()
            call()
            yield call.func.__name__, time.perf_counter() - began
