"""The transformer's shape, its published initialisation and its parameters as one flat vector.

A run's parameters live in one row of a flat buffer, in state-dict order, so that the optimizer, a checkpoint and a
device transfer each touch one contiguous block.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from .errors import GrokatlasError

POSITION_SCALE = 0.02


@dataclass(frozen=True)
class ModelShape:
    """What decides the parameter shapes: modulus p, L layers, width d, heads, bottleneck width k (None for none)."""

    modulus: int = 97
    layers: int = 2
    width: int = 128
    heads: int = 4
    bottleneck: int | None = None

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise GrokatlasError(f"heads {self.heads} do not divide width {self.width}: choose heads that do")

    @property
    def has_bottleneck(self) -> bool:
        """A bottleneck at least as wide as the model is none (published definition)."""
        return self.bottleneck is not None and self.bottleneck < self.width


@dataclass(frozen=True)
class Slot:
    """Where one named parameter lies in the flat vector."""

    offset: int
    shape: tuple[int, ...]


@lru_cache
def layout(shape: ModelShape) -> dict[str, Slot]:
    """State-dict name -> slot, in state-dict order; sizes sum to the parameter count (434,145 for the small model)."""
    p, d = shape.modulus, shape.width
    shapes: dict[str, tuple[int, ...]] = {"pos_embed": (2, d), "embed_a.weight": (p, d), "embed_b.weight": (p, d)}
    for layer in range(shape.layers):
        prefix = f"transformer.layers.{layer}."
        shapes |= {
            prefix + "self_attn.in_proj_weight": (3 * d, d),
            prefix + "self_attn.in_proj_bias": (3 * d,),
            prefix + "self_attn.out_proj.weight": (d, d),
            prefix + "self_attn.out_proj.bias": (d,),
            prefix + "linear1.weight": (4 * d, d),
            prefix + "linear1.bias": (4 * d,),
            prefix + "linear2.weight": (d, 4 * d),
            prefix + "linear2.bias": (d,),
            prefix + "norm1.weight": (d,),
            prefix + "norm1.bias": (d,),
            prefix + "norm2.weight": (d,),
            prefix + "norm2.bias": (d,),
        }
    if shape.has_bottleneck:
        k = shape.bottleneck
        shapes |= {"bottleneck.0.weight": (k, d), "bottleneck.0.bias": (k,)}
        shapes |= {"bottleneck.2.weight": (d, k), "bottleneck.2.bias": (d,)}
    shapes |= {"output.weight": (p, d), "output.bias": (p,)}
    slots, offset = {}, 0
    for name, size in shapes.items():
        slots[name] = Slot(offset, size)
        offset += math.prod(size)
    return slots


def parameter_count(shape: ModelShape) -> int:
    """Number of parameters."""
    return sum(math.prod(slot.shape) for slot in layout(shape).values())


def views(flat: Tensor, shape: ModelShape) -> dict[str, Tensor]:
    """Named views [R, ...] into a flat buffer [R, parameters]; writing to a view writes to the buffer."""
    runs = flat.shape[0]
    return {
        name: flat[:, slot.offset : slot.offset + math.prod(slot.shape)].view(runs, *slot.shape)
        for name, slot in layout(shape).items()
    }


def flatten(state: Mapping[str, Tensor], shape: ModelShape) -> Tensor:
    """One flat vector [parameters] from a state dict.

    Raises GrokatlasError naming a missing, unknown or wrongly shaped entry.
    """
    slots = layout(shape)
    unknown = sorted(set(state) - set(slots))
    if unknown:
        raise GrokatlasError(f"state dict has unknown entry {unknown[0]!r}: not a model of shape {shape}")
    for name, slot in slots.items():
        if name not in state:
            raise GrokatlasError(f"state dict lacks {name!r}: not a model of shape {shape}")
        if tuple(state[name].shape) != slot.shape:
            raise GrokatlasError(f"state dict entry {name!r} is {tuple(state[name].shape)}, expected {slot.shape}")
    return torch.cat([state[name].reshape(-1) for name in slots])


def unflatten(flat: Tensor, shape: ModelShape) -> dict[str, Tensor]:
    """State dict of contiguous copies from one flat vector [parameters]."""
    return {name: view[0].clone() for name, view in views(flat[None], shape).items()}


def shape_of(state: Mapping[str, Tensor], heads: int | None = None) -> ModelShape:
    """Recognise the shape from a state dict; heads cannot be read off and default to width / 32 (published models)."""
    if "embed_a.weight" not in state:
        raise GrokatlasError("state dict lacks 'embed_a.weight': not a model with the published names")
    if state["embed_a.weight"].dim() != 2:
        raise GrokatlasError("state dict entry 'embed_a.weight' is not a matrix: not a model with the published names")
    modulus, width = state["embed_a.weight"].shape
    layers = len({name.split(".")[2] for name in state if name.startswith("transformer.layers.")})
    down = state.get("bottleneck.0.weight")
    return ModelShape(modulus, layers, width, heads or max(1, width // 32), None if down is None else down.shape[0])


# Drawing seeds torch's one global generator, so two threads must not draw at once.
_drawing = threading.Lock()


@lru_cache(maxsize=64)
def _initialise(shape: ModelShape, seed: int) -> tuple[Tensor, Tensor]:
    # Built from torch's own modules in the published order, so that the numbers drawn are theirs.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        embed_a, embed_b = nn.Embedding(shape.modulus, shape.width), nn.Embedding(shape.modulus, shape.width)
        pos_embed = torch.randn(2, shape.width) * POSITION_SCALE
        layer = nn.TransformerEncoderLayer(shape.width, shape.heads, 4 * shape.width, dropout=0.0, batch_first=True)
        parts = {"embed_a": embed_a, "embed_b": embed_b}
        if shape.has_bottleneck:
            k = shape.bottleneck
            parts["bottleneck"] = nn.Sequential(nn.Linear(shape.width, k), nn.ReLU(), nn.Linear(k, shape.width))
        parts["output"] = nn.Linear(shape.width, shape.modulus)
        stream = torch.get_rng_state()
    state = {f"{part}.{name}": value for part, m in parts.items() for name, value in m.state_dict().items()}
    state["pos_embed"] = pos_embed
    for i in range(shape.layers):  # the encoder deep-copies one layer: every layer starts equal
        state |= {f"transformer.layers.{i}.{name}": value for name, value in layer.state_dict().items()}
    return flatten(state, shape), stream


def initial_parameters(shape: ModelShape, seed: int) -> Tensor:
    """The published initial weights under `torch.manual_seed(seed)`: float32 [parameters]."""
    with _drawing:
        return _initialise(shape, seed)[0].clone()


def stream_after_initialisation(shape: ModelShape, seed: int) -> Tensor:
    """State of torch's generator after drawing the initial weights: where the plain loop's batch order begins."""
    with _drawing:
        return _initialise(shape, seed)[1].clone()
