"""One controller a working directory: a file with host, pid and a heartbeat.

Snakemake's own lock survives kill -9 and then refuses the next command, so the profile turns it off; this one tells a
dead controller from a live one.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from snakemake_interface_common.exceptions import WorkflowError

BEAT_SECONDS = 15.0
STALE_SECONDS = 180.0  # on another host, where the pid says nothing


class ControllerLock:
    """Held from `acquire` to `release`; a thread keeps its heartbeat fresh."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mine = {"host": socket.gethostname(), "pid": os.getpid(), "started": _start_of(os.getpid())}
        self._stop = threading.Event()
        self.held = False

    def acquire(self, say: Callable[[str], None]) -> None:
        """Take the lock, breaking a stale one with a message. Raises WorkflowError if its holder is alive."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._guard():
            holder = self._read()
            if holder and _alive(holder):
                raise WorkflowError(
                    f"another controller is at work in {Path.cwd()} (host {holder['host']}, pid {holder['pid']}, "
                    f"heard {time.time() - holder['beat']:.0f} s ago); wait for it or stop it. Nothing was submitted."
                )
            if holder:
                say(f"The controller before (host {holder['host']}, pid {holder['pid']}) died; its lock is broken.")
            self._write()
        self.held = True
        threading.Thread(target=self._beat, daemon=True).start()

    def check(self) -> None:
        """Raise WorkflowError if another controller took the lock, this one having seemed dead."""
        holder = self._read()
        if holder is None or any(holder[name] != value for name, value in self._mine.items()):
            self.held = False
            raise WorkflowError("another controller took over this folder; this one submits nothing more")

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        self._stop.set()
        if self.held:
            with self._guard():
                self._path.unlink(missing_ok=True)
        self.held = False

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            try:
                with self._guard():
                    if self._stop.is_set():
                        return
                    self.check()
                    self._write()
            except WorkflowError:
                return
            except OSError:
                continue  # a file system that is away for a moment: the next beat tries again

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """Reading and writing as one act, so that two controllers cannot both break a stale lock."""
        with open(self._path.with_suffix(".guard"), "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _read(self) -> dict | None:
        try:
            return json.loads(self._path.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _write(self) -> None:
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps({**self._mine, "beat": time.time()}))
        os.replace(temporary, self._path)


def _alive(holder: dict) -> bool:
    if holder["host"] == socket.gethostname():
        return _start_of(holder["pid"]) == holder["started"] is not None
    return time.time() - holder["beat"] < STALE_SECONDS


def _start_of(pid: int) -> int | None:
    """When a process started, in clock ticks since boot, so that a reused pid is told apart; None if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])
