"""Running stacked models over all pairs: hidden states, logits, accuracy and loss."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ..model import ModelShape, views
from ..tasks import Task
from .lane import token_rows
from .network import Network

CHUNK = 1024  # pairs a pass: the working set then stays in a core's cache


class Evaluator:
    """Forward passes of stacked parameters over every pair of each run's task, train pairs first."""

    def __init__(self, shape: ModelShape, tasks: list[Task], parameters: Tensor) -> None:
        self._network = Network(shape, views(parameters, shape))
        pairs = [np.concatenate([task.train_pairs, task.test_pairs]) for task in tasks]
        rows = torch.stack([token_rows(p, shape.modulus) for p in pairs])
        labels = torch.stack([torch.from_numpy(t.labels(p)) for t, p in zip(tasks, pairs, strict=True)])
        self._rows, self._labels = rows.to(parameters.device), labels.to(parameters.device)
        self._n_train = tasks[0].n_train

    @torch.no_grad()
    def outputs(self) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """Pairs of a chunk, hidden states [R, n, d] and logits [R, n, p]; workspace, valid until the next chunk."""
        total = self._rows.shape[-1]
        for low in range(0, total, CHUNK):
            part = slice(low, min(low + CHUNK, total))
            with np.errstate(all="ignore"):  # a diverged run's numbers overflow, which its scores say
                hidden, logits = self._network.forward(self._rows[:, :, part])
            yield part, hidden, logits

    @torch.no_grad()
    def scores(self) -> list[dict[str, float]]:
        """For each run: train_accuracy, train_loss, test_accuracy, test_loss (mean cross-entropy, nats)."""
        correct, losses = [], []
        for part, _, logits in self.outputs():
            labels = self._labels[:, part]
            correct.append(logits.argmax(-1) == labels)
            losses.append(-torch.log_softmax(logits.double(), -1).gather(-1, labels[..., None])[..., 0])
        correct, loss, n = torch.cat(correct, 1).double(), torch.cat(losses, 1), self._n_train
        return [
            {
                "train_accuracy": correct[r, :n].mean().item(),
                "train_loss": loss[r, :n].mean().item(),
                "test_accuracy": correct[r, n:].mean().item(),
                "test_loss": loss[r, n:].mean().item(),
            }
            for r in range(len(correct))
        ]

    def arrays(self) -> list[tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, list[np.ndarray]]]]:
        """For each run: hidden states, logits and attention weights by split.

        Hidden states and logits are float32 [pairs, ...]; attention is one float32 [T, pairs, heads] a layer, the
        weights on position 0 from the T query positions that reach the output (`Network.attention`).
        """
        parts = [
            (hidden.cpu().clone(), logits.cpu().clone(), [gate.cpu().clone() for gate in self._network.attention])
            for _, hidden, logits in self.outputs()
        ]
        hidden, logits, gates = zip(*parts, strict=True)
        hidden, logits = torch.cat(hidden, 1).numpy(), torch.cat(logits, 1).numpy()
        layers = [torch.cat(layer, 2).numpy() for layer in zip(*gates, strict=True)]
        n = self._n_train
        return [
            (
                {"train": h[:n], "test": h[n:]},
                {"train": z[:n], "test": z[n:]},
                {"train": [layer[r, :, :n] for layer in layers], "test": [layer[r, :, n:] for layer in layers]},
            )
            for r, (h, z) in enumerate(zip(hidden, logits, strict=True))
        ]
