"""What is behind the screens: lab processes and recordings, each seen out when nobody wants it any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.backend import Source
    from tui.feed import Feed
    from tui.line.pace import Pace
    from tui.player import Player


class Sources:
    """The lab that is open, or the process that is ready for one; the recording that is open; those that end."""

    def __init__(
        self,
        open_runner: Callable[[str], Source],
        recordings: Path | None,
        pace: Pace,
        *,
        moved: Callable[[Feed], None],
        tell: Callable[[str], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """See `tui.app.NinelabsApp` for what the first two are.

        Args:
            moved: is called when one of the open ones has something new to show.
            tell: says a sentence to the person.
            failed: hears of a defect in reading one.
        """
        self.feed: Feed | None = None
        self.player: Player | None = None
        self._open_runner = open_runner
        self._recordings = recordings
        self._pace = pace
        self._moved = moved
        self._tell = tell
        self._failed = failed
        self._ending: dict[asyncio.Task[None], Feed] = {}

    def warm(self) -> Feed:
        """Have a runner ready for the lab that will be opened, on the engine that the one before was on."""
        from tui.feed import Feed

        engine = self.feed.state.engine if self.feed is not None else None
        source = self._open_runner(engine.engine if engine is not None else "")
        if self._recordings is not None:
            from tui.recordings.recorded import Recorded

            source = Recorded(source, self._recordings, self._tell)
        before, self.feed = self.feed, Feed(source, self._heard, self._pace)
        self.feed.task.add_done_callback(self._read_to_end)
        # The new process comes first, so that a server of our own is never without a user in between.
        if before is not None:
            self._end(before)
        return self.feed

    def ready(self) -> Feed:
        """A runner for a lab: the one that is ready, unless it has ended."""
        return self.warm() if self.feed is None or self.feed.over else self.feed

    def play(self, source: Source) -> Player:
        """Open a recording."""
        from tui.player import Player

        self.player = Player(source, self._heard, self._pace)
        self.player.task.add_done_callback(self._read_to_end)
        return self.player

    def close_recording(self) -> None:
        """Close the open one."""
        player, self.player = self.player, None
        if player is not None:
            self._end(player)

    async def ended(self) -> None:
        """Wait until what is no longer wanted is gone."""
        if self._ending:
            await asyncio.wait(set(self._ending))

    async def close(self) -> None:
        """See all of them out."""
        for feed in (self.feed, self.player):
            if feed is not None:
                self._end(feed)
        await self.ended()

    def kill(self) -> None:
        """End all of them at once."""
        for feed in (self.feed, *self._ending.values()):
            if feed is not None:
                feed.source.kill()

    def _heard(self, feed: Feed) -> None:
        if feed in (self.feed, self.player):
            self._moved(feed)

    def _read_to_end(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._failed(error)

    def _end(self, feed: Feed) -> None:
        task = asyncio.create_task(feed.close(), name="ending")
        self._ending[task] = feed
        task.add_done_callback(self._ending.pop)
