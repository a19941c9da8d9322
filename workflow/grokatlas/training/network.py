"""Forward and backward pass of stacked transformers, written out by hand.

Every tensor has a leading run axis R; a matrix product of the stack is one `bmm`. What the task allows is used, at
results equal to rounding (docs/performance.md has the numbers):

* only 2p distinct inputs enter layer 1, so queries, keys and values are projected once per input and gathered;
* softmax over two keys is a sigmoid of one difference, so keys are only needed as k0 - k1 (the key bias cancels and
  its gradient is exactly zero);
* the output is read at position 0, so the last layer computes that position alone.

Names: N pairs in the batch, d width, H heads, e = d / H, p modulus, T query positions (2, or 1 in the last layer).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..model import ModelShape
from .ops import Workspace, layer_norm, layer_norm_backward, relu_backward_, scatter_rows, sigmoid_backward

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
    norm1: tuple[Tensor, Tensor, Tensor]
    y: Tensor  # [R, T*N, d]
    hidden: Tensor  # after ReLU [R, T*N, 4d]
    norm2: tuple[Tensor, Tensor, Tensor]


class Network:
    """Stacked forward and backward passes over parameter views `w` and gradient views `g`, each name -> [R, ...]."""

    def __init__(self, shape: ModelShape, w: Views, g: Views | None = None) -> None:
        self.shape, self.w, self.g = shape, w, g
        self.runs = w["output.bias"].shape[0]
        self._transposed = {name: view.mT for name, view in w.items() if name.endswith("weight") and view.dim() == 3}
        self._row = {name: view[:, None] for name, view in w.items() if name.endswith("bias")}  # to add to every row
        self.buffers = Workspace(w["output.bias"])
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
            squeezed = self._linear("bottleneck.0", x, "squeezed").relu_()
            self._squeezed, self._widened = squeezed, self._linear("bottleneck.2", squeezed, "widened")
            x = self._widened
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
            relu_backward_(grad, self._squeezed)
            grad = self._linear_backward("bottleneck.0", self._top, grad, "d_top")
        for layer in range(self.shape.layers - 1, 0, -1):
            grad = self._layer_backward(layer, grad)
        self._first_layer_backward(grad)

    # --- layers -------------------------------------------------------------------------------------------------

    def _query_positions(self, layer: int) -> int:
        return 1 if layer == self.shape.layers - 1 else 2

    def _first_layer(self, rows: Tensor) -> Tensor:
        w, (R, _, N), d, name = self.w, rows.shape, self.shape.width, "transformer.layers.0."
        T = self._query_positions(0)
        inputs = self.buffers("inputs", R, 2 * self.shape.modulus, d)
        p = self.shape.modulus
        torch.add(w["embed_a.weight"], w["pos_embed"][:, :1], out=inputs[:, :p])
        torch.add(w["embed_b.weight"], w["pos_embed"][:, 1:], out=inputs[:, p:])
        weight, bias = self._transposed[name + "self_attn.in_proj_weight"], self._row[name + "self_attn.in_proj_bias"]
        table = torch.baddbmm(bias, inputs, weight, out=self.buffers("table", R, 2 * p, 3 * d))
        residual = self._gather(inputs, rows, "residual")[:, :T]
        tokens = self._gather(table, rows, "tokens").view(R, 2, N, 3, self.shape.heads, d // self.shape.heads)
        q, k, v = tokens.unbind(3)
        delta_k = torch.sub(k[:, 0], k[:, 1], out=self.buffers("0.delta_k", R, N, *k.shape[3:]))
        delta_v = torch.sub(v[:, 0], v[:, 1], out=self.buffers("0.delta_v", R, N, *k.shape[3:]))
        return self._block(0, inputs, residual, q[:, :T], delta_k, v[:, 1], delta_v)

    def _layer(self, layer: int, x: Tensor) -> Tensor:
        R, _, N, d = x.shape
        H, T, name = self.shape.heads, self._query_positions(layer), f"transformer.layers.{layer}."
        weight, bias = self._transposed[name + "self_attn.in_proj_weight"], self._row[name + "self_attn.in_proj_bias"]
        difference = torch.sub(x[:, 0], x[:, 1], out=self.buffers(f"{layer}.difference", R, N, d))
        q = self.buffers(f"{layer}.q", R, T * N, d)
        torch.baddbmm(bias[..., :d], x[:, :T].reshape(R, T * N, d), weight[..., :d], out=q)
        delta_kv = torch.bmm(difference, weight[..., d:], out=self.buffers(f"{layer}.delta_kv", R, N, 2 * d))
        v1 = self.buffers(f"{layer}.v1", R, N, d)
        torch.baddbmm(bias[..., 2 * d :], x[:, 1], weight[..., 2 * d :], out=v1)
        delta_k, delta_v = delta_kv.view(R, N, 2, H, d // H).unbind(2)
        return self._block(layer, x, x[:, :T], q.view(R, T, N, H, -1), delta_k, v1.view(R, N, H, -1), delta_v)

    def _block(
        self, layer: int, x: Tensor, residual: Tensor, q: Tensor, delta_k: Tensor, v1: Tensor, delta_v: Tensor
    ) -> Tensor:
        """Attention over the two keys, projection, norm, feed-forward, norm."""
        R, T, N, H, e = q.shape
        d, name, buffers = H * e, f"transformer.layers.{layer}.", self.buffers
        product = torch.mul(q, delta_k[:, None], out=buffers("product", R, T, N, H, e))
        gate = product.sum(-1).mul_(1 / math.sqrt(e)).sigmoid_()
        mixed = torch.addcmul(
            v1[:, None], gate[..., None], delta_v[:, None], out=buffers(f"{layer}.mixed", R, T, N, H, e)
        )
        mixed = mixed.view(R, T * N, d)
        u = buffers(f"{layer}.u", R, T, N, d)
        torch.add(residual, self._row[name + "self_attn.out_proj.bias"][:, None], out=u)
        u = u.view(R, T * N, d).baddbmm_(mixed, self._transposed[name + "self_attn.out_proj.weight"])
        y, norm1 = layer_norm(u, self.w[name + "norm1.weight"], self.w[name + "norm1.bias"])
        hidden = self._linear(name + "linear1", y, f"{layer}.hidden").relu_()
        u = torch.add(y, self._row[name + "linear2.bias"], out=buffers(f"{layer}.u2", R, T * N, d))
        u.baddbmm_(hidden, self._transposed[name + "linear2.weight"])
        out, norm2 = layer_norm(u, self.w[name + "norm2.weight"], self.w[name + "norm2.bias"])
        self._saved.append(Saved(x, q, delta_k, delta_v, gate, mixed, norm1, y, hidden, norm2))
        return out if T == 1 else out.view(R, T, N, d)

    # --- backward -----------------------------------------------------------------------------------------------

    def _block_backward(
        self, layer: int, grad: Tensor, d_q: Tensor, d_delta_k: Tensor, d_delta_v: Tensor
    ) -> tuple[Tensor, Tensor]:
        """From the gradient of the layer's output: fill d_q, d_delta_k, d_delta_v; return those of residual and v1.

        The residual's is [R, T*N, d], v1's [R, N, H, e].
        """
        s, name, g, buffers = self._saved[layer], f"transformer.layers.{layer}.", self.g, self.buffers
        R, T, N, H, e = s.q.shape
        grad = grad.reshape(R, T * N, H * e)
        d_u = layer_norm_backward(grad, s.norm2, self.w[name + "norm2.weight"], g, name + "norm2")
        d_hidden = self._linear_backward(name + "linear2", s.hidden, d_u, "d_hidden")
        relu_backward_(d_hidden, s.hidden)
        d_y = self._linear_backward(name + "linear1", s.y, d_hidden, "d_y", add=d_u)
        d_u = layer_norm_backward(d_y, s.norm1, self.w[name + "norm1.weight"], g, name + "norm1")
        d_mixed = self._linear_backward(name + "self_attn.out_proj", s.mixed, d_u, "d_mixed").view(R, T, N, H, e)
        product = torch.mul(d_mixed, s.delta_v[:, None], out=buffers("product", R, T, N, H, e))
        d_score = sigmoid_backward(product.sum(-1), s.gate).mul_(1 / math.sqrt(e))[..., None]
        torch.mul(d_score, s.delta_k[:, None], out=d_q)
        if T == 1:
            torch.mul(d_score[:, 0], s.q[:, 0], out=d_delta_k)
            torch.mul(s.gate[:, 0, ..., None], d_mixed[:, 0], out=d_delta_v)
            return d_u, d_mixed[:, 0]
        torch.sum(torch.mul(d_score, s.q, out=product), 1, out=d_delta_k)
        torch.sum(torch.mul(s.gate[..., None], d_mixed, out=product), 1, out=d_delta_v)
        return d_u, d_mixed.sum(1)

    def _layer_backward(self, layer: int, grad: Tensor) -> Tensor:
        s, name = self._saved[layer], f"transformer.layers.{layer}."
        R, T, N, H, e = s.q.shape
        d = H * e
        d_q, d_kv = self.buffers("d_q", R, T, N, H, e), self.buffers("d_kv", R, N, 2, H, e)
        d_residual, d_v1 = self._block_backward(layer, grad, d_q, d_kv[:, :, 0], d_kv[:, :, 1])
        d_q, d_kv, d_v1 = d_q.view(R, T * N, d), d_kv.view(R, N, 2 * d), d_v1.reshape(R, N, d)
        weight, g_weight = self.w[name + "self_attn.in_proj_weight"], self.g[name + "self_attn.in_proj_weight"]
        g_bias = self.g[name + "self_attn.in_proj_bias"]
        torch.bmm(d_q.mT, s.x[:, :T].reshape(R, T * N, d), out=g_weight[:, :d])
        torch.bmm(d_kv.mT, self.buffers(f"{layer}.difference", R, N, d), out=g_weight[:, d:])
        g_weight[:, 2 * d :].baddbmm_(d_v1.mT, s.x[:, 1])
        torch.sum(d_q, 1, out=g_bias[:, :d])
        g_bias[:, d : 2 * d] = 0
        torch.sum(d_v1, 1, out=g_bias[:, 2 * d :])
        d_difference = torch.bmm(d_kv, weight[:, d:], out=self.buffers("d_difference", R, N, d))
        d_x = self.buffers("d_x", R, 2, N, d)
        d_tokens = torch.baddbmm(d_residual, d_q, weight[:, :d], out=self.buffers("d_tokens", R, T * N, d))
        torch.add(d_tokens.view(R, T, N, d)[:, 0], d_difference, out=d_x[:, 0])
        torch.baddbmm(d_difference, d_v1, weight[:, 2 * d :], beta=-1, out=d_x[:, 1])
        if T == 2:
            d_x[:, 1] += d_tokens.view(R, T, N, d)[:, 1]
        return d_x

    def _first_layer_backward(self, grad: Tensor) -> None:
        s, name, g = self._saved[0], "transformer.layers.0.", self.g
        R, T, N, H, e = s.q.shape
        d, p = H * e, self.shape.modulus
        d_tokens = self.buffers("d_tokens_0", R, 2, N, 3, H, e)
        d_q, d_k, d_v = d_tokens.unbind(3)
        d_residual, d_v1 = self._block_backward(0, grad, d_q[:, :T], d_k[:, 0], d_v[:, 0])
        torch.neg(d_k[:, 0], out=d_k[:, 1])
        torch.sub(d_v1, d_v[:, 0], out=d_v[:, 1])
        if T == 1:
            d_q[:, 1] = 0
        d_table = scatter_rows(d_tokens.view(R, 2 * N, 3 * d), self._flat(self._rows), 2 * p)
        torch.bmm(d_table.mT, s.x, out=g[name + "self_attn.in_proj_weight"])
        torch.sum(d_table, 1, out=g[name + "self_attn.in_proj_bias"])
        g[name + "self_attn.in_proj_bias"][:, d : 2 * d] = 0
        d_inputs = scatter_rows(d_residual, self._flat(self._rows[:, :T]), 2 * p)
        d_inputs.baddbmm_(d_table, self.w[name + "self_attn.in_proj_weight"])
        g["embed_a.weight"].copy_(d_inputs[:, :p])
        g["embed_b.weight"].copy_(d_inputs[:, p:])
        torch.sum(d_inputs.view(R, 2, p, d), 2, out=g["pos_embed"])

    # --- pieces -------------------------------------------------------------------------------------------------

    def _flat(self, rows: Tensor) -> Tensor:
        """Token rows [R, 2, N] as row numbers of the stacked table [R * 2p]."""
        if self.runs == 1:
            return rows.reshape(-1)
        offset = torch.arange(self.runs, device=rows.device)[:, None, None] * (2 * self.shape.modulus)
        return (rows + offset).reshape(-1)

    def _gather(self, table: Tensor, rows: Tensor, buffer: str) -> Tensor:
        """Rows [R, 2, N] of a stacked table [R, 2p, c]: [R, 2, N, c]."""
        R, size, width = table.shape
        out = self.buffers(buffer, rows.numel(), width)
        return torch.index_select(table.view(R * size, width), 0, self._flat(rows), out=out).view(*rows.shape, width)

    def _linear(self, name: str, x: Tensor, buffer: str) -> Tensor:
        weight = self._transposed[name + ".weight"]
        out = self.buffers(buffer, x.shape[0], x.shape[1], weight.shape[-1])
        return torch.baddbmm(self._row[name + ".bias"], x, weight, out=out)

    def _linear_backward(self, name: str, x: Tensor, grad: Tensor, buffer: str, add: Tensor | None = None) -> Tensor:
        """Write the layer's gradients, return d loss / d x (plus `add`)."""
        weight = self.w[name + ".weight"]
        torch.bmm(grad.mT, x, out=self.g[name + ".weight"])
        torch.sum(grad, 1, out=self.g[name + ".bias"])
        out = self.buffers(buffer, *x.shape)
        return torch.bmm(grad, weight, out=out) if add is None else torch.baddbmm(add, grad, weight, out=out)
