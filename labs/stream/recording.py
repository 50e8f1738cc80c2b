"""A recording is the stream itself, on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from labs.stream.events import STREAM_VERSION, AnyEvent, Event, StreamOpened
from labs.stream.lines import MalformedLineError, decode_event, encode
from labs.stream.pipe import write_all


class RecordingError(Exception):
    """A recording cannot be written or read; the message is a sentence for the person."""


class Recorder:
    """Writes each event as it is told, so that a crash loses nothing that was seen."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: BinaryIO = path.open("wb", buffering=0)
        except OSError as error:
            raise RecordingError(f"Cannot write the recording {path}: {error.strerror}.") from error

    def write(self, event: Event) -> None:
        """Append one event; raises `RecordingError`, for instance on a full disk."""
        try:
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
                    raise RecordingError(f"{path}, line {number}: not an event of this stream ({error}).") from error
                if number == 1:
                    _check_header(path, event)
                yield event
    except OSError as error:
        raise RecordingError(f"Cannot read the recording {path}: {error.strerror}.") from error


def _check_header(path: Path, event: AnyEvent) -> None:
    if not isinstance(event, StreamOpened):
        raise RecordingError(f"{path} does not begin with a stream header; it is no recording.")
    if event.version != STREAM_VERSION:
        raise RecordingError(
            f"{path} was recorded with stream version {event.version}; this program reads version {STREAM_VERSION}."
        )
