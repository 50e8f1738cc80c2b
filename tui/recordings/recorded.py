"""A source of which a recording is kept as it speaks."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from labs.stream.commands import AnyCommand
from labs.stream.events import AnyEvent, ExperimentStarted, LabOpened, Looked
from labs.stream.recording import Recorder, RecordingError
from tui.backend import Source
from tui.recordings import folder
from tui.recordings.summary import FULL, LARGEST_BYTES


class Recorded:
    """Another source, with a recording that begins with its first experiment and ends before it is closed.

    So a run that was broken off by leaving, however that came, is one that has no end. What keeps it from being
    recorded is told once, and disturbs nothing.
    """

    def __init__(self, source: Source, folder: Path, tell: Callable[[str], object]) -> None:
        self.live = source.live
        self._source = source
        self._folder = folder
        self._tell = tell
        self._before: list[AnyEvent] = []
        self._lab = ""
        self._recorder: Recorder | None = None
        self._held = -1
        """The descriptor that keeps others from removing the recording."""
        self._over = False

    @property
    def ended(self) -> str:
        """See `Source`."""
        return self._source.ended

    @ended.setter
    def ended(self, how: str) -> None:
        self._source.ended = how

    async def events(self) -> AsyncIterator[AnyEvent]:
        """Everything the source says, each written before it is seen."""
        try:
            async for event in self._source.events():
                self._keep(event)
                yield event
        finally:
            self._stop()

    async def send(self, command: AnyCommand) -> None:
        """Ask the source for something."""
        await self._source.send(command)

    async def close(self) -> None:
        """End the source; what it says of its end is not recorded."""
        self._stop()
        await self._source.close()

    def kill(self) -> None:
        """End the source at once."""
        self._stop()
        self._source.kill()

    def _keep(self, event: AnyEvent) -> None:
        if self._over or isinstance(event, Looked):
            return
        if isinstance(event, LabOpened):
            self._lab = event.lab
        try:
            if self._recorder is not None:
                self._write(self._recorder, event)
                return
            self._before.append(event)
            if isinstance(event, ExperimentStarted):
                self._begin()
        except (OSError, RecordingError) as error:
            self._stop()
            if self._recorder is not None:  # Of what is not whole, nobody could say how it ended.
                with suppress(OSError):
                    self._recorder.path.unlink()
            reason = str(error) if isinstance(error, RecordingError) else f"{self._folder}: {error.strerror}."
            self._tell(f"No recording is kept of this lab. {reason}")

    def _begin(self) -> None:
        path, self._held = folder.begin(self._folder, self._lab)
        self._recorder = Recorder(path)
        for event in self._before:
            self._recorder.write(event)
        self._before.clear()

    def _write(self, recorder: Recorder, event: AnyEvent) -> None:
        recorder.write(event)
        if os.fstat(self._held).st_size >= LARGEST_BYTES:
            recorder.write(msgspec.structs.replace(FULL, t=event.t))
            self._stop()
            self._tell(FULL.text)

    def _stop(self) -> None:
        self._over = True
        self._before.clear()
        if self._held >= 0:
            os.close(self._held)
            self._held = -1
        if self._recorder is not None:
            self._recorder.close()
