"""What a probe is and what it sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import GrokatlasError
from ..metrics import Measurement
from ..tasks import OPERATIONS, Operation, Task


@dataclass(frozen=True)
class ClassMeans:
    """Test hidden states by class, in ring order (place k holds the label at ring position k).

    `counts` int64 [ring], test pairs of each class; `means` float64 [ring, width], class means relative to the mean of
    all test rows; `total` the summed squared distance of all test rows from that mean.
    """

    counts: np.ndarray
    means: np.ndarray
    total: float


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One run at one step, as a probe sees it; all arrays numpy.

    `state`: state-dict names -> float32 arrays. `hidden`, `logits`, `labels`: split ("train", "test") -> float32
    [pairs, width], float32 [pairs, modulus], int64 [pairs], rows in the order of the task's train and test pairs.
    `attention`: split -> one float32 [T, pairs, heads] a layer, the attention weights on position 0 from the T query
    positions that reach the output (both; in the last layer position 0 alone); those on position 1 are the rest to 1.
    """

    task: Task
    state: Mapping[str, np.ndarray]
    hidden: Mapping[str, np.ndarray]
    logits: Mapping[str, np.ndarray]
    labels: Mapping[str, np.ndarray]
    attention: Mapping[str, Sequence[np.ndarray]]

    @cached_property
    def finite(self) -> bool:
        """Whether every hidden state and logit is a finite number; a diverged run's are not."""
        return all(np.isfinite(array).all() for arrays in (self.hidden, self.logits) for array in arrays.values())

    @cached_property
    def centred(self) -> dict[str, np.ndarray]:
        """Hidden states minus their mean, split by split: split -> float64 [pairs, width]."""
        # Relative to a row first: equal rows (a collapsed network) then centre to exact zeros, not to rounding noise.
        shifted = {split: rows.astype(np.float64) - rows[0] for split, rows in self.hidden.items()}
        return {split: rows - rows.mean(axis=0) for split, rows in shifted.items()}

    @cached_property
    def class_means(self) -> ClassMeans:
        """Test hidden states averaged by class.

        Raises GrokatlasError if a class has no test pair: its place on the ring would be unknown.
        """
        place = self.task.ring_position[self.labels["test"]]
        counts = np.bincount(place, minlength=self.task.ring_size)
        if not counts.all():
            empty = int(np.flatnonzero(self.task.ring_position == np.argmin(counts))[0])
            raise GrokatlasError(
                f"label {empty} of {self.task.operation} mod {self.task.modulus} has no test pair: "
                f"lower train_fraction (now {self.task.train_fraction}) or raise the modulus"
            )
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        rows = self.centred["test"]
        sums = np.add.reduceat(rows[np.argsort(place, kind="stable")], starts, axis=0)
        return ClassMeans(counts, sums / counts[:, None], float(np.einsum("ij,ij->", rows, rows)))


@dataclass(frozen=True)
class Probe:
    """A named pure function `read` from a snapshot to measurements, and the operations that it has a meaning for."""

    name: str
    read: Callable[[Snapshot], list[Measurement]]
    operations: tuple[Operation, ...] = OPERATIONS

    def measure(self, snapshot: Snapshot, before: Snapshot | None = None) -> list[Measurement]:
        """The snapshot's measurements; none if the probe has no meaning for its operation.

        None either for a diverged run (hidden states or logits not finite): it shows as missing, never as a number.
        `before`, the snapshot one cadence earlier, is what a PairProbe compares with; a plain probe ignores it.
        """
        applies = snapshot.task.operation in self.operations
        return self.read(snapshot) if applies and snapshot.finite else []


@dataclass(frozen=True)
class PairProbe:
    """A named pure function `compare` from a snapshot and the one a cadence before it to measurements."""

    name: str
    compare: Callable[[Snapshot, Snapshot], list[Measurement]]
    operations: tuple[Operation, ...] = OPERATIONS

    def measure(self, snapshot: Snapshot, before: Snapshot | None = None) -> list[Measurement]:
        """As `Probe.measure`; none either where there is no snapshot before (the first step, or a pruned file)."""
        applies = snapshot.task.operation in self.operations and before is not None
        return self.compare(snapshot, before) if applies and snapshot.finite and before.finite else []
