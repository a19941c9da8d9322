"""The plain loop, written the way most people write it: the oracle of the engine and the baseline of its speed.

nn.TransformerEncoder, DataLoader(batch_size=512, shuffle=True), torch.optim.AdamW, one run; neither slowed nor tuned.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


class PlainTransformer(nn.Module):
    """Two embeddings, learned positions, post-norm encoder, linear output read at position 0."""

    def __init__(self, modulus: int, width: int, heads: int, layers: int, bottleneck: int | None = None) -> None:
        super().__init__()
        self.embed_a = nn.Embedding(modulus, width)
        self.embed_b = nn.Embedding(modulus, width)
        self.pos_embed = nn.Parameter(torch.randn(2, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, dropout=0.0, batch_first=True)
        self.transformer = nn.TransformerEncoder(layer, layers)
        if bottleneck is not None and bottleneck < width:
            self.bottleneck = nn.Sequential(nn.Linear(width, bottleneck), nn.ReLU(), nn.Linear(bottleneck, width))
        else:
            self.bottleneck = nn.Identity()
        self.output = nn.Linear(width, modulus)

    def hidden(self, a: Tensor, b: Tensor) -> Tensor:
        """Hidden states [pairs, width]: the last encoder layer at position 0."""
        x = torch.stack([self.embed_a(a), self.embed_b(b)], dim=1) + self.pos_embed
        return self.transformer(x)[:, 0]

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Logits [pairs, modulus]."""
        return self.output(self.bottleneck(self.hidden(a, b)))


def multiplication_data(modulus: int, seed: int, train_fraction: float = 0.3) -> tuple[TensorDataset, TensorDataset]:
    """Train and test sets of multiplication, split as published."""
    pairs = [(a, b) for a in range(1, modulus) for b in range(1, modulus)]
    np.random.seed(seed)
    np.random.shuffle(pairs)
    a, b = torch.tensor(pairs).unbind(1)
    n = int(train_fraction * len(pairs))
    label = a * b % modulus
    return TensorDataset(a[:n], b[:n], label[:n]), TensorDataset(a[n:], b[n:], label[n:])


def train(
    model: nn.Module,
    data: TensorDataset,
    learning_rate: float,
    weight_decay: float,
    batch_size: int = 512,
    device: str = "cpu",
) -> Iterator[float]:
    """Train for ever, yielding each step's batch loss."""
    model.to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
    loader = DataLoader(data, batch_size=batch_size, shuffle=True)
    while True:
        for a, b, label in loader:
            a, b, label = a.to(device), b.to(device), label.to(device)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(a, b), label)
            loss.backward()
            optimizer.step()
            yield loss.item()
