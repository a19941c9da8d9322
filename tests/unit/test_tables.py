"""The published tables hold every published number, and say of the runs what the runs say: no more, no less."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from grokatlas.claims import load_claims
from grokatlas.errors import GrokatlasError
from grokatlas.model import ModelShape, parameter_count
from grokatlas.report import build_report
from grokatlas.tables import build_tables, display_columns, load_published, read_table, write_tables
from grokatlas.tables.computed import COMPUTATIONS
from synthetic import frame, run_columns, series, synthetic_metrics

ROOT = Path(__file__).parents[2]
CLAIMS, PUBLISHED = ROOT / "resources" / "claims.yaml", ROOT / "resources" / "published_tables.yaml"
NAMES = [f"N{i}" for i in range(1, 10)]
# Every number that the article or the author's scan gives, by table; the stage borders stand in the row labels.
PUBLISHED_NUMBERS = {
    "N3": "20,000 100,000 350,000 1,000,000 0.958 0.812 1.000 0.406 0.083 0.688 0.583 0.906 0.042 0.302 0.000 0.948 "
    "0.562 30,000 270,000 550,000",
    "N4": "20,000 130,000 140,000 400,000 1,000,000 0-30% 0.84 1.000 0.115 13 0.094 11 0.208 0.583 0.000 6 0.083 0.542 "
    "0.604 0.167 0.833 14 0.896 12 0.844 15 50,000 200,000 470,000 860,000",
    "N5": "1 2",
    "N6": "100% 3.4% 73.4% 78.2% 1,000,000 3,560,000 5,000,000",
    "N7": "89.6% 100% 77.7% 20k 350k 140k",
    "N8": "430k 3.23M",
    "N9": "100% 51.75% 56.4% 100k-350k 10k 360,000 380,000 0.5-0.9 0.1-0.4",
}  # fmt: skip


@pytest.fixture(scope="module")
def tables():
    return build_tables(synthetic_metrics((1.0, 2.0), seeds=(42, 1)), [CLAIMS], [PUBLISHED])


@pytest.fixture(scope="module")
def empty():
    return build_tables(frame([]), [CLAIMS], [PUBLISHED])


def cell(tables, table, claim, column, place=0):
    return tables[table].query("claim == @claim")[column].iloc[place]


@pytest.mark.parametrize("name", PUBLISHED_NUMBERS)
def test_every_published_number_is_in_its_table(empty, name):
    text = " ".join(empty[name][["row", "published"]].to_numpy().ravel())
    words = set(re.split(r"[ ,;()]+(?=\D|$)|[ ;()]+|(?<=\d)-(?=\d+,)", text))
    for number in PUBLISHED_NUMBERS[name].split():
        assert number in words or number in text.split(), f"{name} lacks {number}"


def test_every_row_has_a_verdict_and_every_claim_a_row():
    claims = load_claims(CLAIMS)
    rows = [(table.name, row) for table in load_published(PUBLISHED, claims) for row in table.rows]
    judged = {row.claim.id for _, row in rows if row.claim}
    assert judged == {claim.id for claim in claims}
    assert all(row.claim.table == name for name, row in rows if row.claim)


def test_without_runs_everything_that_needs_one_is_missing_and_never_zero(empty):
    assert list(empty) == [*NAMES, "verdicts"]
    for name in ("N3", "N4", "N5", "N6", "N7", "N9"):
        assert set(empty[name]["verdict"]) <= {"missing", "untestable"}
        assert empty[name][["snapshot_value", "trajectory_value"]].isna().all(axis=None)
        assert set(empty[name]["snapshot_readout"]) | set(empty[name]["trajectory_readout"]) <= {"", "missing"}
    assert empty["verdicts"]["share_true"].isna().all()


def test_a_shorter_record_is_missing_with_its_last_step_said(tables):
    text = cell(tables, "N4", "n4-scan-outer-50000", "snapshot_readout")
    assert re.fullmatch(r"missing; \d\.\d{3}, \d\.\d{3} at 20,000 \(of 50,000\)", text)
    assert np.isnan(cell(tables, "N4", "n4-scan-outer-50000", "snapshot_value"))
    assert cell(tables, "N7", "n7-wd1.0-no-grok", "trajectory_readout").startswith("over 20,000 of 1,000,000 steps; ")
    assert np.isnan(cell(tables, "N7", "n7-wd1.0-no-grok", "trajectory_value"))


def test_a_snapshot_is_the_runs_value_at_exactly_the_published_step_the_published_seed_first():
    rows = [
        series(
            run_columns(1.0, seed), "evaluation", "accuracy", 5000 * np.arange(1, 201), np.append(np.ones(199), last)
        )
        for seed, last in ((1, 0.25), (42, 0.896), (2, 1.0))
    ]
    tables = build_tables(frame(rows), [CLAIMS], [PUBLISHED])
    assert cell(tables, "N7", "n7-wd1.0-final-1000000", "snapshot_readout") == "89.6%, 25.0%, 100.0%"
    assert cell(tables, "N7", "n7-wd1.0-final-1000000", "snapshot_value") == 0.896
    assert cell(tables, "N7", "n7-wd1.0-final-1000000", "seeds") == "42, 1, 2"
    assert cell(tables, "N7", "n7-wd1.0-final-1000000", "cadence") == 5000
    trajectory = cell(tables, "N7", "n7-wd1.0-final-1000000", "trajectory_readout")
    assert trajectory.startswith("median of the last fifth: 100.0%; ")
    assert "evaluations >= 0.99: 99.5% [99.5% to 100.0%]" in trajectory
    assert cell(tables, "N7", "n7-wd1.0-no-grok", "trajectory_value") == 5000


def test_strides_are_counted_and_not_averaged():
    steps = 10_000 * np.arange(1, 101)
    rows = []
    for seed, stride in ((1, 1), (2, 3), (3, 3)):
        for side, size in (("outer", 12), ("inner", 8)):
            for s in range(1, size // 2 + 1):
                value = float(side == "inner" and s == stride)
                run = run_columns(2.0, seed)
                rows.append(series(run, "strides_12x8", f"{side}_stride", steps, np.full(100, value), index=s))
    tables = build_tables(frame(rows), [CLAIMS], [PUBLISHED])
    text = cell(tables, "N7", "n7-wd2.0-inner", "trajectory_readout")
    assert text == "stride that has taken over: 3 in 2 of 3 runs, 1 in 1 of 3 runs"
    assert cell(tables, "N7", "n7-wd2.0-inner", "trajectory_value") == 3


def test_parquet_csv_and_markdown_agree(tables, tmp_path):
    write_tables(tables, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"{name}.{kind}" for name in [*NAMES, "verdicts"] for kind in ("parquet", "csv", "md")
    )
    for name, frame_ in tables.items():
        parquet = read_table(tmp_path / f"{name}.parquet")
        columns = display_columns(parquet)
        with open(tmp_path / f"{name}.csv", newline="") as handle:
            from_csv = list(csv.reader(handle))
        lines = [line for line in (tmp_path / f"{name}.md").read_text().splitlines() if re.match(r"\| (?!---)", line)]
        from_markdown = [re.split(r"(?<!\\) ?\| ?", line)[1:-1] for line in lines]
        assert from_csv[0] == from_markdown[0] == columns
        assert len(from_csv) == len(from_markdown) == len(frame_) + 1
        texts = [column for column in columns if column in ("row", "published", "snapshot_readout", "verdict", "claim")]
        for place, (row, line) in enumerate(zip(from_csv[1:], from_markdown[1:], strict=True)):
            assert row == line
            for column in texts:
                assert row[columns.index(column)] == parquet[column].iloc[place] == frame_[column].iloc[place]
        assert parquet.attrs["title"] == frame_.attrs["title"]


def test_rings_by_stride_are_gcd_many():
    assert COMPUTATIONS["rings"](12, 1)[0] == COMPUTATIONS["rings"](12, 5)[0] == "1 ring of 12"
    assert COMPUTATIONS["rings"](12, 2) == ("2 rings of 6", 2.0)
    assert COMPUTATIONS["rings"](12, 4) == ("4 rings of 3", 4.0)
    assert COMPUTATIONS["rings"](8, 4) == ("4 pairs", 4.0)


def test_chance_scores_are_the_exact_ones_and_not_the_published_ones(empty):
    assert COMPUTATIONS["chance"](12, 1)[1] == pytest.approx(2 / 11)
    assert COMPUTATIONS["chance"](12, 6)[1] == pytest.approx(1 / 11)
    assert COMPUTATIONS["chance"](8, 4)[1] == pytest.approx(1 / 7)
    assert empty["N1"]["verdict"].tolist() == ["reproduced"] * 3 + ["contradicted"] * 3


def test_parameters_are_counted_as_the_model_has_them(empty):
    for layers, width, heads, count in ((2, 128, 4, 434_145), (4, 256, 8, 3_234_145)):
        assert COMPUTATIONS["parameter_count"](97, layers, width)[1] == count
        assert parameter_count(ModelShape(97, layers, width, heads)) == count
    assert empty["N8"]["snapshot_readout"].tolist() == ["434,145", "3,234,145"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("claim: n7-dies-sooner", "claim: n7-dies-soner", "n7-dies-soner"),
        ("points_of: n6-train", "points_of: n6-trane", "n6-trane"),
        ("author_log: near 3.7M", "author_lag: near 3.7M", "author_lag"),
        ("compute: {direct_product:", "compute: {product:", "product"),
        ("trajectory: {readout: share_at_least_99}", "trajectory: {readout: share_99}", "share_99"),
        (
            "snapshot: {readout: accuracy_at, arguments: {step: 100000}}",
            "snapshot: {readout: first_grok_step}",
            "one step",
        ),
    ],
)
def test_a_misspelt_table_is_refused_with_one_line_that_names_the_row(tmp_path, old, new, words):
    text = PUBLISHED.read_text()
    assert old in text
    path = tmp_path / "published.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(GrokatlasError, match=words) as error:
        load_published(path, load_claims(CLAIMS))
    assert re.search(r"table N\d, row \d+", str(error.value))
    assert "\n" not in str(error.value)


def test_the_report_is_one_file_with_verdicts_tables_figures_and_runs(tables, tmp_path):
    write_tables(tables, tmp_path)
    figure = tmp_path / "phase.png"
    figure.write_bytes(b"\x89PNG")
    metrics = synthetic_metrics((1.0, 2.0), seeds=(42, 1))
    paths = [tmp_path / f"{name}.parquet" for name in tables]
    build_report(metrics, paths, [figure], tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/png;base64,iVBORw") == 1
    assert not re.findall(r"(?:src|href)=\"(?!#|data:)", page)  # nothing outside the file
    for name in NAMES:
        assert f'<h2 id="{name}">' in page
    assert "contradicted" in page
    for run in metrics["run"].unique():
        assert page.count(f"<td>{run}</td>") == 1
    assert "20,000" in page
    with pytest.raises(GrokatlasError, match="verdicts"):
        build_report(metrics, paths[:1], [], tmp_path / "other.html")


def test_the_report_of_no_runs_says_so(empty, tmp_path):
    write_tables(empty, tmp_path)
    build_report(frame([]), [tmp_path / f"{name}.parquet" for name in empty], [], tmp_path / "report.html")
    assert "No run was trained yet" in (tmp_path / "report.html").read_text()
