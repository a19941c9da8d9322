"""Small tensor operations that the stacked network is made of."""

from __future__ import annotations

import math

import torch
from torch import Tensor

LAYER_NORM_EPS = 1e-5
Normed = tuple[Tensor, Tensor, Tensor]


class Workspace:
    """Named scratch tensors that keep their memory from step to step (page faults would cost a tenth of a step)."""

    def __init__(self, like: Tensor) -> None:
        self._like = like
        self._memory: dict[str, Tensor] = {}
        self._views: dict[tuple, Tensor] = {}

    def __call__(self, name: str, *shape: int) -> Tensor:
        """The scratch tensor `name` with this shape; its contents are whatever was last written."""
        view = self._views.get((name, shape))
        return view if view is not None else self._make(name, shape)

    def _make(self, name: str, shape: tuple[int, ...]) -> Tensor:
        size, memory = math.prod(shape), self._memory.get(name)
        if memory is None or memory.numel() < size:
            memory = self._memory[name] = self._like.new_empty(size)
            self._views = {key: view for key, view in self._views.items() if key[0] != name}
        self._views[name, shape] = memory[:size].view(shape)
        return self._views[name, shape]

    def memory_bytes(self) -> int:
        """Bytes held."""
        return sum(m.numel() * m.element_size() for m in self._memory.values())


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Normed]:
    """Layer norm of [R, rows, d] with one weight and bias [R, d] a run; also what its backward pass needs."""
    if x.shape[0] == 1:
        out, mean, rstd = torch.native_layer_norm(x, x.shape[-1:], weight[0], bias[0], LAYER_NORM_EPS)
        return out, (x, mean, rstd)
    unit, mean, rstd = torch.native_layer_norm(x, x.shape[-1:], None, None, LAYER_NORM_EPS)
    return torch.addcmul(bias[:, None], unit, weight[:, None]), (x, mean, rstd)


def layer_norm_backward(grad: Tensor, saved: Normed, weight: Tensor, g: dict[str, Tensor], name: str) -> Tensor:
    """Write the gradients of weight and bias into `g`; return that of the input, [R, rows, d]."""
    x, mean, rstd = saved
    backward = torch.ops.aten.native_layer_norm_backward
    if x.shape[0] == 1:
        shape, zero = x.shape[-1:], weight[0]
        d_x, d_weight, d_bias = backward(grad, x, shape, mean, rstd, weight[0], zero, [True, True, True])
        g[name + ".weight"][0], g[name + ".bias"][0] = d_weight, d_bias
        return d_x
    g[name + ".weight"].copy_(((x - mean) * rstd).mul_(grad).sum(1))
    g[name + ".bias"].copy_(grad.sum(1))
    return backward(grad * weight[:, None], x, x.shape[-1:], mean, rstd, None, None, [True, False, False])[0]


def scatter_rows(values: Tensor, rows: Tensor, size: int) -> Tensor:
    """Sum rows of values [R, n, c] into [R, size, c]; `rows` [R * n] counts through the stacked table [R * size].

    On a GPU a product with a one-hot matrix, since atomic additions would not give the same bits twice.
    """
    runs, n, width = values.shape
    if values.is_cuda:
        one_hot = values.new_zeros(runs, size, n)
        columns = torch.arange(n, device=values.device).expand(runs, n)
        local = rows.view(runs, n) - torch.arange(runs, device=values.device)[:, None] * size
        one_hot[torch.arange(runs, device=values.device)[:, None], local, columns] = 1
        return torch.bmm(one_hot, values)
    out = values.new_zeros(runs * size, width)
    return out.index_add_(0, rows, values.reshape(runs * n, width)).view(runs, size, width)


def cross_entropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy of each run [R] and its gradient [R, N, p] for logits [R, N, p], labels [R, N]."""
    log_probability = torch.log_softmax(logits, -1)
    n, labels = labels.shape[1], labels[..., None]
    loss = log_probability.gather(-1, labels).sum((1, 2)).div_(-n)
    grad = log_probability.exp_().div_(n)
    right = grad.gather(-1, labels).sub_(1 / n)
    return loss, grad.scatter_(-1, labels, right)


def relu_backward_(grad: Tensor, output: Tensor) -> None:
    """Zero, in place, the gradient where ReLU's output is zero."""
    torch.ops.aten.threshold_backward.grad_input(grad, output, 0, grad_input=grad)


def sigmoid_backward(grad: Tensor, output: Tensor) -> Tensor:
    """Gradient of the sigmoid's input from its output's."""
    return torch.ops.aten.sigmoid_backward(grad, output)
