"""One list of dependencies, told the same way everywhere."""

import ast
import re
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONDA_NAMES = {"pytorch": "torch"}
# Where the module's name differs.
DISTRIBUTIONS = {"yaml": "pyyaml", "sklearn": "scikit-learn", "umap": "umap-learn", "PIL": "pillow"}


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def versions(requirements):
    return dict(re.match(r"([\w-]+)\s*(.*)", requirement).groups() for requirement in requirements)


def environment(name):
    """Package, as PyPI calls it -> version bound, of a conda environment."""
    listed = versions(yaml.safe_load((ROOT / "envs" / name).read_text())["dependencies"])
    return {CONDA_NAMES.get(package, package): version for package, version in listed.items()}


def rules():
    """Rule -> its conda environment and its script, read off the rule files."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")))
    found = {}
    for name, body in re.findall(r"^rule (\w+):\n((?:    .*\n|\n)*)", text, re.MULTILINE):
        given = dict(re.findall(r'^    (conda|script):\n        "([^"]+)"', body, re.MULTILINE))
        if "script" in given:
            found[name] = (Path(given["conda"]).name, Path(given["script"]).name)
    return found


@cache
def imported(path):
    """Modules that a file imports, wherever in it, as absolute names."""
    names = set()
    package = ".".join(path.relative_to(ROOT / "workflow").with_suffix("").parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    if "importlib.import_module" in names:  # by a name made up as it runs: any module beside it
        names |= {f"{package}.{sibling.stem}" for sibling in path.parent.glob("*.py")}
    return names


def needed(script):
    """Packages outside the standard library that a script may import, through any module of grokatlas."""
    seen, todo, outside = set(), [ROOT / "workflow" / "scripts" / script], set()
    while todo:
        path = todo.pop()
        seen.add(path)
        for name in imported(path):
            top = name.split(".")[0]
            if top != "grokatlas":
                outside |= {top} - set(sys.stdlib_module_names) - {""}
                continue
            parts = name.split(".")
            for end in range(1, len(parts) + 1):  # a package's __init__ is run as well
                base = ROOT.joinpath("workflow", *parts[:end])
                todo += [p for p in (base.with_suffix(".py"), base / "__init__.py") if p.exists() and p not in seen]
    return {DISTRIBUTIONS.get(name, name) for name in outside}


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda path: path.name)
def test_conda_environments_have_the_version_bounds_of_pyproject(path):
    wanted = versions(project()["dependencies"]) | {"python": project()["requires-python"]}
    for extra in project()["optional-dependencies"].values():
        wanted |= versions(extra)
    listed = environment(path.name)
    assert "python" in listed
    for package, version in listed.items():
        assert wanted[package] == version


@pytest.mark.parametrize("rule", rules())
def test_conda_environments_hold_what_their_rules_import(rule):
    name, script = rules()[rule]
    assert sorted((needed(script) & set(versions(project()["dependencies"]))) - set(environment(name))) == []


def test_every_import_is_a_dependency():
    """So that the test above cannot miss one."""
    extras = {package for extra in project()["optional-dependencies"].values() for package in versions(extra)}
    for _, script in rules().values():
        assert sorted(needed(script) - set(versions(project()["dependencies"])) - extras) == []


def test_every_dependency_is_pinned_and_torch_exactly():
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    names = {pin.split("==")[0].lower() for pin in pins}
    optional = [p for extra in project()["optional-dependencies"].values() for p in extra if "grokatlas" not in p]
    assert names == set(versions(project()["dependencies"] + optional))
    assert "torch==2.13.0" in pins


def test_every_config_key_is_documented():
    schema = yaml.safe_load((ROOT / "workflow" / "schemas" / "config.schema.yaml").read_text())
    text = (ROOT / "config" / "README.md").read_text()
    keys = {**schema["properties"], **schema["$defs"]["sweep"]["properties"]}
    assert all(value.get("description") for value in keys.values())
    assert [key for key in keys if key not in ("keep", "sweeps") and f"`{key}`" not in text] == []
