"""Optional packages: asked for early and in one line, not missed after hours of training. Imports none of them."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from .errors import GrokatlasError

PROBE_PACKAGES = {"topology": ("ripser", "ripser>=0.6")}  # probe -> module, requirement; in step with pyproject.toml


def require(module: str, requirement: str, user: str) -> None:
    """Raise GrokatlasError, one line with the pip command, unless `module` is there; `user` names what needs it."""
    if find_spec(module) is None:
        raise GrokatlasError(f"{user} needs {module}, which is not installed: pip install {requirement!r}")


def require_for_probes(names: Iterable[str]) -> None:
    """`require` what the probes of these config names need. Raises GrokatlasError."""
    for name in names:
        if name in PROBE_PACKAGES:
            require(*PROBE_PACKAGES[name], f"probe {name!r}")
