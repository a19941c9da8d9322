"""Small tensor operations that the stacked network is made of.

`do` makes each call (tape.py); results lie in `buffers`, valid until the same name is written again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

LAYER_NORM_EPS = 1e-5
Do = Callable[..., Any]  # what a call returns is its `out=` or the tensor it wrote to
Normed = tuple[Tensor, Tensor, Tensor]  # input, mean, 1 / standard deviation
_aten = torch.ops.aten

# A lane is one thread on a CPU: its bits then do not depend on the number of cores. numpy's BLAS would take them all,
# and in products this small its threads cost more time than they save. This holds for the whole process.
threadpool_limits(1, user_api="blas")


class Workspace:
    """Named scratch tensors that keep their memory from step to step (page faults would cost a tenth of a step)."""

    def __init__(self, like: Tensor) -> None:
        self._like = like
        self._memory: dict[str, Tensor] = {}
        self._outgrown = 0

    def __call__(self, name: str, *shape: int) -> Tensor:
        """The scratch tensor `name` with this shape; its contents are whatever was last written."""
        size, memory = math.prod(shape), self._memory.get(name)
        if memory is None or memory.numel() < size:
            self._outgrown += memory.nbytes if memory is not None else 0
            memory = self._memory[name] = self._like.new_empty(size)
        return memory[:size].view(shape)

    def memory_bytes(self) -> int:
        """Bytes held, with what was outgrown: a tape that was recorded before still holds that."""
        return self._outgrown + sum(m.nbytes for m in self._memory.values())


def product(do: Do, a: Tensor, b: Tensor, out: Tensor, plus: Tensor | None = None) -> Tensor:
    """Write a b (+ plus) into `out`, run by run: [R, n, k], [R, k, m] and [R, n, m], plus broadcast to it.

    One run on a CPU goes to numpy's BLAS, which is 5 to 9% faster than torch's there (docs/performance.md).
    """
    if out.is_cuda or out.shape[0] > 1:
        return do(torch.bmm, a, b, out=out) if plus is None else do(torch.baddbmm, plus, a, b, out=out)
    do(np.matmul, a[0].numpy(), b[0].numpy(), out=out[0].numpy())
    return out if plus is None else do(torch.add, out, plus, out=out)


def layer_norm(do: Do, buffers: Workspace, name: str, x: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Normed]:
    """Layer norm of [R, rows, d] with one weight and bias [R, d] a run; also what its backward pass needs."""
    out = buffers(name, *x.shape)
    mean, rstd = buffers(name + ".mean", *x.shape[:2], 1), buffers(name + ".rstd", *x.shape[:2], 1)
    alone = x.shape[0] == 1
    scale = (weight[0], bias[0]) if alone else (None, None)
    do(_aten.native_layer_norm.out, x, x.shape[-1:], *scale, LAYER_NORM_EPS, out0=out, out1=mean, out2=rstd)
    if not alone:
        do(torch.addcmul, bias[:, None], out, weight[:, None], out=out)
    return out, (x, mean, rstd)


def layer_norm_backward(
    do: Do, buffers: Workspace, name: str, grad: Tensor, saved: Normed, weight: Tensor, d_weight: Tensor, d_bias: Tensor
) -> Tensor:
    """Write the gradients of weight and bias, each [R, d]; return that of the input, [R, rows, d]."""
    x, mean, rstd = saved
    d_x = buffers(name, *x.shape)
    if x.shape[0] == 1:
        to = {"out0": d_x, "out1": d_weight[0], "out2": d_bias[0]}
        backward = _aten.native_layer_norm_backward.out
        do(backward, grad, x, x.shape[-1:], mean, rstd, weight[0], weight[0], [True, True, True], **to)
        return d_x
    product = buffers("norm_product", *x.shape)
    do(torch.sub, x, mean, out=product)
    do(torch.mul, product, rstd, out=product)
    do(torch.mul, product, grad, out=product)
    do(torch.sum, product, 1, out=d_weight)
    do(torch.sum, grad, 1, out=d_bias)
    do(torch.mul, grad, weight[:, None], out=product)
    return do(_plain_norm_backward, product, x, mean, rstd, out=d_x)


def _plain_norm_backward(grad: Tensor, x: Tensor, mean: Tensor, rstd: Tensor, out: Tensor) -> Tensor:
    """Gradient of the input of a layer norm without weight and bias; torch has no `out=` that leaves theirs away."""
    only_input = [True, False, False]
    return out.copy_(_aten.native_layer_norm_backward(grad, x, x.shape[-1:], mean, rstd, None, None, only_input)[0])


def scatter_rows(do: Do, buffers: Workspace, name: str, values: Tensor, rows: Tensor, size: int) -> Tensor:
    """Sum rows of values [R, n, c] into [R, size, c]; `rows` [R * n] counts through the stacked table [R * size].

    On a GPU a product with a one-hot matrix, since atomic additions would not give the same bits twice.
    """
    runs, n, width = values.shape
    out = buffers(name, runs, size, width)
    if values.is_cuda:
        return product(do, one_hot(do, buffers, rows.view(runs, n), size), values, out)
    do(out.zero_)
    do(out.view(runs * size, width).index_add_, 0, rows, values.view(runs * n, width))
    return out


def one_hot(do: Do, buffers: Workspace, rows: Tensor, size: int) -> Tensor:
    """1 where run r's n-th row is row s of its part of the stacked table, else 0: [R, size, n] for rows [R, n]."""
    runs, n = rows.shape
    table = torch.arange(runs * size, device=rows.device).view(runs, size, 1)
    return do(torch.eq, table, rows[:, None], out=buffers("one_hot", runs, size, n))


def cross_entropy(do: Do, buffers: Workspace, logits: Tensor, labels: Tensor, loss: Tensor) -> Tensor:
    """Write the mean cross-entropy of each run into `loss` [R]; return its gradient [R, N, p].

    For logits [R, N, p] and labels [R, N].
    """
    runs, n = labels.shape
    labels, grad = labels[..., None], buffers("d_logits", *logits.shape)
    picked, minus = buffers("picked", runs, n, 1), logits.new_full((runs, n, 1), -1 / n)
    do(torch.log_softmax, logits, -1, out=grad)
    do(torch.gather, grad, -1, labels, out=picked)
    do(torch.sum, picked, (1, 2), out=loss)
    do(loss.div_, -n)
    do(grad.exp_)
    do(grad.div_, n)
    do(grad.scatter_add_, -1, labels, minus)
    return grad
