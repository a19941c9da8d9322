"""How long a job may take: from speeds in the ledgers on disk where there are any, else from a cautious guess.

No torch here: the rules ask this for the `runtime` that they request. Being wrong costs little: a job that a time limit
ends has saved, and the next one goes on; so a request errs on the long side, but never beyond a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import ceil

from .config import Config
from .cost import CORE_FLOPS, step_flops
from .errors import GrokatlasError
from .history import Piece, RunHistory
from .runs import Run

SAMPLE = 8  # runs of a model shape whose ledgers are read
SAFETY = 2  # a node may be that much slower than the one measured
START_MINUTES = 10  # to import torch, set up an environment, read and verify checkpoints
MOST_MINUTES = 24 * 60
GPU_FLOPS, GPU_STEP_SECONDS = 1e12, 2e-3  # guesses for a small GPU: what products reach, and launches of one step
PROBED_PER_SECOND = 0.2  # snapshots that one core probes: the default takes a second, topology up to eight more

Shape = tuple[object, ...]


def shape_key(run: Run) -> Shape:
    """What a step's time depends on."""
    return (run.modulus, run.layers, run.width, run.heads, run.bottleneck, run.batch_size)


class Speeds:
    """Speeds found under a config's results folder; a few files a model shape are read, when first asked for."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._pieces = cache(self._read)

    def train_minutes(self, runs: Sequence[Run], steps: int, threads: int) -> int:
        """Minutes to request for so many steps of runs of one shape in one job that has so many threads."""
        return _request(self._seconds(runs, steps, threads))

    def replay_minutes(self, runs: Sequence[Run], steps: int) -> int:
        """Minutes in which a checkpoint job can replay a whole segment of one run, so that each job gets further."""
        return _request(self._seconds(runs[:1], steps, 1))

    def probe_minutes(self, snapshots: int, threads: int) -> int:
        """Minutes to request for probing so many snapshots."""
        return _request(snapshots / PROBED_PER_SECOND / threads)

    def _seconds(self, runs: Sequence[Run], steps: int, threads: int) -> float:
        pieces = self._pieces(shape_key(runs[0]))
        if not pieces:
            return steps * self._guess(runs, threads)

        def rounds(piece: Piece) -> int:
            """How often lanes as in this piece run one after the other."""
            lanes = ceil(len(runs) / len(piece.execution.lane))
            return ceil(lanes / threads) if piece.execution.device == "cpu" else lanes

        fewest = min(map(rounds, pieces))
        alike = [piece for piece in pieces if rounds(piece) == fewest]
        return fewest * steps * sum(p.seconds for p in alike) / sum(p.stop - p.start for p in alike)

    def _guess(self, runs: Sequence[Run], threads: int) -> float:
        """Seconds a step; `auto` may turn out to be either device, and hopes for the faster."""
        flops = step_flops(runs[0])
        guesses = {
            "cpu": ceil(len(runs) / threads) * flops / CORE_FLOPS,
            "cuda": max(GPU_STEP_SECONDS, len(runs) * flops / GPU_FLOPS),
        }
        return guesses.get(self._config.settings.device, min(guesses.values()))

    def _read(self, shape: Shape) -> list[Piece]:
        """Newest pieces of a few runs of this shape, on the device asked for; for `auto`, on the last one used."""
        settings = self._config.settings
        try:
            begun = {path.name for path in (settings.results / "runs").iterdir()}
        except FileNotFoundError:
            return []
        runs = [p.run for p in self._config.plans.values() if p.run.id in begun and shape_key(p.run) == shape]
        found: list[tuple[float, Piece]] = []
        for run in runs[:: max(1, ceil(len(runs) / SAMPLE))]:
            history = RunHistory(settings.results, run)
            try:
                piece = history.newest_piece()
                if piece is not None and piece.seconds > 0 and piece.stop > piece.start:
                    found.append((history.path.stat().st_mtime, piece))
            except GrokatlasError:
                continue  # its train job says what is wrong
        newest = max(found, key=lambda pair: pair[0], default=None)
        device = settings.device if settings.device != "auto" or newest is None else newest[1].execution.device
        return [piece for _, piece in found if piece.execution.device == device]


def _request(seconds: float) -> int:
    return min(MOST_MINUTES, START_MINUTES + ceil(SAFETY * seconds / 60))
