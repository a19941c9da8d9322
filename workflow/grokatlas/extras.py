"""Optional dependencies: said to be missing before anything is trained. Loads nothing heavy."""

from __future__ import annotations

from importlib.util import find_spec

from .errors import GrokatlasError


def require(module: str, package: str, extra: str, wanted_by: str) -> None:
    """Raise GrokatlasError, with the command that installs it, unless `module` can be imported."""
    if find_spec(module) is None:
        raise GrokatlasError(
            f"{wanted_by} needs {package}, which is not installed: run `python -m pip install '.[{extra}]'` in the "
            "checkout of grokatlas"
        )
