"""What an earlier controller left behind: submissions without an id, and jobs that ended unwatched."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from .local import Local
from .outcome import clear, read_result
from .registry import Registry
from .slurm import Slurm


def heal(registry: Registry, cluster: Slurm | Local) -> None:
    """Give each intent without an id the id of the job that carries its token, or drop it if there is none.

    Raises UnreachableError when SLURM cannot say.
    """
    intents = [entry for entry in registry.entries() if entry.job_id is None]
    if not intents:
        return
    while _submitting({entry.token for entry in intents}):
        time.sleep(0.5)
    found = cluster.submissions()
    for entry in intents:
        if (entry.token, entry.index) in found:
            registry.record(entry.key, found[entry.token, entry.index])
        else:
            registry.forget(entry.key)


def take_stock(registry: Registry, cluster: Slurm | Local, due: set[str], say: Callable[[str], None]) -> None:
    """Keep jobs that are queued or running; drop those that failed, to be submitted anew. Says what it found.

    A job that ended well is kept only if its files are still due, having come since Snakemake looked.
    Raises UnreachableError when SLURM cannot say.
    """
    entries = registry.entries()
    results = {entry.key: read_result(entry) for entry in entries}
    states = cluster.states(entry.job_id for entry in entries if not results[entry.key])
    running = finished = 0
    for entry in entries:
        result, state = results[entry.key], states.get(entry.job_id)
        if result and result.ok:
            finished += 1
            if not due.intersection(entry.outputs):
                registry.forget(entry.key)
                clear(entry)
        elif not result and state and not state.ended:
            running += 1
        else:
            how = result.text if result else f"ended as {state.name}" if state else "is gone"
            say(f"Job {entry.job_id} ({entry.name}) {how} while no controller watched.")
            registry.forget(entry.key)
    if running or finished:
        say(f"An earlier controller left {running} jobs queued or running, and {finished} that finished meanwhile.")


def _submitting(tokens: set[str]) -> bool:
    """Whether an sbatch of the controller that died is still at work on this machine."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if line.startswith(b"sbatch\0") and any(token.encode() in line for token in tokens):
            return True
    return False
