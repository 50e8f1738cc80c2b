"""A recording is the stream itself, on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from labs.stream.events import STREAM_VERSION, AnyEvent, Event, LabOpened, Looked, StreamOpened
from labs.stream.lines import MalformedLineError, decode_event, encode
from labs.stream.pipe import write_all


class RecordingError(Exception):
    """A recording cannot be written or read; the message is a sentence for the person."""


class Recorder:
    """Writes each event as it is told, so that a crash loses nothing that was seen.

    An earlier recording of that name is kept until a lab is open, and so until there is something to record.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._before = b""
        self._recording = False
        try:
            self._file: BinaryIO = path.open("ab", buffering=0)
        except OSError as error:
            raise RecordingError(f"Cannot write the recording {path}: {error.strerror}.") from error

    def write(self, event: Event) -> None:
        """Append one event, unless it is of the moment; raises `RecordingError`, for instance on a full disk."""
        if isinstance(event, Looked):
            return
        if not self._recording and not isinstance(event, LabOpened):
            self._before += encode(event)
            return
        try:
            if not self._recording:
                self._recording = True
                if self.path.is_file():
                    self._file.truncate(0)
                write_all(self._file, self._before)
            write_all(self._file, encode(event))
        except OSError as error:
            raise RecordingError(f"Cannot go on writing the recording {self.path}: {error.strerror}.") from error

    def close(self) -> None:
        """End the recording."""
        self._file.close()


def read_recording(path: Path) -> Iterator[AnyEvent]:
    """The events of a recording in order; raises `RecordingError` with the line at fault.

    A last line without its newline is what a killed writer leaves behind; it is passed over.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    return
                try:
                    event = decode_event(line)
                except MalformedLineError as error:
                    if number == 1:
                        raise RecordingError(f"{path} is no recording: it does not begin with a header.") from error
                    raise RecordingError(f"{path}, line {number}: not an event of this stream ({error}).") from error
                if number == 1:
                    _check_header(path, event)
                yield event
    except OSError as error:
        raise RecordingError(f"Cannot read the recording {path}: {error.strerror}.") from error


def _check_header(path: Path, event: AnyEvent) -> None:
    if not isinstance(event, StreamOpened):
        raise RecordingError(f"{path} is no recording: it does not begin with a header.")
    if event.version != STREAM_VERSION:
        raise RecordingError(
            f"{path} was recorded with stream version {event.version}; this program reads version {STREAM_VERSION}."
        )
