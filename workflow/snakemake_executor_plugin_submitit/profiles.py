"""`--profile slurm` finds `profiles/slurm`.

Snakemake looks for `--workflow-profile NAME` in `profiles/NAME`, but for `--profile NAME` only in the working directory
and in the configuration folders of the user and the site. Plugins are imported before the command line is read, so this
one writes the path out; Snakemake then prints it ("Using profile profiles/slurm").
"""

from __future__ import annotations

from pathlib import Path


def spell_out_profile(arguments: list[str]) -> None:
    """Turn `--profile NAME` into `--profile profiles/NAME`, in place, where only the latter is a folder here."""
    for i, word in enumerate(arguments):
        if word == "--profile" and i + 1 < len(arguments):
            arguments[i + 1] = _path(arguments[i + 1])
        elif word.startswith("--profile="):
            arguments[i] = f"--profile={_path(word.removeprefix('--profile='))}"


def _path(name: str) -> str:
    inside = Path("profiles") / name
    return str(inside) if name and not Path(name).exists() and inside.is_dir() else name
