"""A lane: runs of one shape that step together, with their optimizer and batch orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.optim.adamw import adamw

from ..model import ModelShape, views
from ..tasks import Task
from .batches import BatchOrder, batch_bounds
from .network import Network
from .ops import Do, cross_entropy
from .tape import Tape, run

BETAS = (0.9, 0.999)
EPS = 1e-8


@dataclass(frozen=True)
class Recipe:
    """What training one run needs besides its weights."""

    task: Task
    learning_rate: float
    weight_decay: float
    batch_seed: int
    batch_size: int


@dataclass
class RunState:
    """A run at a step: parameters and Adam's first and second moments, each float [parameters]."""

    step: int
    parameters: Tensor
    first_moment: Tensor
    second_moment: Tensor

    @classmethod
    def fresh(cls, parameters: Tensor) -> RunState:
        """Step 0 with zero moments."""
        return cls(0, parameters, torch.zeros_like(parameters), torch.zeros_like(parameters))


@dataclass
class AdamGroup:
    """Runs that share learning rate and weight decay: their parameters, gradients and moments, and step counters."""

    learning_rate: float
    weight_decay: float
    tensors: list[tuple[Tensor, Tensor, Tensor, Tensor]] = field(default_factory=list)
    steps: list[Tensor] = field(default_factory=list)

    def step(self, do: Do) -> None:
        """Torch's own fused AdamW, without the optimizer object's bookkeeping (a quarter millisecond a step)."""
        parameters, gradients, first, second = (list(column) for column in zip(*self.tensors, strict=True))
        do(
            adamw, parameters, gradients, first, second, [], self.steps,
            fused=True, capturable=parameters[0].is_cuda, amsgrad=False, maximize=False,
            beta1=BETAS[0], beta2=BETAS[1], eps=EPS, lr=self.learning_rate, weight_decay=self.weight_decay,
        )  # fmt: skip


def token_rows(pairs: np.ndarray, modulus: int) -> Tensor:
    """Token rows of pairs [N, 2] for `Network.forward`: int64 [2, N], a and p + b."""
    return torch.from_numpy(pairs.T + np.array([[0], [modulus]])).contiguous()


