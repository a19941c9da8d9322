"""`grokatlas publish`: put the findings made from the evidence where readers look."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import click

from ..atomic import write_text
from ..config import read_config
from ..errors import GrokatlasError

BLOCK = re.compile(r"(<!-- headline: made by `make findings` -->\n).*?(<!-- end of headline -->)", re.DOTALL)


@click.command(
    epilog="""\b
Examples:
  snakemake findings --configfile config/evidence.yaml && grokatlas publish
"""
)
@click.option(
    "--config", "config_path", type=click.Path(path_type=Path), default="config/evidence.yaml", show_default=True
)
def publish(config_path: Path) -> None:
    """Copy findings.md with its figures to docs/, and its headline table into README.md."""
    results = read_config(config_path).settings.results
    findings, docs, readme = results / "findings.md", Path("docs"), Path("README.md")
    if not findings.exists():
        raise GrokatlasError(f"{findings}: not made yet; run `snakemake findings --configfile {config_path}`")
    text, headline = findings.read_text(), (results / "headline.md").read_text()
    page, replaced = BLOCK.subn(lambda block: block[1] + headline + block[2], readme.read_text())
    if not replaced:
        raise GrokatlasError(f"{readme}: has no headline block; put back its two comment lines")
    shutil.rmtree(docs / "findings", ignore_errors=True)
    (docs / "findings").mkdir(parents=True)
    shown = sorted(set(re.findall(r"\]\(findings/(\S+)\.png\)", text)))
    for name in shown:
        shutil.copy(results / "figures" / f"{name}.png", docs / "findings")
    write_text(docs / "findings.md", text)
    write_text(readme, page)
    click.echo(f"docs/findings.md with {len(shown)} figures; headline in README.md")
