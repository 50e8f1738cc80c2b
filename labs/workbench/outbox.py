"""The sending end of the stream: facts in order and complete, samples only as new as the reader can take them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import msgspec

from labs.stream.events import SAMPLES, Event, InvariantSampled, ProgressAdvanced, TableSampled, VersionsSampled


class Outbox:
    """Takes events from anywhere in the runner and hands them to one reader."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._pending: dict[object, Event] = {}
        """In order of sending; a sample's key is what it is a sample of, so that a newer one takes its place."""
        self._facts = 0
        self._filled = asyncio.Event()
        self._closed = False

    def emit(self, event: Event) -> None:
        """Stamp an event with its time and send it."""
        stamped = msgspec.structs.replace(event, t=round(time.monotonic() - self._began, 6))
        if isinstance(event, SAMPLES):
            key: object = _sampled(event)
            self._pending.pop(key, None)
        else:
            self._facts += 1
            key = self._facts
        self._pending[key] = stamped
        self._filled.set()

    def close(self) -> None:
        """No more events: the reader ends after what is pending."""
        self._closed = True
        self._filled.set()

    async def events(self) -> AsyncIterator[Event]:
        """The events, for one reader, until `close`."""
        while True:
            while self._pending:
                yield self._pending.pop(next(iter(self._pending)))
            if self._closed:
                return
            self._filled.clear()
            await self._filled.wait()


def _sampled(event: Event) -> tuple[object, ...]:
    if isinstance(event, TableSampled):
        return "table", event.table
    if isinstance(event, InvariantSampled):
        return "invariant", event.claim
    if isinstance(event, VersionsSampled):
        return "versions", event.entity, event.key
    if isinstance(event, ProgressAdvanced):
        return "progress", event.task
    return "locks", ""
