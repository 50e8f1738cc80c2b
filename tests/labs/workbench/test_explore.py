"""All orders, on real sessions: none missed, none run twice, equivalent ones pruned, the same every time."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from math import comb
from random import Random

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from labs.workbench.engines.engine import Engine
from labs.workbench.errors import LabError
from labs.workbench.explore import ATTEMPTS, DivergedError, Explored, OvertakenError, Path, Priorities, explore
from labs.workbench.sessions import LabSession
from labs.workbench.turns import Rest, Turns
from tests.labs.workbench.conftest import Table

Seat = Callable[..., Awaitable[Table]]
Explore = Callable[..., Awaitable[Explored[str]]]

SAFE, LOST = "[20, 80]".__eq__, "[20, 160]".__eq__


async def statements(session: LabSession, *sql: str) -> None:
    async with session.maker.begin() as orm:
        for one in sql:
            await orm.execute(text(one))


async def take(session: LabSession, amount: int) -> bool:
    """Read, check, write."""
    async with session.maker.begin() as orm:
        n = await orm.scalar(text("SELECT n FROM pot WHERE id = 1")) or 0
        if n >= amount:
            await orm.execute(text("UPDATE pot SET n = :n WHERE id = 1"), {"n": n - amount})
            await orm.execute(text("UPDATE pot SET n = n + :amount WHERE id = 2"), {"amount": amount})
    return n >= amount


def adding(*keys: int) -> Callable[[LabSession], Awaitable[None]]:
    """Add one to each key's row, a statement each."""
    return lambda session: statements(session, *[f"UPDATE pot SET n = n + 1 WHERE id = {key}" for key in keys])


@pytest.fixture
def exploring(either: Engine, table: Seat, outside: AsyncEngine) -> Explore:
    """On each engine, explores transaction functions of a session; the outcome is the two rows of the pot."""

    async def run_all(
        *transactions: Callable[[LabSession], Awaitable[object]], bound: int = 1000, isolation: str | None = None
    ) -> Explored[str]:
        names = "ABCD"[: len(transactions)]
        seated = await table(*names, isolation=isolation)

        async def run(turns: Turns) -> str:
            async with outside.begin() as connection:
                await connection.execute(text("UPDATE pot SET n = CASE id WHEN 1 THEN 100 ELSE 0 END"))
            functions = zip(names, transactions, strict=True)
            await seated.play_turns(turns, {name: partial(function, seated[name]) for name, function in functions})
            async with outside.connect() as connection:
                return str((await connection.execute(text("SELECT n FROM pot ORDER BY id"))).scalars().all())

        return await explore(run, names, bound=bound, seed=1)

    return run_all


async def test_independent_sessions_run_in_every_order_once(exploring: Explore) -> None:
    def two_writes(key: int) -> Callable[[LabSession], Awaitable[None]]:
        return lambda session: statements(session, *[f"UPDATE pot SET n = n + 1 WHERE id = {key}"] * 2)

    explored = await exploring(two_writes(1), two_writes(2))
    assert len(explored.orders) == comb(6, 3)
    assert all(Counter(path) == {"A": 3, "B": 3} for path in explored.orders)
    assert (explored.pruned, explored.blocked, explored.sampled) == (0, 0, False)
    assert {ran.outcome for ran in explored.orders.values()} == {"[102, 2]"}


async def test_orders_that_need_a_waiting_session_are_recognised_and_not_run(exploring: Explore) -> None:
    def write(session: LabSession) -> Awaitable[None]:
        return statements(session, "UPDATE pot SET n = n + 1 WHERE id = 1", "UPDATE pot SET n = n + 1 WHERE id = 1")

    explored = await exploring(write, write)
    assert explored.blocked > 0
    # Whoever writes first goes on alone to its commit; the other may queue at any of the moments in between.
    assert len(explored.orders) == 2 * 3
    assert {ran.outcome for ran in explored.orders.values()} == {"[104, 0]"}


async def test_plain_reads_are_not_run_in_both_orders(exploring: Explore) -> None:
    def read(session: LabSession) -> Awaitable[None]:
        return statements(session, "SELECT n FROM pot", "SELECT n FROM pot")

    explored = await exploring(read, read)
    assert explored.pruned > 0
    assert len(explored.orders) < comb(6, 3)


async def test_a_lost_update_is_found_with_its_shortest_order_twenty_times_out_of_twenty(exploring: Explore) -> None:
    tables = []
    for _ in range(20):
        explored = await exploring(lambda session: take(session, 80), lambda session: take(session, 80))
        outcomes = Counter(ran.outcome for ran in explored.orders.values())
        assert explored.shortest(LOST) == ("A", "B")
        assert explored.shortest(SAFE) == ()
        assert set(outcomes) == {"[20, 80]", "[20, 160]"}
        tables.append((explored.orders, explored.pruned, explored.blocked))
    assert all(one == tables[0] for one in tables)