class Lane:
    """Trains runs in lockstep from one common step. On CUDA each stretch of an epoch is one replayed graph."""

    def __init__(
        self,
        shape: ModelShape,
        recipes: Sequence[Recipe],
        states: Sequence[RunState],
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.step = states[0].step
        if any(state.step != self.step for state in states):
            raise ValueError("the runs of a lane must stand at the same step")
        self.shape, self.recipes = shape, recipes
        stack = [
            torch.stack([getattr(s, part) for s in states]).to(device, dtype)
            for part in ("parameters", "first_moment", "second_moment")
        ]
        self._parameters, self._first, self._second = stack
        self._gradient = torch.zeros_like(self._parameters)
        self._groups = self._group()
        self.network = Network(shape, views(self._parameters, shape), views(self._gradient, shape))
        train = [torch.cat([token_rows(r.task.train_pairs, shape.modulus), self._labels(r.task)]) for r in recipes]
        self._train = torch.stack(train).to(device)  # token rows and label [R, 3, n_train]
        n = self._train.shape[-1]
        self._orders = [BatchOrder(shape, r.batch_seed, n) for r in recipes]
        self._bounds = batch_bounds(n, recipes[0].batch_size)
        self._epoch = torch.empty_like(self._train)
        self._loaded_epoch = -1
        self._losses = self._parameters.new_zeros(len(self._bounds), len(recipes))
        self._tapes: dict[int, Tape] = {}  # by batch of the epoch
        # One pool for all graphs: they run one after another, and no result lies in it.
        self._pool = torch.cuda.graph_pool_handle() if self._parameters.is_cuda else None
        self._graphs: dict[tuple[int, int], torch.cuda.CUDAGraph] = {}

    @staticmethod
    def _labels(task: Task) -> Tensor:
        return torch.from_numpy(task.labels(task.train_pairs))[None]

    def _group(self) -> list[AdamGroup]:
        """One AdamW call for all runs of equal hyperparameters: a fused pass, one launch on a GPU."""
        groups: dict[tuple[float, float], AdamGroup] = {}
        for i, recipe in enumerate(self.recipes):
            key = (recipe.learning_rate, recipe.weight_decay)
            group = groups.setdefault(key, AdamGroup(*key))
            group.tensors.append((self._parameters[i], self._gradient[i], self._first[i], self._second[i]))
            group.steps.append(torch.tensor(float(self.step), device=self._parameters.device))
        return list(groups.values())

    def memory_bytes(self) -> int:
        """Bytes of parameters, gradients, moments, data and workspace."""
        tensors = (self._parameters, self._gradient, self._first, self._second, self._train, self._epoch)
        return sum(t.numel() * t.element_size() for t in tensors) + self.network.buffers.memory_bytes()

    @property
    def parameters(self) -> Tensor:
        """Current parameters [R, parameters]; live memory, copy before the next `advance`."""
        return self._parameters

    @property
    def tapes(self) -> list[Tape]:
        """The tapes of the batches taken so far, in the order of an epoch."""
        return [tape for _, tape in sorted(self._tapes.items())]

    def state(self, run: int) -> RunState:
        """A copy of one run's state, on the CPU."""
        parts = (self._parameters[run], self._first[run], self._second[run])
        return RunState(self.step, *(part.detach().cpu().clone() for part in parts))

    def advance(self, steps: int) -> Tensor:
        """Take `steps` optimizer steps. Returns the batch losses, [steps, R] on the CPU."""
        losses, target = [self._losses[:0]], self.step + steps
        # A run on its way to NaN is recorded as diverged; numpy need not warn of it as well.
        with torch.no_grad(), np.errstate(all="ignore"):
            while self.step < target:
                epoch, first = divmod(self.step, len(self._bounds))
                last = min(len(self._bounds), first + target - self.step)
                self._load(epoch)
                self._run(first, last)
                losses.append(self._losses[first:last].clone())
                self.step += last - first
        return torch.cat(losses).cpu()

    def _load(self, epoch: int) -> None:
        if epoch == self._loaded_epoch:
            return
        order = torch.stack([order.epoch(epoch) for order in self._orders]).to(self._train.device)
        torch.gather(self._train, 2, order[:, None].expand_as(self._train), out=self._epoch)
        self._loaded_epoch = epoch

    def _run(self, first: int, last: int) -> None:
        """Batches first to last of the loaded epoch."""
        if not self._parameters.is_cuda:
            self._steps(first, last)
            return
        if (first, last) not in self._graphs:
            self._graphs[first, last] = self._capture(first, last)
        self._graphs[first, last].replay()

    def _capture(self, first: int, last: int) -> torch.cuda.CUDAGraph:
        # Warming up and capturing must not train: the state is put back afterwards.
        kept = [tensor.clone() for tensor in self._live()]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            # A whole epoch, so that every tape is there: recording makes constants, which a capture must not.
            self._steps(0, len(self._bounds))
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            self._steps(first, last)
        for tensor, value in zip(self._live(), kept, strict=True):
            tensor.copy_(value)
        return graph

    def _live(self) -> list[Tensor]:
        return [self._parameters, self._first, self._second, *(step for group in self._groups for step in group.steps)]

    def _steps(self, first: int, last: int) -> None:
        for i in range(first, last):
            if i in self._tapes:
                self._tapes[i].replay()
            else:
                self._tapes[i] = self._record(i)

    def _record(self, i: int) -> Tape:
        """Take the optimizer step on batch i of the loaded epoch; the tape takes it again on what memory then holds."""
        tape = self.network.do = Tape()
        batch = self._epoch[:, :, slice(*self._bounds[i])]
        _, logits = self.network.forward(batch[:, :2])
        self.network.backward(cross_entropy(tape, self.network.buffers, logits, batch[:, 2], self._losses[i]))
        for group in self._groups:
            group.step(tape)
        self.network.do = run
        return tape
