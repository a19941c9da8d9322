"""Progress of training as plain lines: readable in a terminal, in a log file and under Snakemake."""

from __future__ import annotations

import sys
import threading
import time
from typing import TextIO

BAR = 20
SECONDS = 10.0


def duration(seconds: float) -> str:
    """Short text of a time span: 42s, 6m40s, 3h05m."""
    s = int(seconds)
    if s < 60:
        return f"{s}s"
    return f"{s // 60}m{s % 60:02d}s" if s < 3600 else f"{s // 3600}h{s % 3600 // 60:02d}m"


def bar(step: int, goal: int) -> str:
    """A bar of 20 characters: ########............"""
    done = int(BAR * step / goal)
    return "#" * done + "." * (BAR - done)


class Progress:
    """Prints a line a run every ten seconds: bar, step, accuracies, speed, time left. Safe from several threads."""

    def __init__(self, stream: TextIO | None = None, every: float = SECONDS) -> None:
        self._stream, self._every, self._lock = stream or sys.stderr, every, threading.Lock()
        self._begun: dict[str, tuple[float, int]] = {}
        self._shown: dict[str, float] = {}

    def __call__(self, run: str, step: int, goal: int, scores: dict[str, float]) -> None:
        """Report that `run` stands at `step` of `goal`, with its newest evaluation."""
        now = time.monotonic()
        with self._lock:
            began, first = self._begun.setdefault(run, (now, step))
            if step < goal and now - self._shown.setdefault(run, now) < self._every:
                return
            self._shown[run] = now
            speed = (step - first) / (now - began) if now > began else 0.0
            print(self._line(run, step, goal, scores, speed), file=self._stream, flush=True)

    @staticmethod
    def _line(run: str, step: int, goal: int, scores: dict[str, float], speed: float) -> str:
        text = f"{run} [{bar(step, goal)}] step {step:,}/{goal:,}"
        if scores:
            text += f"  train {scores['train_accuracy']:.3f}  test {scores['test_accuracy']:.3f}"
        if speed:
            text += f"  {speed:.0f} steps/s  {duration((goal - step) / speed)} left"
        return text
