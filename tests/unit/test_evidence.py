"""Evidence: joins what was not trained here, never replaces it, and says how each run was made."""

import csv

import pandas as pd
import pyarrow.parquet as pq
import pytest
from grokatlas.aggregate import gather_metrics
from grokatlas.config import parse_config
from grokatlas.errors import GrokatlasError
from grokatlas.evidence import (
    evidence_runs,
    export_evidence,
    provenance_row,
    read_provenance,
    run_of,
    write_provenance,
)
from grokatlas.history import Execution, Piece
from grokatlas.metrics import read_metrics, write_metrics
from grokatlas.runs import Run, Seeds
from grokatlas.stacks import build_stacks, metrics_paths
from synthetic import synthetic_metrics


def parquet(frame: pd.DataFrame, path):
    write_metrics(frame.astype(object).where(frame.notna(), None).to_dict("records"), path)
    return path


@pytest.fixture(scope="module")
def small():
    frame = synthetic_metrics(weight_decays=(1.0, 2.0), last_step=2000)
    return frame[frame["probe"] == "evaluation"]


def test_a_run_measured_here_is_read_from_here_alone_and_evidence_adds_the_others(tmp_path, small):
    here = small[small["weight_decay"] == 1.0].assign(value=0.25)
    path = parquet(here, tmp_path / "here.parquet")
    parquet(small, tmp_path / "old" / "metrics.parquet")
    gather_metrics([path], [tmp_path / "old"], tmp_path / "all.parquet")
    found = read_metrics([tmp_path / "all.parquet"])
    origins = found.groupby("weight_decay")["origin"].unique().map(list).to_dict()
    assert origins == {1.0: ["here"], 2.0: ["old"]}
    assert (found.loc[found["weight_decay"] == 1.0, "value"] == 0.25).all()
    assert len(found) == len(here) + (small["weight_decay"] == 2.0).sum()


def test_of_two_evidence_folders_the_first_that_has_a_run_counts(tmp_path, small):
    for name, value in (("first", 0.1), ("second", 0.2)):
        parquet(small.assign(value=value), tmp_path / name / "metrics.parquet")
    gather_metrics([], [tmp_path / "first", tmp_path / "second"], tmp_path / "all.parquet")
    table = pq.read_table(tmp_path / "all.parquet").to_pandas()
    assert set(table["origin"]) == {"first"} and set(table["value"]) == {0.1}


def test_missing_evidence_is_one_clear_line(tmp_path):
    with pytest.raises(GrokatlasError, match="no such evidence"):
        gather_metrics([], [tmp_path / "nothing"], tmp_path / "all.parquet")
    with pytest.raises(GrokatlasError, match="provenance.csv: missing"):
        read_provenance(tmp_path)


def test_provenance_adds_up_the_pieces_of_a_run_and_names_every_code_that_trained_it(tmp_path):
    run = Run(weight_decay=2.0, seeds=Seeds(1, 2, 3))
    pieces = [
        Piece(0, 1000, 20.0, Execution("cpu", "float32", 1, (run.id,), "2.13", "2.4", "0.1.0+gaaa")),
        Piece(1000, 4000, 60.0, Execution("cpu", "float32", 1, (run.id,), "2.13", "2.4", "0.1.0+gbbb")),
    ]
    write_provenance([provenance_row(run, pieces)], tmp_path)
    row = read_provenance(tmp_path)[0]
    assert (row["steps"], row["wall_seconds"], row["model_steps_per_s"]) == ("4000", "80", "50.0")
    assert row["code_version"] == "0.1.0+gaaa 0.1.0+gbbb" and row["config_hash"] == run.digest
    assert run_of(row) == run


def test_a_run_in_two_folders_is_counted_once_as_the_first_has_it(tmp_path):
    shared, other = Run(weight_decay=2.0), Run(weight_decay=5.0)
    for name, steps, runs in (("first", 4000, [shared]), ("second", 1000, [other, shared])):
        (tmp_path / name).mkdir()
        execution = Execution("cpu", "float32", 1, (), "2.13", "2.4", "0.1.0+gaaa")
        rows = [provenance_row(run, [Piece(0, steps, 1.0, execution)]) for run in runs]
        write_provenance(rows, tmp_path / name)
    rows = evidence_runs([tmp_path / "first", tmp_path / "second"])
    assert {run_of(row): row["steps"] for row in rows} == {shared: "4000", other: "1000"} and len(rows) == 2


def test_provenance_with_other_columns_is_refused(tmp_path):
    with open(tmp_path / "provenance.csv", "w", newline="") as file:
        csv.writer(file).writerows([["run", "steps"], ["a", "1"]])
    with pytest.raises(GrokatlasError, match="other columns"):
        read_provenance(tmp_path)


def test_evidence_holds_the_planes_too(tmp_path, small):
    sweep = {"name": "s", "weight_decay": 1.0, "steps": 1000, "evaluate_every": 500, "probe_every": 500}
    config = parse_config({"results": str(tmp_path), "sweeps": [{**sweep, "plane_steps": [500]}]})
    segment, planes = metrics_paths(config, build_stacks(config))
    assert (segment.name, planes.name) == ("000000000.parquet", "planes.parquet")
    parquet(small[small["weight_decay"] == 1.0], segment)
    with pytest.raises(GrokatlasError, match="planes.parquet: not made yet"):
        export_evidence(config, tmp_path / "evidence")
    parquet(small[small["weight_decay"] == 1.0].assign(probe="plane"), planes)
    export_evidence(config, tmp_path / "evidence")
    assert set(read_metrics([tmp_path / "evidence" / "metrics.parquet"])["probe"]) == {"evaluation", "plane"}
