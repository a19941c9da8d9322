"""Which code made a number: the release, and the commit where there is one."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import grokatlas

ASK = "from grokatlas.versions import code_version; print(code_version())"


def ask(folder: Path) -> str:
    return subprocess.run(
        [sys.executable, "-c", ASK], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


def checkout(folder: Path) -> Path:
    shutil.copytree(Path(grokatlas.__file__).parent, folder / "grokatlas", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def test_a_checkout_names_its_commit_and_whether_it_was_changed(tmp_path):
    folder = checkout(tmp_path)
    git(folder, "init", "-q")
    git(folder, "add", "grokatlas")
    git(folder, "commit", "-qm", "one")
    clean = ask(folder)
    assert re.fullmatch(re.escape(grokatlas.__version__) + r"\+g[0-9a-f]{7,}", clean)
    with open(folder / "grokatlas" / "errors.py", "a") as file:
        file.write("# changed\n")
    assert ask(folder) == clean + ".dirty"


def test_an_installed_package_inside_another_checkout_does_not_take_its_commit(tmp_path):
    folder = checkout(tmp_path)
    git(folder, "init", "-q")
    assert ask(folder) == grokatlas.__version__
