"""The folder of recordings: what is kept there, for how long, and what can be done with it."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from labs.stream.events import ExperimentEnded, ExperimentStarted
from labs.stream.lines import encode
from labs.stream.places import make_home
from labs.stream.recording import RecordingError, read_recording
from tui.recordings.summary import LARGEST_BYTES, OURS, Recording, summarize

MOST_KEPT = 30
MOST_KEPT_BYTES = 200 * 2**20
"""How much is kept; what is older makes way for what is recorded."""


class Recordings:
    """One folder of them. Its methods may be called from another thread than the screen's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[Path, tuple[tuple[int, int], Recording]] = {}

    def read(self) -> list[Recording]:
        """All that are there, the newest first; those that cannot be read with the reason."""
        found = []
        for path in _files(self.folder):
            with suppress(OSError):  # It was removed meanwhile.
                found.append(replace(self._summary(path), being_written=_is_held(path)))
        return sorted(found, key=lambda one: one.when, reverse=True)

    def _summary(self, path: Path) -> Recording:
        status = path.stat()
        mark = (status.st_size, status.st_mtime_ns)
        known = self._known.get(path)
        if known is None or known[0] != mark:
            known = self._known[path] = (mark, summarize(path))
        return known[1]

    def remove(self, recording: Recording) -> None:
        """Delete one; raises `RecordingError` when it is being written, or cannot be deleted."""
        with _hold(recording.path):
            recording.path.unlink(missing_ok=True)

    def close_off(self, recording: Recording) -> None:
        """Let one that was broken off end as a cancelled run, which nobody is offered to go on with.

        Raises:
            RecordingError: it cannot be read or written, or has ended.
        """
        with _hold(recording.path) as file:
            run: ExperimentStarted | None = None
            t = 0.0
            for event in read_recording(recording.path):
                t = event.t
                if isinstance(event, ExperimentStarted | ExperimentEnded):
                    run = event if isinstance(event, ExperimentStarted) else None
            if run is None:
                raise RecordingError(f"No run of {recording.path.name} is broken off.")
            ended = ExperimentEnded(t=t, experiment=run.experiment, outcome="cancelled", seconds=round(t - run.t, 3))
            whole = recording.path.read_bytes().rfind(b"\n") + 1
            os.ftruncate(file, whole)
            os.pwrite(file, encode(ended), whole)


def begin(folder: Path, lab: str) -> tuple[Path, int]:
    """Make room, and a file for a recording that begins now; returns its path and the descriptor that holds it.

    Raises:
        OSError: the folder or the file cannot be made.
    """
    make_home(folder.parent)
    folder.mkdir(exist_ok=True, mode=0o700)
    make_room(folder)
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{re.sub(r'[^a-zA-Z0-9_]', '_', lab)}.jsonl"
    path = folder / name
    held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    return path, held


def make_room(folder: Path) -> None:
    """Remove the oldest recordings of ours until one more fits; none that is being written."""
    sizes = {path: path.stat().st_size for path in _files(folder) if OURS.fullmatch(path.name)}
    count, size = len(sizes), sum(sizes.values())
    for path in sorted(sizes):
        if count < MOST_KEPT and size <= MOST_KEPT_BYTES - LARGEST_BYTES:
            return
        with suppress(RecordingError), _hold(path):
            path.unlink(missing_ok=True)
            count, size = count - 1, size - sizes[path]


def _files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.glob("*.jsonl") if path.is_file()]
    except OSError:
        return []


def _is_held(path: Path) -> bool:
    try:
        with _hold(path, os.O_RDONLY, fcntl.LOCK_SH):  # Others may be asking, too.
            return False
    except RecordingError:
        return True


@contextmanager
def _hold(path: Path, mode: int = os.O_RDWR, how: int = fcntl.LOCK_EX) -> Iterator[int]:
    try:
        file = os.open(path, mode | os.O_CLOEXEC)
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
            yield file
        finally:
            os.close(file)
    except BlockingIOError as error:
        raise RecordingError("It is being written by a ninelabs that is open.") from error
    except OSError as error:
        raise RecordingError(f"{path.name}: {error.strerror}.") from error
