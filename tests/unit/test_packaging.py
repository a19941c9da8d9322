"""One list of dependencies, told the same way everywhere."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONDA_NAMES = {"pytorch": "torch"}


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def versions(requirements):
    return dict(re.match(r"([\w-]+)\s*(.*)", requirement).groups() for requirement in requirements)


@pytest.mark.parametrize("name", ["torch", "analysis"])
def test_conda_environments_are_in_step_with_pyproject(name):
    extra = project()["optional-dependencies"]["manifold"]
    wanted = versions(project()["dependencies"] + extra) | {"python": project()["requires-python"]}
    listed = versions(yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())["dependencies"])
    for package, version in listed.items():
        assert wanted[CONDA_NAMES.get(package, package)] == version


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
