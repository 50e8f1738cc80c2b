"""What is told of the selected lab, with its recordings beneath."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from textual.events import Click
from textual.message import Message

from tui.widgets.lines import LinesView

if TYPE_CHECKING:
    from tui.recordings.folder import Recordings
    from tui.recordings.summary import Recording

LIST_LINES = 4
"""With fewer lines for the recordings, their heading included, the lab is told of in short."""
LEAST_LIST_LINES = 2
"""How many they have at least, whatever else there is to tell."""

About = Callable[[int, bool], list[Text]]
"""What is told of a lab, for a width in cells, in full or in short."""


class Details(LinesView):
    """One lab; a cursor may be on one of its recordings."""

    class Picked(Message):
        """A recording is to be shown."""

        def __init__(self, path: Path) -> None:
            super().__init__()
            self.path = path

    def __init__(self, about: About, changed: Callable[[], object], lab: str, folder: Path | None) -> None:
        """The recordings are those in that folder; where there is no folder, none are kept. ``changed`` is called when
        there is something new to show, here or elsewhere."""
        super().__init__(id="details")
        self.lab = lab
        self.found: list[Recording] = []
        """All recordings, of whichever lab, as far as they have been looked at; the newest first."""
        self.picked: int | None = None
        """Which of the lab's recordings the cursor is on."""
        self._about = about
        self._changed = changed
        self._folder = folder
        self._recordings: Recordings | None = None
        self._rows: range = range(0)
        """The recordings in sight."""
        self._rows_from = 0
        """The line with the first of them."""

    @property
    def kept(self) -> list[Recording]:
        """The recordings of the lab that is told of."""
        return self.kept_of(self.lab)

    def kept_of(self, lab: str) -> list[Recording]:
        """A lab's recordings, and those that nobody can tell the lab of."""
        return [one for one in self.found if one.lab in (lab, "")]

    @property
    def broken_off(self) -> Recording | None:
        """The latest recording, if its run was broken off where it can be gone on with."""
        latest = next((one for one in self.kept if not one.problem), None)
        return latest if latest is not None and latest.broken_off is not None else None

    async def look(self) -> None:
        """See what is kept, beside the screen: files may be large, and disks slow."""
        if self._folder is None:
            return
        if self._recordings is None:
            from tui.recordings.folder import Recordings

            self._recordings = Recordings(self._folder)
        found = await asyncio.to_thread(self._recordings.read)
        before = self.kept[self.picked].path if self.picked is not None else None
        self.found = found
        # The cursor stays on its recording, wherever that has moved to.
        self.pick(next((at for at, one in enumerate(self.kept) if one.path == before), self.picked))

    async def close_off(self, one: Recording) -> None:
        """Let it count as cancelled; raises `RecordingError`."""
        if self._recordings is not None:
            await asyncio.to_thread(self._recordings.close_off, one)

    async def delete(self, one: Recording) -> None:
        """Delete it; raises `RecordingError`."""
        if self._recordings is not None:
            await asyncio.to_thread(self._recordings.remove, one)

    def show(self, lab: str) -> None:
        """Tell of another lab."""
        self.lab = lab
        self.pick(None)

    def pick(self, at: int | None) -> None:
        """Put the cursor on a recording; before the first one, on none."""
        count = len(self.kept)
        self.picked = None if at is None or at < 0 or not count else min(at, count - 1)
        self._changed()

    def draw(self, width: int, height: int) -> list[Text]:
        """As much of the lab as leaves room for some of the recordings; the offer to go on is always whole."""
        kept = self.kept
        if not kept:
            return self._about(width, False)
        from tui.widgets import recordings

        broken_off = self.broken_off
        offer = recordings.offer(broken_off, datetime.now(UTC), width) if broken_off else []
        about = [*self._about(width, False), Text()]
        if len(about) + len(offer) + LIST_LINES > height:
            about = self._about(width, True)[: max(height - len(offer) - LEAST_LIST_LINES, 1)]
        above = [*about, *offer]
        room = max(height - len(above) - 1, 0)
        first = recordings.first_shown(len(kept), self.picked, room)
        self._rows_from, self._rows = len(above) + 1, range(first, min(first + room, len(kept)))
        return [*above, *recordings.lines(kept, self.picked, self._rows, width)]

    def on_click(self, event: Click) -> None:
        """Put the cursor on the recording under the mouse; a second click shows it."""
        line = event.y - self._rows_from
        if not 0 <= line < len(self._rows):
            return
        at = self._rows[line]
        if at == self.picked:
            self.call_later(self.screen.run_action, "screen.open")
        else:
            self.pick(at)
