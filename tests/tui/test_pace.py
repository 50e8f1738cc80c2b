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
from tui.line.writer import CANCEL, FIRST_WINDOW_BYTES, PIECE_BYTES, QUESTION, Writer


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
    settled = asyncio.create_task(asyncio.to_thread(writer.settle))
    for _ in range(sent.count(QUESTION)):
        assert not settled.done()
        writer.answered()
        await asyncio.sleep(0.01)
    await asyncio.wait_for(settled, 0.2)


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


async def test_a_piece_that_takes_long_to_write_is_asked_about_when_it_is_written(
    line: tuple[Writer, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.line.writer.ANSWER_S", 0.2)
    writer, master = line
    writer.write(FRAME[0], dispensable=True)
    await read(master)
    writer.answered()
    writer.write(b"x" * 30_000)
    missing, stood_still_until = 30_000 + len(QUESTION), monotonic() + 0.6
    async with asyncio.timeout(5):
        while missing:
            await asyncio.sleep(0.01)
            assert writer.backlog >= missing
            if monotonic() > stood_still_until:
                missing -= len(os.read(master, 2000))
    writer.answered()
    assert writer.backlog == 0
    for piece in FRAME:
        writer.write(piece, dispensable=True)
    assert (await read(master)).startswith(FRAME[0])


async def test_a_string_that_is_given_up_is_ended(line: tuple[Writer, int]) -> None:
    writer, master = line
    writer.write_string(b"\x1b]52;c;" + b"A" * 60_000 + b"\a")
    await asyncio.sleep(0.1)
    writer.end()
    writer.write(b"\x1b[?1049l")
    seen = await read(master)
    assert seen.startswith(b"\x1b]52;c;AA") and seen.endswith(b"A" + CANCEL + b"\x1b[?1049l")
    assert len(seen) < 40_000 and QUESTION not in seen


async def test_a_terminal_that_reads_again_too_late_is_restored_as_a_whole(line: tuple[Writer, int]) -> None:
    writer, master = line
    restoring = [b"\x1b[%dl" % number for number in range(99)]
    writer.write(b"x" * 60_000)
    await asyncio.sleep(0.1)
    writer.end()
    for sequence in restoring:
        writer.write(sequence)
    began = monotonic()
    await asyncio.to_thread(writer.finish)
    assert monotonic() - began < 2.5
    assert (await read(master)).endswith(CANCEL + b"".join(restoring))
