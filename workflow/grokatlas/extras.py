"""Optional dependencies: said to be missing before anything is trained. Loads nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from .errors import GrokatlasError

PROBE_PACKAGES = {"topology": "ripser"}  # probe -> the module, and package, of extra manifold that it needs


def require(module: str, package: str, extra: str, wanted_by: str) -> None:
    """Raise GrokatlasError, with the command that installs it, unless `module` can be imported."""
    if find_spec(module) is None:
        raise GrokatlasError(
            f"{wanted_by} needs {package}, which is not installed: run `python -m pip install '.[{extra}]'` in the "
            "checkout of grokatlas"
        )


def require_for_probes(names: Iterable[str]) -> None:
    """`require` what the probes of these config names need. Raises GrokatlasError."""
    for name in names:
        if name in PROBE_PACKAGES:
            require(PROBE_PACKAGES[name], PROBE_PACKAGES[name], "manifold", f"probe {name!r}")
