"""Leaving in the middle of a lock wait: real keys, a real lab, a real server, on which nothing of it stays."""

from __future__ import annotations

import asyncio
import sys

from sqlalchemy import text

from labs.workbench.engines.engine import Engine
from tests.terminal import Terminal

SESSIONS = text("SELECT application_name, state FROM pg_stat_activity WHERE application_name LIKE 'ninelabs/%'")


def wait_for_a_lock(terminal: Terminal) -> None:
    terminal.until("PostgreSQL 18")
    terminal.press("5\r")
    terminal.until("Space start")
    terminal.press("n")
    terminal.until("Lock the row")
    for number in (1, 2):
        terminal.press(" ")
        terminal.until(f"NEXT {number} ")
    terminal.press(" ")
    terminal.shows("WAITS for A", "NEXT 3 ")


def leave(terminal: Terminal) -> None:
    terminal.press("q")
    terminal.shows("Quit", "yes, quit")
    terminal.press("y")
    assert terminal.wait() == 0
    assert terminal.restored


async def test_quitting_while_a_session_waits_leaves_nothing_on_the_server(server: Engine) -> None:
    outside = server.create(application="outside", isolation="autocommit")
    async with outside.connect() as connection:
        before = {tuple(row) for row in await connection.execute(SESSIONS)}
        with Terminal([sys.executable, "-m", "tui"]) as terminal:
            await asyncio.to_thread(wait_for_a_lock, terminal)
            assert len((await connection.execute(SESSIONS)).all()) >= len(before) + 2
            await asyncio.to_thread(leave, terminal)
        left = (await connection.execute(SESSIONS)).all()
    await outside.dispose()
    assert {tuple(row) for row in left} == before
