"""`grokatlas probe` and `grokatlas readout`: look at one model, or at one accuracy curve."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from ..errors import GrokatlasError
from ..extras import require_for_probes
from ..metrics import Measurement
from ..tasks import OPERATIONS, CosetSplit, Task

NAMES = ("accuracy", "weights", "activations", "pca", "spectrum", "ring", "twonn", "local_pca", "attention")
COUNTS = (
    *(f"{split}pca_dimension_{share}" for split in ("", "train_") for share in (95, 99)),
    "betti_0", "betti_1", "class_bars_1",
)  # fmt: skip


def parse_split(text: str) -> CosetSplit:
    """12x8 -> CosetSplit(12, 8)."""
    outer, _, inner = text.partition("x")
    if not (outer.isdigit() and inner.isdigit()):
        raise GrokatlasError(f"coset split {text!r}: write OUTERxINNER, e.g. 12x8")
    return CosetSplit(int(outer), int(inner))


@click.command(
    epilog="""\b
Examples:
  grokatlas probe model_final.pt --json
  grokatlas probe model_final.pt --operation addition --seed 7
  grokatlas probe results/runs/mul97-L2d128h4-wd2-s42/snapshots/000020000.safetensors --split 32x3
"""
)
@click.argument("state_dict", type=click.Path(path_type=Path))
@click.option("--operation", type=click.Choice(OPERATIONS), default="multiplication", show_default=True)
@click.option("--modulus", type=int, default=97, show_default=True, help="The modulus p.")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=42, show_default=True, help="Seed of the train/test split."
)
@click.option("--train-fraction", type=float, default=0.3, show_default=True, help="Share of pairs trained on.")
@click.option(
    "--heads", type=click.IntRange(1), help="Attention heads; cannot be read off the weights.  [default: width / 32]"
)
@click.option("--split", default="12x8", show_default=True, help="Coset split OUTERxINNER of the p - 1 classes.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def probe(
    state_dict: Path, operation: str, modulus: int, seed: int, train_fraction: float, heads: int | None, split: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Measure one model: a plain state dict (.pt), or a snapshot or checkpoint of this project (.safetensors).

    A checkpoint or snapshot knows its run: the options about task and model are then not needed.
    """
    from ..measure import snapshot_of
    from ..model import shape_of
    from ..probes import probes_for
    from ..state_dicts import read_state_dict

    state, header = read_state_dict(state_dict)
    task, heads = _task_of(header, Task(operation, modulus, train_fraction, seed), heads)
    shape = shape_of(state, heads)
    if shape.modulus != task.modulus:
        raise GrokatlasError(f"{state_dict}: embeds {shape.modulus} residues, but the modulus is {task.modulus}")
    cosets = parse_split(split)
    names = [*NAMES]
    if task.operation == "multiplication":
        cosets.check(task.ring_size)
        names.append("strides")
    try:
        require_for_probes(["topology"])
        names.append("topology")
    except GrokatlasError as missing:
        click.echo(f"betti_0 and betti_1 are left out: {missing}", err=True)
    snapshot = snapshot_of(state, shape, task)
    measured = [m for p in probes_for(names, [cosets]) for m in p.measure(snapshot)]
    summary = summarise(measured, len(snapshot.labels["test"]))
    click.echo(as_json_text(summary) if as_json else _as_text(summary))


def _task_of(header: Mapping[str, str], asked: Task, heads: int | None) -> tuple[Task, int | None]:
    """Task and heads from a file of this project if it says so, else as asked."""
    if "config" not in header:
        return asked, heads
    config = json.loads(header["config"])
    seeds = config["seeds"]
    return Task(config["operation"], config["modulus"], config["train_fraction"], seeds["split"]), config["heads"]


def summarise(measured: Iterable[Measurement], test_pairs: int) -> dict[str, object]:
    """One JSON-ready mapping of what people ask for first; scores keyed by stride, frequency, gcd, rank or head.

    A metric of the train pairs has `train_` before its name, one of the test pairs nothing (but accuracy and loss).
    """
    flat: dict[str, object] = {}
    indexed: dict[str, dict[str, float]] = {}
    for m in measured:
        if m.index is not None:
            indexed.setdefault(m.metric, {})[str(m.index)] = m.value
        else:
            both = m.metric in ("accuracy", "loss") or m.split == "train"
            flat[f"{m.split}_{m.metric}" if both else m.metric] = m.value
    rings = {side: indexed.get(f"{side}_ring_class", {}) for side in ("outer", "inner")}
    out = {"test_pairs": test_pairs, **flat, "spectrum": indexed.get("power_share", {})}
    for name in COUNTS:
        if name in out:
            out[name] = int(out[name])
    out |= {
        name: indexed[name] for name in ("attention_entropy", "ring_stride", "class_persistence_1") if name in indexed
    }
    if "outer_stride" in indexed:
        out |= {name: indexed[name] for name in ("outer_stride", "inner_stride")}
        out |= {
            "p_values": {
                name: {str(m.index): m.p_value for m in measured if m.metric == name}
                for name in ("outer_stride", "inner_stride", "outer_ring_class", "inner_ring_class")
            },
            "ring_class": {side: {"gcd": max(r, key=r.get), "scores": r} for side, r in rings.items()},
            "coset_variance_share": flat["variance_share_cosets"],
            "predicted_stride": {s: int(flat[f"{s}_predicted_stride"]) for s in ("outer", "inner")},
        }
    return out


def as_json_text(summary: Mapping[str, object]) -> str:
    """Strict JSON: what is undefined (NaN) is null."""

    def clean(value: object) -> object:
        if isinstance(value, Mapping):
            return {key: clean(v) for key, v in value.items()}
        return None if isinstance(value, float) and math.isnan(value) else value

    return json.dumps(clean(summary), indent=1, allow_nan=False)


def _as_text(summary: Mapping[str, object]) -> str:
    lines = []
    for key, value in summary.items():
        if isinstance(value, dict):
            value = "  ".join(f"{k}: {v:.3f}" if isinstance(v, float) else f"{k}: {v}" for k, v in value.items())
        lines.append(f"{key:24} {value:.4f}" if isinstance(value, float) else f"{key:24} {value}")
    return "\n".join(lines)


@click.command(
    epilog="""\b
Examples:
  grokatlas readout nested_wd1.0_seed42_test_acc.csv
  grokatlas readout trajectory.csv --cadence 10000 --json
"""
)
@click.argument("trajectory", type=click.Path(path_type=Path))
@click.option("--cadence", type=click.IntRange(1), help="Read only every so many steps, to compare like with like.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def readout(trajectory: Path, cadence: int | None, as_json: bool) -> None:
    """Read one accuracy curve: a CSV file with the columns step and test_acc."""
    from ..readouts import at_cadence, read_accuracy, read_accuracy_csv

    steps, accuracy = read_accuracy_csv(trajectory)
    spacing = read_accuracy(steps, accuracy).cadence
    if cadence and cadence % spacing:
        raise GrokatlasError(
            f"{trajectory}: evaluated every {spacing} steps; cadence {cadence} is not a multiple of it"
        )
    if cadence:
        steps, accuracy = at_cadence(steps, accuracy, cadence)
    result = dataclasses.asdict(read_accuracy(steps, accuracy))
    click.echo(as_json_text(result) if as_json else _as_text(result))
