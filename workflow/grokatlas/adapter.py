"""What every workflow script needs around its one library call: a log, one-line errors, and a save on termination."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from .errors import GrokatlasError


class Tee:
    """A stream that writes to several."""

    def __init__(self, *streams: TextIO) -> None:
        self._streams = streams

    def write(self, text: str) -> int:
        """Write to each stream."""
        for stream in self._streams:
            stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush each stream."""
        for stream in self._streams:
            stream.flush()


def stop_on_signal() -> threading.Event:
    """An event that SIGINT and SIGTERM set instead of ending the process: time to save."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


@contextmanager
def job(log: str) -> Iterator[None]:
    """Copy output to the log file; a GrokatlasError becomes one line and exit status 1."""
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with open(log, "a") as file:
        sys.stdout, sys.stderr = Tee(sys.__stdout__, file), Tee(sys.__stderr__, file)
        try:
            yield
        except GrokatlasError as error:
            print(f"grokatlas: {error}", file=sys.stderr, flush=True)
            sys.exit(1)
        finally:
            sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
