"""Evidence: metrics of real runs that are kept in the repository, with the provenance of each run. No torch here."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from .atomic import write_text
from .config import Config
from .errors import GrokatlasError
from .history import Piece, RunHistory
from .runs import Run, Seeds
from .stacks import build_stacks, metrics_paths

METRICS, PROVENANCE = "metrics.parquet", "provenance.csv"

# What stands in provenance.csv beside the run's describing columns; an entry is a list where pieces of a run differ.
PROVENANCE_COLUMNS = (
    "steps", "config_hash", "code_version", "device", "precision", "threads", "torch_version", "wall_seconds",
    "model_steps_per_s",
)  # fmt: skip


def metrics_path(folder: Path | str) -> Path:
    """The metrics of an evidence folder. Raises GrokatlasError if it is not there."""
    path = Path(folder) / METRICS
    if not path.is_file():
        raise GrokatlasError(f"{path}: no such evidence; name a folder that holds {METRICS} and {PROVENANCE}")
    return path


def read_provenance(folder: Path | str) -> list[dict[str, str]]:
    """Every run of an evidence folder: its describing columns and how it was made, as text.

    Raises GrokatlasError if the file is missing or has other columns.
    """
    path = Path(folder) / PROVENANCE
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text())))
    except OSError:
        raise GrokatlasError(f"{path}: missing; make the evidence again with `grokatlas evidence`") from None
    if rows and list(rows[0]) != [*Run().describe(), *PROVENANCE_COLUMNS]:
        raise GrokatlasError(f"{path}: has other columns than this release writes; make the evidence again")
    return rows


def evidence_runs(folders: Iterable[Path | str]) -> list[dict[str, str]]:
    """The provenance of every run of several folders; of a run that several have, the first counts, as in metrics."""
    runs: dict[Run, dict[str, str]] = {}
    for folder in folders:
        for row in read_provenance(folder):
            runs.setdefault(run_of(row), row)
    return list(runs.values())


def run_of(row: Mapping[str, str]) -> Run:
    """The run that a row of provenance.csv describes."""
    whole = ("modulus", "layers", "width", "heads", "batch_size")
    return Run(
        operation=row["operation"],
        **{name: int(row[name]) for name in whole},
        **{name: float(row[name]) for name in ("train_fraction", "learning_rate", "weight_decay")},
        bottleneck=int(row["bottleneck"]) if row["bottleneck"] else None,
        seeds=Seeds(*(int(row[name]) for name in ("split_seed", "init_seed", "batch_seed"))),
    )


def provenance_row(run: Run, ledger: Sequence[Piece]) -> dict[str, object]:
    """How a run was made, from the pieces of training that led to where it is (`Piece`; seconds are wall time)."""
    executions = [piece.execution for piece in ledger]
    seconds = sum(piece.seconds for piece in ledger)
    steps = ledger[-1].stop
    return {
        **run.describe(),
        "steps": steps,
        "config_hash": run.digest,
        "code_version": _all(execution.code for execution in executions),
        "device": _all(execution.device for execution in executions),
        "precision": _all(execution.precision for execution in executions),
        "threads": _all(execution.threads for execution in executions),
        "torch_version": _all(execution.torch for execution in executions),
        "wall_seconds": round(seconds),
        "model_steps_per_s": round(steps / seconds, 1) if seconds else "",
    }


def _all(values: Iterable[object]) -> str:
    return " ".join(dict.fromkeys(map(str, values)))


def write_provenance(rows: Iterable[Mapping[str, object]], folder: Path) -> None:
    """Write provenance.csv, one row a run, atomically."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [*Run().describe(), *PROVENANCE_COLUMNS], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / PROVENANCE, out.getvalue())


def export_evidence(config: Config, folder: Path) -> int:
    """Write the metrics and the provenance of every run of a config into an evidence folder; returns how many runs.

    Raises GrokatlasError unless every stack of the config was trained and probed to its end.
    """
    from .aggregate import gather_metrics  # pyarrow, which the Snakefile has no need to load

    results, paths = config.settings.results, metrics_paths(config, build_stacks(config))
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise GrokatlasError(f"{missing[0]}: not made yet ({len(missing)} of {len(paths)} are missing); run snakemake")
    ledgers = {plan.run: RunHistory(results, plan.run).ledger() for plan in config.plans.values()}
    gather_metrics(paths, [], folder / METRICS)
    write_provenance((provenance_row(run, ledger) for run, ledger in ledgers.items() if ledger), folder)
    return len(ledgers)
