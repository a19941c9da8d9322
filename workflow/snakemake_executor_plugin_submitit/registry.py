"""The jobs in flight, on disk: one file a key, written before sbatch and removed when the job's end was seen."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """A job that was, or was about to be, submitted."""

    key: str
    name: str
    outputs: tuple[str, ...]
    token: str  # names the submission; carried in the comment of the SLURM job
    index: int | None  # place in the job array; None for a job alone
    folder: str  # holds payload, log and result of the submission
    job_id: str | None = None  # None: the intent was written, whether sbatch happened is not known


class Registry:
    """Entries by key. Every change is on disk, whole, before the method returns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._entries = {}
        for path in sorted(folder.glob("*.json")):
            fields = json.loads(path.read_text())
            self._entries[fields["key"]] = Entry(**{**fields, "outputs": tuple(fields["outputs"])})

    def get(self, key: str) -> Entry | None:
        """The job in flight with this key."""
        return self._entries.get(key)

    def entries(self) -> list[Entry]:
        """All jobs in flight."""
        return list(self._entries.values())

    def same_outputs(self, outputs: Iterable[str]) -> list[Entry]:
        """Jobs in flight that write one of these files."""
        wanted = set(outputs)
        return [entry for entry in self._entries.values() if wanted.intersection(entry.outputs)]

    def put(self, entry: Entry) -> None:
        """Write the intent, before sbatch."""
        path = self._path(entry.key)
        temporary = path.with_suffix(".tmp")
        with open(temporary, "w") as file:
            json.dump(asdict(entry), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        self._entries[entry.key] = entry

    def record(self, key: str, job_id: str) -> Entry:
        """Add the job's id, after sbatch."""
        entry = replace(self._entries[key], job_id=job_id)
        self.put(entry)
        return entry

    def forget(self, key: str) -> None:
        """The job has ended, or was never submitted."""
        self._path(key).unlink(missing_ok=True)
        self._entries.pop(key, None)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"
