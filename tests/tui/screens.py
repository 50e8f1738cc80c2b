"""Looking at the app as a person would: its screen as text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from rich.text import Text
from textual.pilot import Pilot

from tests.tui.streams import Script
from tui.app import NinelabsApp
from tui.widgets.pane import Content

SIZES = ((80, 24), (120, 40), (200, 50))


def text_of(pilot: Pilot[None]) -> str:
    """What is on the screen, line by line."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def plain(content: Content | list[Text]) -> str:
    """The text of a pane's lines, styles left out."""
    lines = content if isinstance(content, list) else [*content.head, *content.body]
    return "\n".join(line.plain.rstrip() for line in lines)


@asynccontextmanager
async def running(
    *scripts: Script, size: tuple[int, int] = (80, 24), replay: Script | None = None, recordings: Path | None = None
) -> AsyncIterator[Pilot[None]]:
    """The app with these scripts as its runners, one after the other."""
    left: Iterator[Script] = iter(scripts)
    app = NinelabsApp(lambda engine: next(left), (lambda: replay) if replay else None, recordings=recordings)
    try:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            yield pilot
    finally:
        await app.sources.close()


async def until(pilot: Pilot[None], true: Callable[[], bool], within_s: float = 5.0) -> None:
    """Wait for something to become true of the screen."""
    for _ in range(int(within_s / 0.02)):
        if true():
            return
        await pilot.pause(0.02)
    raise AssertionError(f"never so:\n{text_of(pilot)}")


async def shows(pilot: Pilot[None], *words: str) -> None:
    """Wait until all these words are on the screen."""
    await until(pilot, lambda: all(word in text_of(pilot) for word in words))


async def to_the_end(pilot: Pilot[None]) -> None:
    """Go to a recording's last step, once all of it has been read."""
    await until(pilot, lambda: "reading the recording" not in text_of(pilot))
    await pilot.press("G")
    await shows(pilot, "END")
