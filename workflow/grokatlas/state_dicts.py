"""State dicts in files: strangers' .pt files, and this project's safetensors; never code, always verified."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import safetensors
import torch
from torch import Tensor

from .atomic import sha256
from .errors import GrokatlasError


def content_digest(state: dict[str, Tensor]) -> str:
    """Hex SHA-256 over names, shapes and bytes of a state dict."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(f"{name}{tuple(state[name].shape)}".encode())
        digest.update(state[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


def read_state_dict(path: Path | str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """A stranger's state dict (.pt, weights only), or a snapshot or checkpoint of this project; and its header.

    Raises GrokatlasError, one line, if the file is missing, truncated or holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise GrokatlasError(f"{path}: no such file")
    state, header = _read_own(path) if path.suffix == ".safetensors" else (_read_torch(path), {})
    if not all(bool(torch.isfinite(value).all()) for value in state.values()):
        raise GrokatlasError(f"{path}: holds weights that are not finite; the run diverged, so nothing can be measured")
    return state, header


def _read_own(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    state, header = read_safetensors(path)
    model = {k.removeprefix("model."): v for k, v in state.items() if k.startswith("model.")}
    if model:
        return model, _sidecar_header(path)
    if "content" in header and header["content"] != content_digest(state):
        raise GrokatlasError(f"{path}: changed since it was written (digest differs)")
    return state, header


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise GrokatlasError(f"{path}: not a state dict that can be read safely ({type(error).__name__}); "
                             "truncated, or saved as a whole module?") from None  # fmt: skip
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise GrokatlasError(f"{path}: holds no plain state dict (name -> tensor)")
    return state


def _sidecar_header(path: Path) -> dict[str, str]:
    try:
        sidecar = json.loads(path.with_suffix(".json").read_text())
    except (OSError, ValueError):
        raise GrokatlasError(f"{path}: the .json beside the checkpoint is missing or damaged") from None
    if sha256(path) != sidecar.get("sha256"):
        raise GrokatlasError(f"{path}: truncated or changed since it was written (checksum differs)")
    return {key: json.dumps(value) for key, value in sidecar.items()}


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and header of one file. Raises GrokatlasError, one line, if it is truncated or something else."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except Exception as error:
        raise GrokatlasError(f"{path}: truncated or not a safetensors file ({error})") from None
