"""The interleaver, on real sessions: order, waits recognised from the server, steps by hand, cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from labs.stream.events import ScheduleChanged, SessionChanged, StatementEnded, StatementHeld, StatementStarted
from labs.workbench.schedule import STRANGER_PATIENCE_S
from labs.workbench.sessions import LabSession
from tests.conftest import Heard
from tests.labs.workbench.conftest import Table

Seat = Callable[..., Awaitable[Table]]


async def bump(session: LabSession, *keys: int) -> None:
    """Add one to each key's row, a statement each."""
    async with session.maker.begin() as orm:
        for key in keys:
            await orm.execute(text("UPDATE pot SET n = n + 1 WHERE id = :id"), {"id": key})


def sent(heard: Heard) -> str:
    """Who sent a statement, one letter each; BEGIN goes with the statement after it."""
    return "".join(event.session for event in heard.of(StatementStarted) if not event.sql.startswith("BEGIN"))


@pytest.mark.parametrize(
    ("order", "expected"), [("", "AAABBB"), ("ABABAB", "ABABAB"), ("BBBAAA", "BBBAAA"), ("B", "BAAABB")]
)
async def test_statements_go_out_in_the_order_given_then_session_by_session(
    table: Seat, heard: Heard, order: str, expected: str
) -> None:
    seated = await table("A", "B")
    await seated.play(order, A=partial(bump, seated["A"], 1, 1), B=partial(bump, seated["B"], 2, 2))
    assert sent(heard) == expected


async def test_a_waiting_session_is_recognised_passed_over_and_keeps_its_turn(table: Seat, heard: Heard) -> None:
    seated = await table("A", "B")
    await seated.play("ABBA", A=partial(bump, seated["A"], 1), B=partial(bump, seated["B"], 1))
    assert sent(heard) == "ABAB"
    waits = [event for event in heard.of(SessionChanged) if event.state == "waiting"]
    assert [(event.session, event.waiting_for) for event in waits] == [("B", ("A",))]


async def test_a_wait_for_a_stranger_is_told_as_such_and_ends_with_it(
    table: Seat, heard: Heard, outside: AsyncEngine
) -> None:
    seated = await table("A")
    async with outside.connect() as stranger:
        pid = await stranger.scalar(text("SELECT pg_backend_pid()"))
        await stranger.execute(text("UPDATE pot SET n = 7 WHERE id = 1"))
        playing = asyncio.create_task(seated.play("A", A=partial(bump, seated["A"], 1)))
        await heard.until(lambda: any(event.waiting_for == (f"pid {pid}",) for event in heard.of(SessionChanged)))
        assert not playing.done()
        await stranger.rollback()
        async with asyncio.timeout(10):
            await playing


async def test_a_stranger_who_soon_lets_go_makes_nobody_lose_a_turn(
    table: Seat, heard: Heard, outside: AsyncEngine
) -> None:
    seated = await table("A", "B")
    async with outside.connect() as stranger:
        await stranger.execute(text("UPDATE pot SET n = 7 WHERE id = 1"))
        playing = asyncio.create_task(
            seated.play("ABAB", A=partial(bump, seated["A"], 1), B=partial(bump, seated["B"], 2))
        )
        for _ in range(2):
            await heard.until(lambda: any(event.waiting_for for event in heard.of(SessionChanged)))
            await asyncio.sleep(STRANGER_PATIENCE_S / 5)
            assert sent(heard) == "A"
        await stranger.rollback()
        await playing
    assert sent(heard) == "ABAB"


async def test_a_stranger_who_does_not_let_go_keeps_only_who_waits_for_it(
    table: Seat, heard: Heard, outside: AsyncEngine
) -> None:
    seated = await table("A", "B")
    async with outside.connect() as stranger:
        await stranger.execute(text("UPDATE pot SET n = 7 WHERE id = 1"))
        playing = asyncio.create_task(
            seated.play("ABAB", A=partial(bump, seated["A"], 1, 2), B=partial(bump, seated["B"], 2))
        )
        await heard.until(lambda: sent(heard) == "ABB")
        await stranger.rollback()
        await playing
    assert sent(heard) == "ABBAA"


async def test_a_deadlock_is_left_to_the_server_and_one_of_the_two_goes_on(table: Seat, heard: Heard) -> None:
    seated = await table("A", "B")
    outcomes = await seated.play("AB", A=partial(bump, seated["A"], 1, 2), B=partial(bump, seated["B"], 2, 1))
    assert sorted(outcome is None for outcome in outcomes.values()) == [False, True]
    assert [event.sqlstate for event in heard.of(StatementEnded) if event.sqlstate] == ["40P01"]


async def until_at_rest(heard: Heard, step: int) -> ScheduleChanged:
    """The rest that the sessions come to after so many steps."""
    await heard.until(lambda: any(event.step == step for event in heard.of(ScheduleChanged)))
    return heard.of(ScheduleChanged)[-1]


async def test_by_hand_nothing_moves_until_a_step_and_only_who_is_stepped(table: Seat, heard: Heard) -> None:
    seated = await table("A", "B")
    seated.stepper.by_hand = True
    playing = asyncio.create_task(seated.play("AB", A=partial(bump, seated["A"], 1), B=partial(bump, seated["B"], 1)))
    rest = await until_at_rest(heard, 0)
    assert (rest.suggested, rest.steppable) == ("A", ("A", "B"))
    assert sent(heard) == ""
    assert {event.session: event.parameters for event in heard.of(StatementHeld)} == {"A": (1,), "B": (1,)}

    seated.stepper.step("B")
    rest = await until_at_rest(heard, 1)
    assert sent(heard) == "B"
    seated.stepper.step("A")
    rest = await until_at_rest(heard, 2)
    assert rest.steppable == ("B",), "A waits for B's row lock"
    seated.stepper.step("A")  # it waits: no step to take
    seated.stepper.step(None)
    await until_at_rest(heard, 3)
    assert sent(heard) == "BAB"
    seated.stepper.play_on()
    async with asyncio.timeout(10):
        await playing
    assert sent(heard) == "BABA"


async def test_a_cancelled_play_sends_nothing_more_and_leaves_nothing_open(
    table: Seat, heard: Heard, outside: AsyncEngine
) -> None:
    seated = await table("A", "B", "C")
    seated.stepper.by_hand = True
    playing = asyncio.create_task(
        seated.play(
            "ABC",
            A=partial(bump, seated["A"], 1, 2),
            B=partial(bump, seated["B"], 1, 2),
            C=partial(bump, seated["C"], 2),
        )
    )
    for step in range(2):
        await until_at_rest(heard, step)
        seated.stepper.step(None)
    await until_at_rest(heard, 2)  # A holds its row, B waits for it, C has not begun
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing
    assert sent(heard).count("C") == 0
    by_session = {name: [e.sql for e in heard.of(StatementStarted) if e.session == name] for name in "AB"}
    assert [sql.split()[0] for sql in by_session["A"]] == ["BEGIN;", "UPDATE", "ROLLBACK;"]
    assert [sql.split()[0] for sql in by_session["B"]] == ["BEGIN;", "UPDATE", "ROLLBACK;"]
    async with outside.connect() as connection:
        assert await connection.scalar(text("SELECT sum(n) FROM pot")) == 0
        busy = await connection.execute(
            text(
                "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'test/%' AND state <> 'idle'"
            )
        )
        assert busy.all() == []
    assert not any(session.in_transaction for session in seated.sessions.values())
