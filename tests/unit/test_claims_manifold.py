"""The manifold article's claims hold every published number, can be judged by the configs, and are judged rightly."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from grokatlas.claims import load_claims
from grokatlas.config import read_config
from grokatlas.errors import GrokatlasError
from grokatlas.tables import build_tables, load_published
from grokatlas.verdicts import judge
from manifold_records import parts, rows_of, run
from synthetic import frame

ROOT = Path(__file__).parents[2]
CLAIMS = [ROOT / "resources" / name for name in ("claims.yaml", "claims_manifold.yaml")]
PUBLISHED = [ROOT / "resources" / name for name in ("published_tables.yaml", "published_tables_manifold.yaml")]
NAMES = ["P", *(f"G{i}" for i in range(1, 8))]
PUBLISHED_NUMBERS = {
    "G1": "78 17 8 12 3 1 10 13 89 20 11 0.1% 0.4% 24.9% 100.0% 8.6% 0.8% 98.6% 96.0% 0.9% 53.4% 1.1% 99.4% 1,000 "
    "4,000 7,000 9,000 11,000 14,000 17,000 150,000 8,000 13,000",
    "G2": "500 6 504 0 870 179 7.590 0.230 2.890 0.040 2.300 1.960 7,000 14,000",
    "G3": "9.900 1.790 9.700 1.880 3.650 2.900 1.930 0.880 0.160 0.870 0.170 0.330 0.260 0.770 0.688 0.813 0.884 9.197 "
    "9.997 26,000 54,000 92,000 97,000",
    "G4": "8,000 17,500 31,000 20,500 9,500 7,000 39,000 24,500 18,000 31,500 21,500 40,500 25,000 26,500 22,000 7.6% "
    "20.9% 8.8% 1.3% 99.7% 85.0% 1.1% 27.5% 9.5% 1.4% 98.2% 99.9% 29.3% never none 1 2 4 8 16 32 48 56 64 72 80 96",
    "G5": "99.4% 98.13%",
    "G6": "0.000 1.000 2.1% 16.7%",
    "G7": "9,000 10,000 13,000 13 20 16 14 17 12 100.0% 29.1% 33.3% 98.9% 1001 1002 1003",
}  # fmt: skip


@pytest.fixture(scope="module")
def claims():
    return load_claims(*CLAIMS)


@pytest.fixture(scope="module")
def empty():
    return build_tables(frame([]), CLAIMS, PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED_NUMBERS)
def test_every_published_number_is_in_its_table(empty, name):
    words = set(re.split(r"[ ;()]+|,(?!\d)", " ".join(empty[name][["row", "published"]].to_numpy().ravel())))
    assert [number for number in PUBLISHED_NUMBERS[name].split() if number not in words] == []


def test_every_claim_has_a_row_in_its_own_table_and_every_row_a_verdict(claims, empty):
    rows = [(t.name, row) for path in PUBLISHED for t in load_published(path, claims) for row in t.rows]
    assert {row.claim.id for _, row in rows if row.claim} == {claim.id for claim in claims}
    assert all(row.claim.table == name for name, row in rows if row.claim)
    for name in NAMES:
        judged = empty[name][empty[name]["claim"] != ""]
        assert set(judged["verdict"]) <= {"missing", "untestable"}
        assert set(judged["trajectory_readout"]) <= {"", "missing"}


def test_what_cannot_be_measured_is_untestable_with_its_reason(empty):
    verdicts = empty["verdicts"].set_index("claim")
    assert verdicts.loc["p51-before", "verdict"] == "untestable"
    assert "128" in verdicts.loc["p51-before", "reason"]


def covering(claim, plans):
    """The plans of a config that can decide a claim: their columns fit, as far and as often as it reads."""
    wanted = dict(claim.population)

    def fits(plan):
        columns = plan.run.describe()
        return all(columns[key] in (value if isinstance(value, list) else [value]) for key, value in wanted.items())

    def often(plan):
        return any(c.steps >= claim.horizon and claim.cadence % c.evaluate_every == 0 for c in plan.cadences)

    return [plan for plan in plans if fits(plan) and often(plan)]


def test_the_paper_config_trains_seeds_enough_for_every_claim_as_long_and_as_often_as_it_reads(claims):
    plans = read_config(ROOT / "config" / "predictions_paper.yaml").plans.values()
    for claim in claims:
        if claim.table not in NAMES or claim.untestable:
            continue
        found = covering(claim, plans)
        one_run = "split_seed" in claim.population
        assert len(found) >= (1 if one_run else 4), claim.id
        planes = [name for name in claim.predicate.arguments.values() if str(name).startswith(("plane_", "raw_"))]
        if planes:
            sweeps = yaml.safe_load((ROOT / "config" / "predictions_paper.yaml").read_text())["sweeps"]
            assert any(claim.horizon in sweep.get("plane_steps", []) for sweep in sweeps)


def test_the_quick_config_reaches_every_prediction_about_what_happens_inside(claims):
    config = read_config(ROOT / "config" / "predictions.yaml")
    plans = config.plans.values()
    assert {(p.run.operation, p.run.bottleneck) for p in plans} == {
        (operation, k) for operation in ("addition", "multiplication") for k in (8, 32, None)
    }
    assert sum(plan.steps for plan in plans) <= 140_000
    inside = [claim for claim in claims if claim.id.startswith(("p51", "p52", "p53", "sudden-grok-cka"))]
    assert all(covering(claim, plans) for claim in inside if not claim.untestable)


def some(claims, family):
    return [claim for claim in claims if claim.entry == family]


def length(cadence, steps):
    return cadence * np.arange(1, steps // cadence + 1)


def groks(at, bottleneck=None, seed=42, steps=50_000, operation="addition"):
    return parts(run(operation, bottleneck, seed), np.where(length(500, steps) < at, 0.1, 1.0))


def test_a_width_that_does_little_groks_within_a_factor_of_two_of_none_seed_by_seed(claims):
    above = [claim for claim in some(claims, "p54-above") if claim.id == "p54-above-addition-k32"]

    def verdict(at, steps=50_000):
        runs = [groks(8000, None, seed) + groks(at, 32, seed, steps) for seed in range(4)]
        return judge(above, rows_of(*runs)).iloc[0]

    assert verdict(15_000).verdict == "reproduced"
    assert verdict(17_000).verdict == "contradicted"
    assert verdict(90_000).verdict == "contradicted"  # not within 50,000
    assert verdict(90_000, steps=20_000).verdict == "contradicted"  # 20,000 is more than twice 8,000 already
    assert verdict(90_000, steps=15_000).verdict == "missing"  # may still grok by 16,000
    assert verdict(3500).verdict == "contradicted"


def test_sixty_four_is_special_if_it_groks_later_than_its_neighbours_or_not_at_all(claims):
    special = [claim for claim in some(claims, "g4-64-slower-than-56") if claim.id.endswith("addition")]

    def verdict(at):
        runs = [groks(20_000, 56, seed) + groks(at, 64, seed) for seed in range(4)]
        return judge(special, rows_of(*runs)).iloc[0].verdict

    assert (verdict(30_000), verdict(90_000), verdict(10_000)) == ("reproduced", "reproduced", "contradicted")


def test_the_share_of_seeds_that_grok_stands_in_the_table_with_its_interval():
    runs = [groks(20_000 if seed < 3 else 90_000, 48, seed) for seed in range(4)]
    table = build_tables(rows_of(*runs), CLAIMS, PUBLISHED)["G4"].set_index("claim")
    row = table.loc["g4-groks-addition-k48"]
    assert row["trajectory_readout"] == "groks: 3 of 4 runs (95% interval of the share 0.30 to 0.95)"
    assert row["trajectory_value"] == 0.75
    assert row["row"] == "Addition, k = 48"
    assert table.loc["g4-groks-multiplication-none", "row"] == "Multiplication, k = none"


def test_stuck_runs_are_told_from_low_last_evaluations(claims):
    steps = length(1000, 150_000)

    def run_of(seed, low_from, low_to):
        accuracy = np.where(steps < 10_000, 0.1, np.where((steps >= low_from) & (steps <= low_to), 0.3, 1.0))
        return parts(run("addition", None, seed), accuracy, 1000)

    wanted = [claim for name in ("g7-stuck-run", "g7-stuck-evaluation", "g7-success") for claim in some(claims, name)]
    wanted = [claim for claim in wanted if claim.id.endswith("addition")]
    unlucky = judge(wanted, rows_of(*[run_of(seed, 150_000 if seed < 4 else 100_000, 150_000) for seed in range(4)]))
    assert unlucky["verdict"].tolist() == ["contradicted", "reproduced", "contradicted"]
    stuck = judge(wanted, rows_of(*[run_of(seed, 40_000, 150_000) for seed in range(4)]))
    assert stuck["verdict"].tolist() == ["reproduced", "reproduced", "contradicted"]
    fine = judge(wanted, rows_of(*[run_of(seed, 200_000, 0) for seed in range(4)]))
    assert fine["verdict"].tolist() == ["missing", "contradicted", "reproduced"]


def test_snapshots_and_trajectories_stand_side_by_side():
    steps = length(1000, 150_000)
    accuracy = np.where(steps < 9000, 0.01, np.where(steps % 10_000 < 8000, 1.0, 0.1))
    dimension = np.where(accuracy > 0.5, 13, 2)
    table = build_tables(
        rows_of(parts(run(), accuracy, 1000, pca_dimension_95=dimension, mean_norm=10 * accuracy)), CLAIMS, PUBLISHED
    )
    row = table["G1"].set_index("claim").loc["g1-pca-addition-9000"]
    assert (row["snapshot_readout"], row["trajectory_readout"]) == ("2", "median before: 2; median solid: 13")
    follows = table["G3"].set_index("claim").loc["g3-norm-follows-addition"]
    assert follows["trajectory_readout"] == "rank correlation: +1.000; its interval from: +1.000; to: +1.000"


def test_rows_of_one_table_with_one_quantity_have_labels_of_their_own(empty, claims):
    bottlenecks = empty["G4"][["row", "quantity"]]
    assert not bottlenecks.duplicated().any()
    assert {"Addition, k = 128 (as wide as the model: none)", "Addition, k = none"} <= set(bottlenecks["row"])
    full = [claim for claim in claims if "-k128" in claim.id]
    assert len(full) == 8
    assert all("bottleneck 128 (as wide as the model: none): " in claim.statement for claim in full)
    assert all(claim.population["bottleneck"] is None for claim in full)


def claims_file(tmp_path, claim):
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump({"populations": {"all": {"layers": 2}}, "claims": [claim]}))
    return path


BASE = {
    "id": "c", "table": "P", "statement": "{operation}, {bottleneck}: s", "source": "x", "published": "p",
    "population": "all", "horizon": 1000, "cadence": 500, "quantifier": "always",
    "predicate": {"readout": "first_grok_step", "compare": "occurs"},
}  # fmt: skip


def test_a_case_adds_its_columns_replaces_what_it_names_and_fills_in_the_statement(tmp_path):
    case = {"id": "a", "where": {"operation": "addition", "bottleneck": None}, "predicate": {"compare": "never"}}
    other = {"id": "b", "where": {"operation": "multiplication", "bottleneck": 8}, "published": "q"}
    first, second = load_claims(claims_file(tmp_path, BASE | {"where": {"width": 128}, "cases": [case, other]}))
    assert (first.id, first.entry, first.family, first.statement) == ("c-a", "c", "c-a", "Addition, none: s")
    assert first.population == {"layers": 2, "width": 128, "operation": "addition", "bottleneck": None}
    assert (first.predicate.compare, second.predicate.compare) == ("never", "occurs")
    assert (first.published, second.published) == ("p", "q")


def test_a_case_may_say_its_columns_otherwise(tmp_path):
    case = {"id": "a", "where": {"operation": "addition", "bottleneck": None}, "said": {"bottleneck": "128 (none)"}}
    (first,) = load_claims(claims_file(tmp_path, BASE | {"cases": [case]}))
    assert first.statement == "Addition, 128 (none): s"
    assert first.population == {"layers": 2, "operation": "addition", "bottleneck": None}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cases": []}, "list"),
        ({"cases": [{"where": {}}]}, "no id"),
        ({"cases": [{"id": "a", "were": {}}]}, "were"),
        ({"cases": [{"id": "a", "where": {"operatoin": "addition"}}]}, "operatoin"),
        ({"cases": [{"id": "a", "where": {"operation": "addition"}}]}, "bottleneck"),
        (
            {"predicate": {"readout": "value_at", "arguments": {"measure": "pca", "step": 1}, "compare": "occurs"}},
            "pca",
        ),
        ({"predicate": {"readout": "loop_lead", "arguments": {"phase": "after"}, "compare": "occurs"}}, "after"),
        ({"predicate": {"readout": "reaches_accuracy", "arguments": {"level": "0.9"}, "compare": "occurs"}}, "float"),
    ],
)
def test_a_faulty_case_or_argument_is_refused_with_one_line_that_names_it(tmp_path, change, words):
    with pytest.raises(GrokatlasError, match=words) as error:
        load_claims(claims_file(tmp_path, BASE | change))
    assert "claim 'c'" in str(error.value)
    assert "\n" not in str(error.value)


def test_one_id_in_two_files_is_refused(tmp_path):
    path = claims_file(tmp_path, BASE)
    with pytest.raises(GrokatlasError, match="used twice"):
        load_claims(path, path)
