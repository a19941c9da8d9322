"""One cluster for all tests of this folder; the faults run side by side on it, each in a checkout of its own."""

from __future__ import annotations

import signal
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import scenarios
from cluster import Cluster

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it, their children too
AT_ONCE = 4  # controllers with their jobs on a machine of two cores
SECONDS = 1800  # for all that run side by side
ROWS = {}


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    found = Cluster(tmp_path_factory.mktemp("cluster"))
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="session")
def side_by_side(request, cluster, tmp_path_factory):
    """Name -> future of each scenario that a selected test looks at; they start at once, a few at a time."""
    wanted = {mark.args[0] for item in request.session.items for mark in item.iter_markers("scenario")}
    folder = tmp_path_factory.mktemp("checkouts")
    pool = ThreadPoolExecutor(AT_ONCE)
    chosen = [f for f in scenarios.SIDE_BY_SIDE if f.__name__ in wanted]
    yield {f.__name__: pool.submit(f, cluster, folder / f.__name__) for f in chosen}
    pool.shutdown(cancel_futures=True)


@pytest.fixture
def checkout(request, side_by_side):
    """What the test's scenario left."""
    return side_by_side[request.node.get_closest_marker("scenario").args[0]].result(SECONDS)


@pytest.fixture
def alone(side_by_side):
    """For a fault that would disturb the others: waits until they have ended."""
    wait(side_by_side.values(), SECONDS)


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
