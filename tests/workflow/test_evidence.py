"""What the repository publishes is what its evidence says."""

import shutil

import pytest
from conftest import ROOT


@pytest.mark.slow
def test_the_published_findings_and_headline_are_made_again_from_the_evidence_without_a_diff(checkout):
    shutil.copy(ROOT / "config" / "evidence.yaml", checkout.folder / "config.yaml")
    done = checkout.snakemake("findings")
    made = checkout.folder / "results" / "from_evidence"
    assert (made / "findings.md").read_text() == (ROOT / "docs" / "findings.md").read_text()
    assert (made / "headline.md").read_text() in (ROOT / "README.md").read_text()
    assert "rule train" not in done.stderr  # nothing is trained for it
