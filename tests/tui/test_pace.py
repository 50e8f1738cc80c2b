"""When news are shown, and how much is let onto the line to the terminal."""

from __future__ import annotations

import asyncio
import os
import select
import tty
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

import pytest

from tests.tui.streams import Script, accounts, opened
from tui.feed import Feed
from tui.line.pace import BUSY_BYTES, PAINT_INTERVAL_S, QUIET_S, Pace
from tui.line.writer import FIRST_WINDOW_BYTES, PIECE_BYTES, QUESTION, Writer


@dataclass
class Carried:
    """A line on which so much is on its way."""

    backlog: int = 0
    taken: int = 0


async def test_news_wait_while_the_line_is_busy_and_then_the_latest_is_shown() -> None:
    line = Carried(BUSY_BYTES + 1)
    script, shown = Script(opened()), list[float]()
    feed = Feed(script, lambda feed: shown.append(feed.state.now), Pace(lambda: line))
    for t in (2.0, 3.0, 4.0):
        script.say(accounts(t, 100))
        await asyncio.sleep(PAINT_INTERVAL_S)
    assert not shown
    line.backlog = 0
    await asyncio.sleep(PAINT_INTERVAL_S)
    assert shown == [4.0]
    await feed.close()


async def test_a_quiet_screen_shows_news_once_a_second_but_answers_at_once() -> None:
    pace = Pace(quiet=True)
    script, shown = Script(opened()), asyncio.Queue[float]()
    feed = Feed(script, lambda feed: shown.put_nowait(monotonic()), pace)
    first = await shown.get()
    script.say(accounts(2.0, 100))
    second = await shown.get()
    assert second - first >= QUIET_S - 0.01
    script.say(accounts(3.0, 100))
    await asyncio.sleep(0.01)  # They wait for their turn, when a key is pressed.
    pace.asked()
    script.say(accounts(4.0, 100))
    assert await shown.get() - second < 0.5 * QUIET_S
    await feed.close()


@pytest.fixture
def line() -> Iterator[tuple[Writer, int]]:
    """A writer, and the terminal's end of what it writes to."""
    master, slave = os.openpty()
    tty.setraw(slave)
    writer = Writer(slave)
    writer.start()
    yield writer, master
    writer.end()
    writer.finish()
    assert not writer.is_alive()
    os.close(master)
    os.close(slave)


FRAME = [b"\x1b[%d;1H%s" % (n + 10, b"x" * (PIECE_BYTES - 7)) for n in range(24)]


async def read(master: int) -> bytes:
    """What comes until nothing more does for a while."""
    seen = b""
    await asyncio.sleep(0.2)
    while select.select([master], [], [], 0.2)[0]:
        seen += os.read(master, 65536)
    return seen


async def test_a_terminal_that_never_answers_is_written_to_all_the_same(line: tuple[Writer, int]) -> None:
    writer, master = line
    for piece in FRAME:
        writer.write(piece, dispensable=True)
    assert (await read(master)).replace(QUESTION, b"") == b"".join(FRAME)
    assert writer.backlog == 0


async def test_of_a_frame_only_a_window_is_on_its_way_and_the_rest_can_be_given_up(line: tuple[Writer, int]) -> None:
    writer, master = line
    writer.write(FRAME[0], dispensable=True)
    assert (await read(master)).endswith(QUESTION)
    await asyncio.sleep(0.3)
    writer.answered()
    assert writer.backlog == 0
    for piece in FRAME:
        writer.write(piece, dispensable=True)
    sent = await read(master)
    assert PIECE_BYTES < len(sent) <= 2 * FIRST_WINDOW_BYTES + 2 * PIECE_BYTES
    assert writer.backlog > len(sent) - PIECE_BYTES
    writer.end()
    writer.write(b"\x1b[?1049l")
    assert await read(master) == b"\x1b[?1049l"
    assert writer.owed
    for _ in range(sent.count(QUESTION)):
        writer.answered()
    assert not writer.owed


async def test_questions_that_get_lost_do_not_stop_the_line(
    line: tuple[Writer, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.line.writer.ANSWER_S", 0.2)
    writer, master = line
    writer.write(FRAME[0], dispensable=True)
    await read(master)
    writer.answered()
    for piece in FRAME * 2:
        writer.write(piece, dispensable=True)
    seen = b""
    async with asyncio.timeout(5):
        while seen.replace(QUESTION, b"") != b"".join(FRAME * 2):
            seen += await read(master)
