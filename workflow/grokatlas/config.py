"""Reading and checking a config, and expanding its sweeps into runs with their schedules. No torch here."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import isfinite
from pathlib import Path

import jsonschema
import yaml

from .errors import GrokatlasError
from .runs import Run, Seeds
from .tasks import CosetSplit

SCHEMA_PATH = Path(__file__).parents[1] / "schemas" / "config.schema.yaml"
MODELS = {"small": {"layers": 2, "width": 128, "heads": 4}, "large": {"layers": 4, "width": 256, "heads": 8}}
GRID_KEYS = ("operation", "modulus", "model", "bottleneck", "train_fraction", "batch_size", "learning_rate",
             "weight_decay", "seed")  # fmt: skip


@dataclass(frozen=True)
class Cadence:
    """Up to `steps`, evaluate and probe at every so many optimizer steps."""

    steps: int
    evaluate_every: int
    probe_every: int


@dataclass(frozen=True)
class Plan:
    """One run with all that its sweeps ask of it: a budget, and evaluations and probes at the union of their steps."""

    run: Run
    cadences: tuple[Cadence, ...]
    plane_steps: tuple[int, ...] = ()  # probed steps at which the plane rule looks, ascending

    @cached_property
    def steps(self) -> int:
        """The largest budget."""
        return max(c.steps for c in self.cadences)

    def evaluations(self, start: int, stop: int) -> dict[int, int]:
        """Evaluation step -> cadence, for start < step <= stop."""
        return self._due("evaluate_every", start, stop)

    def snapshots(self, start: int, stop: int) -> dict[int, int]:
        """Probed step -> cadence, for start < step <= stop."""
        return self._due("probe_every", start, stop)

    def _due(self, key: str, start: int, stop: int) -> dict[int, int]:
        due: dict[int, int] = {}
        for cadence in self.cadences:
            every = getattr(cadence, key)
            for step in range(start - start % every + every, min(stop, cadence.steps) + 1, every):
                due[step] = min(every, due.get(step, every))
        return dict(sorted(due.items()))


@dataclass(frozen=True)
class Settings:
    """Everything in a config besides the sweeps; each key is described in workflow/schemas/config.schema.yaml."""

    results: Path
    stack_size: int
    segment_steps: int
    save_seconds: float
    device: str
    precision: str
    probes: tuple[str, ...]
    coset_splits: tuple[CosetSplit, ...]
    keep_checkpoints: str
    keep_snapshots: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Config:
    """A validated config: settings, run id -> plan in config order, and sweep name -> run ids."""

    settings: Settings
    plans: dict[str, Plan]
    sweeps: dict[str, tuple[str, ...]]


@lru_cache
def _validator() -> jsonschema.Draft202012Validator:
    # YAML's 20.0 is no integer here: run ids and step names are made of whole numbers.
    checker = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
            "number": lambda _, value: (
                isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
            ),
        }
    )
    validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=checker)
    return validator(yaml.safe_load(SCHEMA_PATH.read_text()))


EVERY_PROBE: tuple[str, ...] = tuple(_validator().schema["properties"]["probes"]["items"]["enum"])


def read_config(path: Path | str) -> Config:
    """Read one YAML file. Raises GrokatlasError, one line, naming file and key."""
    try:
        data = yaml.safe_load(Path(path).read_text())
    except FileNotFoundError:
        raise GrokatlasError(f"{path}: no such config file") from None
    except (OSError, UnicodeDecodeError):
        raise GrokatlasError(f"{path}: not a text file that can be read") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise GrokatlasError(f"{path}: not valid YAML{where}: {getattr(error, 'problem', error)}") from None
    if not isinstance(data, dict):
        raise GrokatlasError(f"{path}: empty, or not a mapping of keys")
    return parse_config(data, str(path))


def parse_config(data: Mapping[str, object], source: str = "config") -> Config:
    """Check a config mapping and expand it. Raises GrokatlasError naming `source` and the key."""
    error = jsonschema.exceptions.best_match(_validator().iter_errors(data))
    if error:
        raise GrokatlasError(f"{source}: {_explain(error)}")
    default = {key: value["default"] for key, value in _validator().schema["properties"].items() if "default" in value}
    top = {**default, **data}
    keep = {**default["keep"], **top["keep"]}
    settings = Settings(
        Path(top["results"]), top["stack_size"], top["segment_steps"], top["save_seconds"], top["device"],
        top["precision"], tuple(top["probes"]), tuple(CosetSplit(*split) for split in top["coset_splits"]),
        keep["checkpoints"], keep["snapshots"], tuple(top["evidence"]),
    )  # fmt: skip
    if not top["sweeps"] and not settings.evidence:
        raise GrokatlasError(f"{source}: sweeps is empty and there is no evidence: nothing to do; add a sweep")
    cadences: dict[Run, list[Cadence]] = {}
    plane_steps: dict[Run, set[int]] = {}
    sweeps: dict[str, tuple[str, ...]] = {}
    for sweep in top["sweeps"]:
        name = sweep["name"]
        if name in sweeps:
            raise GrokatlasError(f"{source}: two sweeps are named {name!r}: give each its own name")
        try:
            cadence, runs = _cadence(sweep), list(_grid(sweep))
            planes = _plane_steps(sweep, cadence)
            for run in runs:
                if run.operation == "multiplication" and "strides" in settings.probes:
                    for split in settings.coset_splits:
                        split.check(run.task.ring_size)
        except GrokatlasError as bad:
            raise GrokatlasError(f"{source}: sweep {name!r}: {bad}") from None
        for run in runs:
            cadences.setdefault(run, []).append(cadence)
            plane_steps.setdefault(run, set()).update(planes)
        sweeps[name] = tuple(run.id for run in runs)
    plans = {run.id: Plan(run, tuple(dict.fromkeys(c)), tuple(sorted(plane_steps[run]))) for run, c in cadences.items()}
    return Config(settings, plans, sweeps)


def _cadence(sweep: Mapping) -> Cadence:
    cadence = Cadence(sweep["steps"], sweep["evaluate_every"], sweep["probe_every"])
    for key in ("evaluate_every", "probe_every"):
        if cadence.steps % getattr(cadence, key):
            raise GrokatlasError(f"steps {cadence.steps} is not a multiple of {key} {getattr(cadence, key)}")
    return cadence


def _plane_steps(sweep: Mapping, cadence: Cadence) -> list[int]:
    steps = sweep.get("plane_steps", [])
    for step in steps:
        if step > cadence.steps or step % cadence.probe_every:
            raise GrokatlasError(
                f"plane_steps: no snapshot is kept at step {step}; give multiples of probe_every "
                f"{cadence.probe_every} up to steps {cadence.steps}"
            )
    return steps


def _grid(sweep: Mapping) -> Iterator[Run]:
    axes = [(key, value if isinstance(value, list) else [value]) for key, value in sweep.items() if key in GRID_KEYS]
    for values in itertools.product(*(value for _, value in axes)):
        yield _run(dict(zip((key for key, _ in axes), values, strict=True)))


def _run(point: dict) -> Run:
    model = point.pop("model", "small")
    seed = point.pop("seed", 42)
    if isinstance(seed, int):
        seed = {"split": seed, "initialisation": seed, "batch": seed}
    floats = {key: float(point.pop(key)) for key in ("train_fraction", "learning_rate", "weight_decay") if key in point}
    return Run(**point, **floats, **(MODELS[model] if isinstance(model, str) else model), seeds=Seeds(**seed))


def _explain(error: jsonschema.ValidationError) -> str:
    where = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path).lstrip(".") or "top level"
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = next(key for key in error.instance if key not in known)
        close = difflib.get_close_matches(unknown, known, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
        return f"{where}: unknown key {unknown!r}: {hint}"
    if error.validator == "anyOf" and "description" in error.schema:
        return f"{where}: {error.instance!r} does not fit: {error.schema['description']}"
    return f"{where}: {error.message}"
