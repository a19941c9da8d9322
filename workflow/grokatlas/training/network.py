"""Forward and backward pass of stacked transformers, written out by hand.

Every tensor has a leading run axis R; a matrix product of the stack is one call on a GPU. What the task allows is used,
at results equal to rounding (docs/performance.md has the numbers):

* only 2p distinct inputs enter layer 1, so queries, keys and values are projected once per input and gathered;
* softmax over two keys is a sigmoid of one difference, so keys are only needed as k0 - k1 (the key bias cancels and
  its gradient is exactly zero);
* the output is read at position 0, so the last layer computes that position alone.

Every call into torch that computes goes through `do`, with its result in memory that stays, so that a tape can record
it (tape.py). What is done without `do` happens once for each batch of an epoch: constants, and views that are never
copies.

Names: N pairs in the batch, d width, H heads, e = d / H, p modulus, T query positions (2, or 1 in the last layer).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..model import ModelShape
from .ops import Do, Normed, Workspace, layer_norm, layer_norm_backward, product, scatter_rows
from .tape import run

Views = dict[str, Tensor]


@dataclass
class Saved:
    """What the backward pass of one layer needs of its forward pass."""

    x: Tensor  # layer input [R, 2, N, d]; in the first layer the table of distinct inputs [R, 2p, d]
    q: Tensor  # [R, T, N, H, e]
    delta_k: Tensor  # k0 - k1 [R, N, H, e]
    delta_v: Tensor  # v0 - v1 [R, N, H, e]
    gate: Tensor  # attention weight on position 0 [R, T, N, H]
    mixed: Tensor  # attention output before projection [R, T*N, d]
    norm1: Normed
    y: Tensor  # [R, T*N, d]
    hidden: Tensor  # after ReLU [R, T*N, 4d]
    norm2: Normed
    difference: Tensor | None  # x0 - x1 [R, N, d]; the first layer has no use for it


class Network:
    """Stacked forward and backward passes over parameter views `w` and gradient views `g`, each name -> [R, ...]."""

    def __init__(self, shape: ModelShape, w: Views, g: Views | None = None) -> None:
        self.shape, self.w, self.g = shape, w, g
        self.runs = w["output.bias"].shape[0]
        self._transposed = {name: view.mT for name, view in w.items() if name.endswith("weight") and view.dim() == 3}
        self._row = {name: view[:, None] for name, view in w.items() if name.endswith("bias")}  # to add to every row
        self.buffers = Workspace(w["output.bias"])
        self.do: Do = run
        self._saved: list[Saved] = []

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Hidden states [R, N, d] and logits [R, N, p] for token rows [R, 2, N].

        A token row is a for position 0 and p + b for position 1. The tensors are workspace: valid until the next call.
        """
        self._rows, self._saved = rows, []
        x = self._first_layer(rows)
        for layer in range(1, self.shape.layers):
            x = self._layer(layer, x)
        self._top = x
        if self.shape.has_bottleneck:
            self._squeezed = self.do(self._linear("bottleneck.0", x, "squeezed").relu_)
            self._widened = x = self._linear("bottleneck.2", self._squeezed, "widened")
        return self._top, self._linear("output", x, "logits")

    @property
    def attention(self) -> list[Tensor]:
        """Attention weights on position 0 in the last pass, a layer: [R, T, N, H]; the rest to 1 is on position 1."""
        return [saved.gate for saved in self._saved]

    def backward(self, d_logits: Tensor) -> None:
        """Write the gradient for d loss / d logits [R, N, p] of the last pass into `g` (every entry, afresh)."""
        top = self._widened if self.shape.has_bottleneck else self._top
        grad = self._linear_backward("output", top, d_logits, "d_top")
        if self.shape.has_bottleneck:
            grad = self._linear_backward("bottleneck.2", self._squeezed, grad, "d_squeezed")
            self._relu_backward(grad, self._squeezed)
            grad = self._linear_backward("bottleneck.0", self._top, grad, "d_top")
        for layer in range(self.shape.layers - 1, 0, -1):
            grad = self._layer_backward(layer, grad)
        self._first_layer_backward(grad)

    # --- layers -------------------------------------------------------------------------------------------------

    def _query_positions(self, layer: int) -> int:
        return 1 if layer == self.shape.layers - 1 else 2

    def _first_layer(self, rows: Tensor) -> Tensor:
        do, w, (R, _, N), d, name = self.do, self.w, rows.shape, self.shape.width, "transformer.layers.0."
        T, p = self._query_positions(0), self.shape.modulus
        inputs = self.buffers("inputs", R, 2 * p, d)
        do(torch.add, w["embed_a.weight"], w["pos_embed"][:, :1], out=inputs[:, :p])
        do(torch.add, w["embed_b.weight"], w["pos_embed"][:, 1:], out=inputs[:, p:])
        weight, bias = self._transposed[name + "self_attn.in_proj_weight"], self._row[name + "self_attn.in_proj_bias"]
        table = product(do, inputs, weight, self.buffers("table", R, 2 * p, 3 * d), bias)
        flat = self._flat(rows)
        residual = self._gather(inputs, flat, "residual").view(R, 2, N, d)[:, :T]
        tokens = self._gather(table, flat, "tokens").view(R, 2, N, 3, self.shape.heads, d // self.shape.heads)
        q, k, v = tokens.unbind(3)
        delta_k = do(torch.sub, k[:, 0], k[:, 1], out=self.buffers("0.delta_k", R, N, *k.shape[3:]))
        delta_v = do(torch.sub, v[:, 0], v[:, 1], out=self.buffers("0.delta_v", R, N, *k.shape[3:]))
        return self._block(0, inputs, residual, q[:, :T], delta_k, v[:, 1], delta_v)

    def _layer(self, layer: int, x: Tensor) -> Tensor:
        do, (R, _, N, d) = self.do, x.shape
        H, T, name = self.shape.heads, self._query_positions(layer), f"transformer.layers.{layer}."
        weight, bias = self._transposed[name + "self_attn.in_proj_weight"], self._row[name + "self_attn.in_proj_bias"]
        difference = do(torch.sub, x[:, 0], x[:, 1], out=self.buffers(f"{layer}.difference", R, N, d))
        q, v1 = self.buffers(f"{layer}.q", R, T * N, d), self.buffers(f"{layer}.v1", R, N, d)
        product(do, x[:, :T].view(R, T * N, d), weight[..., :d], q, bias[..., :d])
        delta_kv = product(do, difference, weight[..., d:], self.buffers(f"{layer}.delta_kv", R, N, 2 * d))
        product(do, x[:, 1], weight[..., 2 * d :], v1, bias[..., 2 * d :])
        delta_k, delta_v = delta_kv.view(R, N, 2, H, d // H).unbind(2)
        q, v1 = q.view(R, T, N, H, -1), v1.view(R, N, H, -1)
        return self._block(layer, x, x[:, :T], q, delta_k, v1, delta_v, difference)

    def _block(
        self, layer: int, x: Tensor, residual: Tensor, q: Tensor, delta_k: Tensor, v1: Tensor, delta_v: Tensor,
        difference: Tensor | None = None,
    ) -> Tensor:  # fmt: skip
        """Attention over the two keys, projection, norm, feed-forward, norm."""
        R, T, N, H, e = q.shape
        d, name, do, buffers = H * e, f"transformer.layers.{layer}.", self.do, self.buffers
        weighted = do(torch.mul, q, delta_k[:, None], out=buffers("weighted", R, T, N, H, e))
        gate = do(torch.sum, weighted, -1, out=buffers(f"{layer}.gate", R, T, N, H))
        do(gate.mul_, 1 / math.sqrt(e))
        do(gate.sigmoid_)
        mixed = buffers(f"{layer}.mixed", R, T, N, H, e)
        do(torch.addcmul, v1[:, None], gate[..., None], delta_v[:, None], out=mixed)
        mixed = mixed.view(R, T * N, d)
        u = self._linear(name + "self_attn.out_proj", mixed, f"{layer}.u")
        do(u.view(R, T, N, d).add_, residual)
        y, norm1 = self._norm(layer, "norm1", u)
        hidden = do(self._linear(name + "linear1", y, f"{layer}.hidden").relu_)
        u = do(self._linear(name + "linear2", hidden, f"{layer}.u2").add_, y)
        out, norm2 = self._norm(layer, "norm2", u)
        self._saved.append(Saved(x, q, delta_k, delta_v, gate, mixed, norm1, y, hidden, norm2, difference))
        return out if T == 1 else out.view(R, T, N, d)

    # --- backward -----------------------------------------------------------------------------------------------

    def _block_backward(
        self, layer: int, grad: Tensor, d_q: Tensor, d_delta_k: Tensor, d_delta_v: Tensor
    ) -> tuple[Tensor, Tensor]:
        """From the gradient of the layer's output: fill d_q, d_delta_k, d_delta_v; return those of residual and v1.

        The residual's is [R, T*N, d], v1's [R, N, H, e].
        """
        s, name, do, buffers = self._saved[layer], f"transformer.layers.{layer}.", self.do, self.buffers
        R, T, N, H, e = s.q.shape
        d_u = self._norm_backward(layer, "norm2", grad.view(R, T * N, H * e), s.norm2)
        d_hidden = self._linear_backward(name + "linear2", s.hidden, d_u, "d_hidden")
        self._relu_backward(d_hidden, s.hidden)
        d_y = self._linear_backward(name + "linear1", s.y, d_hidden, "d_y", add=d_u)
        d_u = self._norm_backward(layer, "norm1", d_y, s.norm1)
        d_mixed = self._linear_backward(name + "self_attn.out_proj", s.mixed, d_u, "d_mixed").view(R, T, N, H, e)
        weighted = do(torch.mul, d_mixed, s.delta_v[:, None], out=buffers("weighted", R, T, N, H, e))
        d_score = do(torch.sum, weighted, -1, out=buffers("d_score", R, T, N, H))
        do(torch.ops.aten.sigmoid_backward.grad_input, d_score, s.gate, grad_input=d_score)
        do(d_score.mul_, 1 / math.sqrt(e))
        d_score, gate = d_score[..., None], s.gate[..., None]
        do(torch.mul, d_score, s.delta_k[:, None], out=d_q)
        do(torch.mul, d_score[:, 0], s.q[:, 0], out=d_delta_k)
        do(torch.mul, gate[:, 0], d_mixed[:, 0], out=d_delta_v)
        if T == 1:
            return d_u, d_mixed[:, 0]
        do(d_delta_k.addcmul_, d_score[:, 1], s.q[:, 1])
        do(d_delta_v.addcmul_, gate[:, 1], d_mixed[:, 1])
        return d_u, do(torch.add, d_mixed[:, 0], d_mixed[:, 1], out=buffers("d_v1", R, N, H, e))

    def _layer_backward(self, layer: int, grad: Tensor) -> Tensor:
        s, name, do, buffers = self._saved[layer], f"transformer.layers.{layer}.", self.do, self.buffers
        R, T, N, H, e = s.q.shape
        d = H * e
        d_q, d_kv = buffers("d_q", R, T, N, H, e), buffers("d_kv", R, N, 2, H, e)
        d_residual, d_v1 = self._block_backward(layer, grad, d_q, d_kv[:, :, 0], d_kv[:, :, 1])
        d_q, d_kv, d_v1 = d_q.view(R, T * N, d), d_kv.view(R, N, 2 * d), d_v1.view(R, N, d)
        weight, g_weight = self.w[name + "self_attn.in_proj_weight"], self.g[name + "self_attn.in_proj_weight"]
        g_bias = self.g[name + "self_attn.in_proj_bias"]
        product(do, d_q.mT, s.x[:, :T].view(R, T * N, d), g_weight[:, :d])
        product(do, d_kv.mT, s.difference, g_weight[:, d:])
        do(g_weight[:, 2 * d :].add_, product(do, d_v1.mT, s.x[:, 1], buffers("d_v1_weight", R, d, d)))
        do(torch.sum, d_q, 1, out=g_bias[:, :d])
        do(g_bias[:, d : 2 * d].zero_)
        do(torch.sum, d_v1, 1, out=g_bias[:, 2 * d :])
        d_difference = product(do, d_kv, weight[:, d:], buffers("d_difference", R, N, d))
        d_x, d_tokens = buffers("d_x", R, 2, N, d), buffers("d_tokens", R, T * N, d)
        d_tokens = product(do, d_q, weight[:, :d], d_tokens, d_residual).view(R, T, N, d)
        do(torch.add, d_tokens[:, 0], d_difference, out=d_x[:, 0])
        do(product(do, d_v1, weight[:, 2 * d :], d_x[:, 1]).sub_, d_difference)
        if T == 2:
            do(d_x[:, 1].add_, d_tokens[:, 1])
        return d_x

    def _first_layer_backward(self, grad: Tensor) -> None:
        s, name, g, do, buffers = self._saved[0], "transformer.layers.0.", self.g, self.do, self.buffers
        R, T, N, H, e = s.q.shape
        d, p = H * e, self.shape.modulus
        d_tokens = buffers("d_tokens_0", R, 2, N, 3, H, e)
        d_q, d_k, d_v = d_tokens.unbind(3)
        d_residual, d_v1 = self._block_backward(0, grad, d_q[:, :T], d_k[:, 0], d_v[:, 0])
        do(torch.neg, d_k[:, 0], out=d_k[:, 1])
        do(torch.sub, d_v1, d_v[:, 0], out=d_v[:, 1])
        if T == 1:
            do(d_q[:, 1].zero_)
        d_table = self._scatter(d_tokens.view(R, 2 * N, 3 * d), self._flat(self._rows), "d_table")
        g_bias = g[name + "self_attn.in_proj_bias"]
        product(do, d_table.mT, s.x, g[name + "self_attn.in_proj_weight"])
        do(torch.sum, d_table, 1, out=g_bias)
        do(g_bias[:, d : 2 * d].zero_)
        d_inputs, weight = buffers("d_inputs", R, 2 * p, d), self.w[name + "self_attn.in_proj_weight"]
        product(do, d_table, weight, d_inputs, self._scatter(d_residual, self._flat(self._rows[:, :T]), "d_rows"))
        do(g["embed_a.weight"].copy_, d_inputs[:, :p])
        do(g["embed_b.weight"].copy_, d_inputs[:, p:])
        do(torch.sum, d_inputs.view(R, 2, p, d), 2, out=g["pos_embed"])

    # --- pieces -------------------------------------------------------------------------------------------------

    def _flat(self, rows: Tensor) -> Tensor:
        """Token rows [R, T, N] as row numbers of the stacked table [R * 2p]."""
        offset = torch.arange(self.runs, device=rows.device)[:, None, None] * (2 * self.shape.modulus)
        return self.do(torch.add, rows, offset, out=torch.empty_like(rows, memory_format=torch.contiguous_format)).view(
            -1
        )

    def _gather(self, table: Tensor, flat: Tensor, buffer: str) -> Tensor:
        """Rows, counted through the stacked table [R, 2p, c]: [rows, c]."""
        width = table.shape[-1]
        out = self.buffers(buffer, flat.numel(), width)
        return self.do(torch.index_select, table.view(-1, width), 0, flat, out=out)

    def _scatter(self, values: Tensor, flat: Tensor, buffer: str) -> Tensor:
        return scatter_rows(self.do, self.buffers, buffer, values, flat, 2 * self.shape.modulus)

    def _norm(self, layer: int, norm: str, x: Tensor) -> tuple[Tensor, Normed]:
        name, w = f"transformer.layers.{layer}.{norm}", self.w
        return layer_norm(self.do, self.buffers, f"{layer}.{norm}", x, w[name + ".weight"], w[name + ".bias"])

    def _norm_backward(self, layer: int, norm: str, grad: Tensor, saved: Normed) -> Tensor:
        name, out = f"transformer.layers.{layer}.{norm}", f"d_{norm}"
        weight, d_weight, d_bias = self.w[name + ".weight"], self.g[name + ".weight"], self.g[name + ".bias"]
        return layer_norm_backward(self.do, self.buffers, out, grad, saved, weight, d_weight, d_bias)

    def _linear(self, name: str, x: Tensor, buffer: str) -> Tensor:
        weight = self._transposed[name + ".weight"]
        out = self.buffers(buffer, x.shape[0], x.shape[1], weight.shape[-1])
        return product(self.do, x, weight, out, self._row[name + ".bias"])

    def _linear_backward(self, name: str, x: Tensor, grad: Tensor, buffer: str, add: Tensor | None = None) -> Tensor:
        """Write the layer's gradients, return d loss / d x (plus `add`)."""
        weight, out = self.w[name + ".weight"], self.buffers(buffer, *x.shape)
        product(self.do, grad.mT, x, self.g[name + ".weight"])
        self.do(torch.sum, grad, 1, out=self.g[name + ".bias"])
        return product(self.do, grad, weight, out, add)

    def _relu_backward(self, grad: Tensor, output: Tensor) -> None:
        """Zero, in place, the gradient where ReLU's output is zero."""
        self.do(torch.ops.aten.threshold_backward.grad_input, grad, output, 0, grad_input=grad)
