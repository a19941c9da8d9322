"""The command line: right answers, and one clear line for what is wrong."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from grokatlas.cli import main
from grokatlas.cost import parameters
from grokatlas.model import ModelShape, initial_parameters, parameter_count, unflatten
from grokatlas.runs import Run

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT.parent / "shared" / "reference"
TINY = ModelShape(97, 1, 32, 1)
TRAINED = Path(__file__).parent / "data" / "small_wd2_s42_step20000.safetensors"

needs_reference = pytest.mark.skipif(not REFERENCE.exists(), reason="../shared/reference is absent")


def grokatlas(*arguments, cwd=ROOT, environment=None):
    command = [sys.executable, "-m", "grokatlas.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=os.environ | (environment or {}))


def one_line(done):
    assert done.returncode != 0
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.fixture
def state_dict(tmp_path):
    path = tmp_path / "model.pt"
    torch.save(unflatten(initial_parameters(TINY, 0), TINY), path)
    return path


@pytest.fixture
def refused(monkeypatch, capsys):
    """The one line with which a command refuses its arguments, in this process."""

    def line(*arguments):
        monkeypatch.setattr(sys, "argv", ["grokatlas", *map(str, arguments)])
        with pytest.raises(SystemExit, match="[12]"):
            main()
        (said,) = capsys.readouterr().err.strip().splitlines()
        return said

    return line


@needs_reference
def test_probe_of_the_authors_model_gives_the_published_numbers():
    model = REFERENCE / "multiplication_wd1.0_150k" / "model_final.pt"
    out = json.loads(
        grokatlas("probe", model, "--operation", "multiplication", "--modulus", 97, "--seed", 42, "--json").stdout
    )
    assert (out["test_accuracy"], out["pca_dimension_95"], out["pca_dimension_99"]) == (1.0, 17, 21)
    assert [round(out["inner_stride"][s], 3) for s in "1234"] == [0.104, 0.0, 0.896, 0.0]
    assert [round(out["outer_stride"][s], 3) for s in "123456"] == [0.167, 0.0, 0.083, 0.333, 0.333, 0.083]
    assert {"train_accuracy", "ring_class", "coset_variance_share", "spectrum"} <= set(out)
    assert out["twonn_dimension"] == pytest.approx(10.63, abs=0.01)
    assert list(out["attention_entropy"]) == [str(head) for head in range(8)]
    assert all(0.69 < value < 0.6932 for value in out["attention_entropy"].values())


@needs_reference
def test_readout_of_the_authors_log_gives_the_published_numbers():
    out = json.loads(grokatlas("readout", REFERENCE / "nested_wd1.0_seed42_test_acc.csv", "--json").stdout)
    assert (out["first_grok_step"], out["share_at_least_99"], out["oscillations"], out["final"]) == (
        10000,
        0.62,
        26,
        0.8963,
    )
    assert {"longest_unbroken_99", "median_last_20_percent", "cadence"} <= set(out)


def test_probe_of_a_snapshot_of_this_project_knows_its_run():
    out = json.loads(grokatlas("probe", TRAINED, "--json").stdout)
    assert out["test_accuracy"] == pytest.approx(0.8882, abs=2e-3)
    assert out["outer_stride"]["1"] == 1.0
    assert out["ring_class"]["outer"]["gcd"] == "1"


def test_probe_prints_json_for_addition_without_strides(state_dict):
    out = json.loads(grokatlas("probe", state_dict, "--operation", "addition", "--json").stdout)
    assert 0 <= out["test_accuracy"] < 0.1
    assert "outer_stride" not in out
    assert sum(out["spectrum"].values()) == pytest.approx(1)
    assert sum(out["ring_stride"].values()) == pytest.approx(1)
    assert list(out["attention_entropy"]) == ["0"]
    assert 0 < out["attention_entropy"]["0"] < 0.6932
    assert out["twonn_dimension"] > 1


def test_probe_prints_betti_numbers_or_says_why_not(state_dict, tmp_path):
    done = grokatlas("probe", state_dict, "--json")
    if importlib.util.find_spec("ripser"):
        assert {"betti_0", "betti_1"} <= set(json.loads(done.stdout))
        assert done.stderr == ""
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['ripser'] = None\n")  # as if not installed
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = grokatlas("probe", state_dict, "--json", environment={"PYTHONPATH": path})
    assert done.returncode == 0
    assert "betti_0" not in json.loads(done.stdout)
    assert "betti_1 are left out" in done.stderr
    assert "pip install '.[manifold]'" in done.stderr


def test_bad_input_to_probe_is_one_line(state_dict, tmp_path, refused):
    assert "no such file" in one_line(grokatlas("probe", tmp_path / "absent.pt"))  # the rest in this process: faster
    assert "modulus 96 is not prime" in refused("probe", state_dict, "--modulus", 96)
    assert "embeds 97 residues, but the modulus is 101" in refused("probe", state_dict, "--modulus", 101)
    assert "coset split 10x8 is impossible" in refused("probe", state_dict, "--split", "10x8")
    assert "Invalid value for '--heads'" in grokatlas("probe", state_dict, "--heads", -4).stderr
    assert "heads 3 do not divide width 32" in refused("probe", state_dict, "--heads", 3)
    broken = tmp_path / "broken.pt"
    broken.write_bytes(state_dict.read_bytes()[:1000])
    assert "broken.pt: not a state dict" in refused("probe", broken)
    torch.save({"other": torch.zeros(2)}, broken)
    assert "lacks 'embed_a.weight'" in refused("probe", broken)
    torch.save({k: v * float("nan") for k, v in torch.load(state_dict).items()}, broken)
    assert "not finite" in refused("probe", broken)
    cut = tmp_path / "cut.safetensors"
    data = bytearray(TRAINED.read_bytes())
    data[-5] ^= 1
    cut.write_bytes(data)
    assert "changed since it was written" in refused("probe", cut)
    cut.write_bytes(TRAINED.read_bytes()[:5000])
    assert "truncated or not a safetensors file" in refused("probe", cut)


def test_bad_input_to_readout_is_one_line(tmp_path):
    path = tmp_path / "curve.csv"
    path.write_text("")
    assert "curve.csv" in one_line(grokatlas("readout", path))
    path.write_text("step,test_acc\n5000,0.5\n10000,1\n15000,1\n")
    assert "cadence 7 is not a multiple" in one_line(grokatlas("readout", path, "--cadence", 7))
    path.write_text("step,accuracy\n1,0.5\n")
    assert "test_acc" in one_line(grokatlas("readout", path))


def test_train_runs_and_prune_by_hand(tmp_path):
    (tmp_path / "c.yaml").write_text(
        "segment_steps: 20\nkeep: {checkpoints: last}\nsweeps: [{name: a, model: {layers: 1, width: 16, heads: 2},"
        " weight_decay: [1, 2], steps: 60, evaluate_every: 20, probe_every: 20}]\n"
    )
    done = grokatlas("train", "--config", "c.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "step 60/60" in done.stderr
    rows = [
        json.loads(line) for line in grokatlas("runs", "--config", "c.yaml", "--json", cwd=tmp_path).stdout.splitlines()
    ]
    assert [(row["trained_steps"], row["steps"]) for row in rows] == [(60, 60), (60, 60)]
    on_disk = sum(p.stat().st_size for p in (tmp_path / "results").rglob("*.safetensors"))
    assert on_disk == pytest.approx(sum(row["bytes"] for row in rows), rel=0.5)
    before = sorted((tmp_path / "results").rglob("*"))
    assert "freed 0.0 B" in grokatlas("prune", "--config", "c.yaml", cwd=tmp_path).stdout
    assert sorted((tmp_path / "results").rglob("*")) == before
    assert "no such config file" in one_line(grokatlas("runs", "--config", "absent.yaml", cwd=tmp_path))


def test_cost_counts_parameters_like_the_model():
    for run in (Run(), Run(layers=4, width=256, heads=8), Run(bottleneck=16)):
        shape = ModelShape(run.modulus, run.layers, run.width, run.heads, run.bottleneck)
        assert parameters(run) == parameter_count(shape)


def test_help_has_examples_for_every_command():
    for command in ("probe", "readout", "train", "status", "runs", "prune", "bench"):
        assert "Examples:" in grokatlas(command, "--help").stdout