def appending(digit: int) -> Callable[[LabSession], Awaitable[None]]:
    """Writes down who came when: the rows tell the order in which the server let the sessions through."""
    return lambda session: statements(
        session,
        f"UPDATE pot SET n = n * 10 + {digit} WHERE id = 1",
        f"UPDATE pot SET n = n * 10 + {digit} WHERE id = 2",
    )


@pytest.mark.parametrize(
    "transactions",
    [
        pytest.param([appending(digit) for digit in (1, 2, 3)], id="all queue for one row"),
        pytest.param([adding(1, 2), adding(2, 1), adding(1, 2)], id="they deadlock"),
    ],
)
async def test_three_sessions_come_out_the_same_twenty_times_out_of_twenty(
    exploring: Explore, transactions: list[Callable[[LabSession], Awaitable[None]]]
) -> None:
    tables = []
    for _ in range(20):
        explored = await exploring(*transactions, bound=8)
        tables.append((explored.orders, explored.pruned, explored.blocked))
    assert len({ran.outcome for ran in tables[0][0].values()}) > 1
    assert all(one == tables[0] for one in tables)


@pytest.mark.parametrize(
    ("isolation", "first", "second"),
    [
        ("read committed", "SELECT n FROM pot WHERE id = 1 {share}", "SELECT n FROM pot WHERE id = 1 FOR UPDATE"),
        ("serializable", "SELECT n FROM pot WHERE id = 1", "UPDATE pot SET n = n * 3 + 2 WHERE id = 1"),
    ],
)
async def test_a_circle_whose_other_session_is_refused_comes_out_the_same_twenty_times_out_of_twenty(
    exploring: Explore, either: Engine, isolation: str, first: str, second: str
) -> None:
    share = "LOCK IN SHARE MODE" if either.name == "mariadb" else "FOR SHARE"
    raises = [first.format(share=share), "UPDATE pot SET n = n * 3 + 1 WHERE id = 1"]
    follows = [second, "UPDATE pot SET n = n * 3 + 1 WHERE id = 2"]
    tables = []
    for _ in range(20):
        explored = await exploring(
            lambda session: statements(session, *raises),
            lambda session: statements(session, *follows),
            isolation=isolation,
        )
        tables.append((explored.orders, explored.pruned, explored.blocked))
    assert all(one == tables[0] for one in tables)


@pytest.fixture
def busy() -> Iterator[None]:
    """A machine with something else to do."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    yield
    for other in others:
        other.kill()
        other.wait()


@pytest.mark.usefixtures("busy")
async def test_three_sessions_come_out_the_same_on_a_busy_machine(exploring: Explore) -> None:
    tables = []
    for _ in range(5):
        explored = await exploring(*[appending(digit) for digit in (1, 2, 3)], bound=12)
        tables.append((explored.orders, explored.pruned, explored.blocked, explored.raced))
    assert all(one == tables[0] for one in tables)
    assert tables[0][-1] == 0


async def test_a_stranger_who_comes_and_goes_changes_nothing(exploring: Explore, outside: AsyncEngine) -> None:
    async def come_and_go() -> None:
        while True:
            async with outside.connect() as stranger:
                await stranger.execute(text("SELECT n FROM pot WHERE id = 1 FOR UPDATE"))
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.01)

    undisturbed = await exploring(adding(1), adding(1, 2))
    stranger = asyncio.create_task(come_and_go())
    try:
        disturbed = await exploring(adding(1), adding(1, 2))
    finally:
        stranger.cancel()
    assert disturbed == undisturbed


async def test_whoever_closes_a_circle_does_not_depend_on_how_long_the_others_have_waited(exploring: Explore) -> None:
    explored = await exploring(adding(1, 2), adding(2, 1))
    # Both have committed, or one of them was refused whatever it did: nothing is ever half there.
    assert {ran.outcome for ran in explored.orders.values()} == {"[102, 2]", "[101, 1]"}


async def test_above_the_bound_the_rest_is_drawn_by_lot(exploring: Explore) -> None:
    spenders = [lambda session: take(session, 80)] * 3
    explored = await exploring(*spenders, bound=12)
    assert explored.sampled
    assert 12 < len(explored.orders) <= 24
    assert explored.shortest(LOST) is not None


async def test_the_same_seed_draws_the_same_turns() -> None:
    async def drawn(seed: int) -> tuple[str, ...]:
        turns = Priorities("ABC", steps=12, depth=3, seed=seed)
        for step in range(12):
            await turns.choose(Rest(dict.fromkeys("ABC", "SELECT 1"), (), step), asyncio.Event())
        return turns.path

    paths = {seed: await drawn(seed) for seed in range(20)}
    assert paths == {seed: await drawn(seed) for seed in range(20)}
    assert len(set(paths.values())) > 10


class Steps:
    """Sessions of so many steps each that never wait: an order's outcome is where it went."""

    statement = "UPDATE"

    def __init__(self, **steps: int) -> None:
        self.steps = steps

    async def run(self, turns: Turns) -> Path:
        left = dict(self.steps)
        path: list[str] = []
        while pending := {name: self.statement for name, steps in left.items() if steps}:
            chosen = await turns.choose(Rest(pending, (), len(path)), asyncio.Event())
            assert chosen is not None
            left[chosen] -= 1
            path.append(chosen)
        return tuple(path)


