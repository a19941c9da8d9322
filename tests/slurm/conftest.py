"""One cluster for all tests of this folder; the faults run side by side on it, each in a checkout of its own."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import scenarios
from cluster import Cluster

AT_ONCE = 4  # controllers with their jobs on a machine of two cores
ROWS = {}


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    found = Cluster(tmp_path_factory.mktemp("cluster"))
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="session")
def side_by_side(cluster, tmp_path_factory):
    """Name -> future of each scenario that disturbs no other; they start at once, a few at a time."""
    folder = tmp_path_factory.mktemp("checkouts")
    pool = ThreadPoolExecutor(AT_ONCE)
    yield {f.__name__: pool.submit(f, cluster, folder / f.__name__) for f in scenarios.SIDE_BY_SIDE}
    pool.shutdown(cancel_futures=True)


@pytest.fixture
def row():
    """Keeps a line of the table of faults: what happened, and what it cost."""

    def keep(fault: str, happened: str, lost: str) -> None:
        ROWS[fault] = f"| {fault} | {happened} | {lost} |"

    return keep


def pytest_terminal_summary(terminalreporter):
    """The table of faults as measured: docs/reliability.md holds one such print."""
    if ROWS:
        terminalreporter.write_line("\n| fault | what happened | what was lost |\n|---|---|---|")
        for line in ROWS.values():
            terminalreporter.write_line(line)
