"""The machine a job runs on: device, precision, threads, and how many runs fit a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from ..errors import GrokatlasError
from ..history import Execution
from ..model import ModelShape, parameter_count

T = TypeVar("T")
MEMORY_SHARE = 0.8


@dataclass(frozen=True)
class Machine:
    """Where and how to compute: cpu or cuda, float32 or tf32 matrix products, CPU threads."""

    device: str = "cpu"
    precision: str = "float32"
    threads: int = 1

    @classmethod
    def choose(cls, device: str, precision: str, threads: int) -> Machine:
        """Resolve `auto`; set torch's matrix-product precision. Raises GrokatlasError for a GPU that is not there."""
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if device == "cuda" and not torch.cuda.is_available():
            raise GrokatlasError("device cuda was asked for, but torch sees no GPU here; use device: auto or cpu")
        precision = precision if device == "cuda" else "float32"
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
        return cls(device, precision, max(1, threads))

    def execution(self, lane: tuple[str, ...]) -> Execution:
        """How runs that step together are computed here, for their ledgers."""
        return Execution(self.device, self.precision, torch.get_num_threads(), lane, torch.__version__, np.__version__)


def bytes_per_run(shape: ModelShape, batch_size: int) -> int:
    """Upper estimate of a run's memory in a lane: parameters, gradient, moments, and the workspace of one batch.

    Parameters and moments count twice: they are kept while a graph is captured.
    """
    floats = 7 * parameter_count(shape) + batch_size * shape.width * (40 * shape.layers + 30)
    return 4 * floats


def lane_sizes(group: Sequence[T], shape: ModelShape, batch_size: int) -> list[list[T]]:
    """Cut runs into the fewest equal lanes that fit the GPU's free memory, and say what was picked."""
    free, _ = torch.cuda.mem_get_info()
    most = max(1, int(MEMORY_SHARE * free / bytes_per_run(shape, batch_size)))
    lanes = -(-len(group) // most)
    size = -(-len(group) // lanes)
    print(
        f"{len(group)} runs on the GPU: {lanes} lane(s) of up to {size} ({free / 2**30:.0f} GiB free)",
        flush=True,
    )
    return [list(group[i : i + size]) for i in range(0, len(group), size)]