HALVES = (*"A" * 5, *"B" * 5, *"A" * 5, *"B" * 5)
"""Fails only so: after half of A half of B, then the rest of A. Three turns must come right, out of 184,756 orders."""


async def test_what_is_drawn_finds_a_deep_bug_that_a_random_walk_would_hardly_ever_find() -> None:
    sessions, bound = Steps(A=10, B=10), 1500
    for seed in range(3):
        explored = await explore(sessions.run, "AB", bound=bound, seed=seed)
        assert explored.sampled
        assert explored.shortest(HALVES.__eq__) == HALVES[:10], "the rest goes session after session"
    draw = Random(1)
    assert HALVES not in {tuple(draw.sample(HALVES, len(HALVES))) for _ in range(3 * 2 * bound)}


class Racing(Steps):
    """The same, on a server that lets them race after B's first step, in so many of the runs that come to it."""

    def __init__(self, times: int, **steps: int) -> None:
        super().__init__(**steps)
        self.times = times

    async def run(self, turns: Turns) -> Path:
        path = await super().run(turns)
        if path[0] == "B" and self.times:
            self.times -= 1
            raise OvertakenError
        return path


async def test_an_order_that_raced_is_run_again_and_one_that_always_races_is_left_undecided() -> None:
    usual = await explore(Steps(A=1, B=1).run, "AB", bound=10, seed=1)
    now_and_then = await explore(Racing(ATTEMPTS - 1, A=1, B=1).run, "AB", bound=10, seed=1)
    always = await explore(Racing(ATTEMPTS, A=1, B=1).run, "AB", bound=10, seed=1)
    assert now_and_then == usual
    assert (set(always.orders), always.raced) == ({("A", "B")}, 1)


@pytest.mark.parametrize("raced", [False, True])
async def test_a_function_is_said_to_do_another_thing_only_when_nothing_raced(raced: bool) -> None:
    attempts = 0

    async def run(turns: Turns) -> Path:
        nonlocal attempts
        path = await Steps(A=1, B=1).run(turns)
        if path[0] == "B":
            attempts += 1
            raise OvertakenError if raced and attempts == 1 else DivergedError("B")
        return path

    if raced:
        assert (await explore(run, "AB", bound=10, seed=1)).raced == 1
    else:
        with pytest.raises(LabError, match="B does not do the same thing twice"):
            await explore(run, "AB", bound=10, seed=1)


class Reads(Steps):
    """Sessions of so many plain reads."""

    statement = "SELECT 1"


async def test_what_is_passed_over_is_counted_once_for_as_long_as_it_is_passed_over() -> None:
    one_each = await explore(Reads(A=1, B=1).run, "AB", bound=10, seed=1)
    assert (set(one_each.orders), one_each.pruned) == ({("A", "B")}, 1)
    # B may come first, or after A's first read, or its second: twice the like of it was run, and A is passed over.
    more = await explore(Reads(A=3, B=1).run, "AB", bound=10, seed=1)
    assert (set(more.orders), more.pruned) == ({tuple("AAAB")}, 3)
    # First B or C instead of A (with B passed over too when C goes), or C instead of B after A.
    three = await explore(Reads(A=1, B=1, C=1).run, "ABC", bound=10, seed=1)
    assert (set(three.orders), three.pruned) == ({tuple("ABC")}, 4)


async def test_each_fall_is_to_a_priority_of_its_own() -> None:
    """As in the paper: where both sessions have fallen, sometimes the first and sometimes the second goes on."""
    first_goes_on = set()
    for seed in range(50):
        turns = Priorities("AB", steps=3, depth=3, seed=seed)
        for step in range(3):
            await turns.choose(Rest(dict.fromkeys("AB", "UPDATE"), (), step), asyncio.Event())
        assert turns.path[0] != turns.path[1]
        first_goes_on.add(turns.path[2] == turns.path[0])
    assert first_goes_on == {True, False}
