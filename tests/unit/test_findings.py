"""The findings are made of the tables' numbers, and say what seeds would settle."""

from pathlib import Path

import pytest
from grokatlas.findings import HEADLINE, build_findings, seeds_to_settle
from grokatlas.tables import build_tables, write_tables
from synthetic import synthetic_metrics

RESOURCES = Path(__file__).parents[2] / "resources"


@pytest.mark.parametrize(("share", "runs"), [(1.0, 4), (0.0, 4), (0.5, None), (0.75, 16)])
def test_the_runs_that_would_settle_a_share(share, runs):
    assert seeds_to_settle(share) == runs


def test_the_findings_name_every_judged_statement_with_its_verdict_and_query(tmp_path):
    metrics = synthetic_metrics(seeds=(42, 1), last_step=20000)
    tables = build_tables(metrics, sorted(RESOURCES.glob("claims*.yaml")), sorted(RESOURCES.glob("published*.yaml")))
    write_tables(tables, tmp_path)
    text, headline = build_findings(metrics, sorted(tmp_path.glob("*.parquet")), ["phase", "timeline_wd2.0"], [])
    verdicts = tables["verdicts"]
    judged = verdicts[(verdicts["claim"] == verdicts["family"]) & (verdicts["verdict"] != "missing")]
    assert len(judged) > 3
    for row in judged.itertuples():
        assert f"**{row.statement}.**" in text and row.reason in text
    assert all(row.query in text for row in judged.itertuples() if row.query)
    assert "findings/phase.png" in text and "findings/spectrum.png" not in text
    assert len(headline.splitlines()) == 2 + len(HEADLINE)
