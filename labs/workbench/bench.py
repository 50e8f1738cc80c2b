"""What an experiment works with: sessions, an order to play them in, notes and verdicts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import TimeoutError as NoConnectionLeft
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.stream.events import (
    DialTurned,
    Event,
    OrdersExplored,
)
from labs.stream.specs import Cell
from labs.workbench import findings
from labs.workbench.cell import Judged, summed_up
from labs.workbench.engines.engine import Scheduled
from labs.workbench.explore import explore
from labs.workbench.lab import Invariant
from labs.workbench.load import cancelled, clients
from labs.workbench.place import Place
from labs.workbench.schedule import PATIENCE_S, Captions, Interleaver
from labs.workbench.scripting import ScriptBench, ScriptLane, script_bench
from labs.workbench.seeded import Seeded
from labs.workbench.sessions import Emit, LabSession, SessionMaker
from labs.workbench.telling import Telling
from labs.workbench.turns import ByHand, Order, Stepper, Turns

Transactions = Mapping[SessionMaker, Callable[[], Awaitable[Any]]]
"""One function a session."""

SHOWN = Scheduled(deadlock_s=0.4)
"""Long enough for a circle of waits to be seen on the screen."""

EXPLORED = Scheduled(deadlock_s=0.001, durable=False)
"""As soon as PostgreSQL can. What is explored is thrown away, and to isolation it is the same whether a commit is
written through to the disk before it is answered."""

SHOWN_STATEMENT_S = 30.0
"""How long a statement may run in the lanes without waiting for a lock: a person can see it run, and stop it."""


class Outcomes(dict[str, Any]):
    """By session what its transaction returned, or the error that it ended with."""

    def __init__(self, ended: Mapping[str, Any], lanes: Collection[LabSession]) -> None:
        super().__init__(ended)
        self.refusals = Counter(code for lane in lanes for code in lane.refusals)
        """How often the server refused a statement meanwhile, by its code, retried or not."""
        self.retries = sum(lane.retries for lane in lanes)
        """Transactions begun again after a refusal."""
        self.waits = sum(lane.waits for lane in lanes)
        """Statements that waited for a lock."""

    @property
    def errors(self) -> dict[str, BaseException]:
        """Only the errors."""
        return {name: value for name, value in self.items() if isinstance(value, BaseException)}

    @property
    def cost(self) -> str:
        """In words."""
        codes = f" ({', '.join(self.refusals)})" if self.refusals else ""
        return f"waits {self.waits}, refusals {self.refusals.total()}{codes}, retries {self.retries}"


class Bench(Telling):
    """One run of one experiment. Everything that it starts ends with it."""

    def __init__(self, place: Place, *, stepper: Stepper, emit: Emit) -> None:
        self.server, self.schema, self.application = place.server, place.schema, place.application
        self.sessions_open: dict[int, str] = {}
        """Names of the sessions by backend pid, for whoever observes them."""
        self._place = place
        self._stepper = stepper
        super().__init__(emit)
        self._numbers = count(1)
        self._by_maker: dict[int, LabSession] = {}
        self._lanes: tuple[ScriptLane, ...] = ()
        self._turned: dict[str, Cell] = {}
        self._turn_by: Callable[[str, Cell], Awaitable[None]] | None = None

    async def turn(self, dial: str, value: Cell) -> None:
        """Change a dial: at once where something goes by it already, else as soon as something does."""
        self._turned[dial] = value
        if self._turn_by is None:
            self.note(f"{dial} will be {value}: nothing goes by it yet.")
            return
        await self._turn_by(dial, value)
        self._emit(DialTurned(dial=dial, value=value))

    @asynccontextmanager
    async def turned_by(self, turn: Callable[[str, Cell], Awaitable[None]]) -> AsyncIterator[None]:
        """For as long as this lasts, whatever dial a person turns is told to ``turn``; those turned before, now."""
        for dial, value in self._turned.items():
            await turn(dial, value)
            self._emit(DialTurned(dial=dial, value=value))
        self._turn_by = turn
        try:
            yield
        finally:
            self._turn_by = None

    def in_transaction(self) -> tuple[str, ...]:
        """Names of the sessions that have a transaction open."""
        lanes: tuple[LabSession | ScriptLane, ...] = (*self._by_maker.values(), *self._lanes)
        return tuple(lane.name for lane in lanes if lane.in_transaction)

    @asynccontextmanager
    async def sessions(
        self, *names: str, isolation: str | None = None, told: bool = True
    ) -> AsyncIterator[tuple[SessionMaker, ...]]:
        """Open a lane for each name; each yields a session maker over one connection at that isolation level.

        Args:
            told: whether the screen hears of every statement.
        """
        opened: list[LabSession] = []
        try:
            for name in names:
                engine = self.server.create(
                    application=f"{self._place.application}/{name}",
                    schema=self._place.schema,
                    isolation=isolation,
                    patience_s=None if told else PATIENCE_S,
                    scheduled=SHOWN if told else EXPLORED,
                )
                session = LabSession(name, self.server, engine, isolation, self._emit if told else _unheard)
                opened.append(session)
                await session.connect(self._numbers)
                self._by_maker[id(session.maker)] = session
                if session.backend_pid is not None:
                    self.sessions_open[session.backend_pid] = name
            yield tuple(session.maker for session in opened)
        except BaseException:
            await cancelled(self.server, self._place.control, [one.backend_pid for one in opened if one.backend_pid])
            raise
        finally:
            for session in opened:
                self.sessions_open.pop(session.backend_pid or 0, None)
                await session.engine.dispose()

    def clients(
        self, number: int, *, isolation: str | None = None
    ) -> AbstractAsyncContextManager[tuple[SessionMaker, ...]]:
        """Open the clients of a load: so many session makers, each over one connection; see `load.clients`."""
        place = self._place
        return clients(
            self.server, place.control, number, application=place.application, schema=place.schema, isolation=isolation
        )

    @asynccontextmanager
    async def empty_tables(self) -> AsyncIterator[AsyncConnection]:
        """The lab's tables with no rows, for a run that fills them, and a connection to them.

        Afterwards, however it ends, they stand again as built from the seed.
        """
        async with self._place.taken_over(), self.reading() as connection:
            await connection.run_sync(self._place.lab.metadata.create_all)
            await connection.commit()
            yield connection

    @asynccontextmanager
    async def scripts(self, *names: str, application: str) -> AsyncIterator[ScriptBench]:
        """Open a lane for each name that runs scripts, in the lab's schema, which is empty for as long as this lasts.

        Afterwards, however it ends, the lab's own tables stand again, built from the seed.

        Args:
            application: what stands before a lane's name in the server's views.
        """
        async with (
            self._place.taken_over(),
            self._place.control.connect() as control,
            script_bench(
                self.server,
                control,
                names,
                application=application,
                schema=self._place.schema,
                stepper=self._stepper,
                emit=self._emit,
                numbers=self._numbers,
            ) as scripts,
        ):
            self._lanes = tuple(scripts.lanes.values())
            self.sessions_open |= {lane.pid: lane.name for lane in self._lanes}
            try:
                yield scripts
            finally:
                for lane in self._lanes:
                    self.sessions_open.pop(lane.pid, None)

    async def play(
        self,
        order: Order,
        transactions: Transactions,
        *,
        expected: tuple[type[Exception], ...] = (),
        captions: Captions | None = None,
    ) -> Outcomes:
        """Run one function a session side by side, a statement at a time, in that order.

        A serialization failure, a deadlock's victim and the exceptions in ``expected`` are outcomes like a
        returned value; any other exception ends the experiment.
        """
        turns = ByHand(order, self._stepper, self._emit)
        began, stepped = time.monotonic(), self._stepper.by_hand
        async with self._place.control.connect() as control:
            outcomes = await self._play(turns, transactions, expected, control, self._emit, captions)
        if stepped:  # The time is the person's.
            self.note(f"Cost: {outcomes.cost}.")
        else:
            took = (time.monotonic() - began) * 1000
            self.note(f"Cost: {outcomes.cost}, in {took:.0f} ms, a statement at a time.")
        return outcomes

    async def run(
        self, turns: Turns, transactions: Transactions, *, expected: tuple[type[Exception], ...] = ()
    ) -> Outcomes:
        """As `play`, untold and in nobody's hand: only the turns decide."""
        async with self._place.control.connect() as control:
            return await self._play(turns, transactions, expected, control)

    async def _play(
        self,
        turns: Turns,
        transactions: Transactions,
        expected: tuple[type[Exception], ...],
        control: AsyncConnection,
        emit: Emit | None = None,
        captions: Captions | None = None,
    ) -> Outcomes:
        lanes = {lane.name: lane for lane in (self._by_maker[id(maker)] for maker in transactions)}
        interleaver = Interleaver(
            list(lanes.values()),
            server=self.server,
            control=control,
            emit=emit or _unheard,
            show_held=emit is not None and self._stepper.by_hand,
            captions=captions,
            statement_patience_s=None if emit is None else SHOWN_STATEMENT_S,
        )
        ended = await interleaver.play(turns, dict(zip(lanes, transactions.values(), strict=True)))
        outcomes = Outcomes(ended, lanes.values())
        for lane in lanes.values():
            if lane.went_on_after is not None:
                raise findings.went_on(lane.name, lane.went_on_after)
        for name, error in outcomes.errors.items():
            if isinstance(error, NoConnectionLeft):
                raise findings.second_connection(name) from error
            if not self.server.transient(error) and not isinstance(error, expected):
                raise error
        return outcomes

    async def explore(
        self,
        variant: str,
        transactions: Mapping[str, Callable[[SessionMaker], Awaitable[Any]]],
        *,
        isolation: str,
        invariants: Sequence[Invariant],
        expected: tuple[type[Exception], ...] = (),
        bound: int,
        seed: int,
        experiment: str = "",
        parameters: Mapping[str, Cell] | None = None,
    ) -> OrdersExplored:
        """Run transaction functions of a session in every order, each from the seeded tables, and judge each.

        Args:
            transactions: by session's name.
            bound: above so many orders a seeded sample of as many again takes the place of the rest.
            experiment: what shows one of these orders in the lanes.
            parameters: what it is to be given besides `isolation` and `order`.
        """
        began = time.monotonic()
        judging = select(*(select(one.query.subquery().c.holds).scalar_subquery() for one in invariants))
        async with (
            self.sessions(*transactions, isolation=isolation, told=False) as makers,
            self._place.control.connect() as control,
            self.reading(EXPLORED) as connection,
        ):
            lanes = [self._by_maker[id(maker)] for maker in makers]
            functions = {
                maker: partial(function, maker) for maker, function in zip(makers, transactions.values(), strict=True)
            }
            seeded = await Seeded.take(self._place, connection)

            async def run(turns: Turns) -> Judged:
                try:
                    outcomes = await self._play(turns, functions, expected, control)
                    held = (await connection.execute(judging)).one()
                finally:
                    await connection.rollback()
                    await seeded.restore(connection, {sql for lane in lanes for sql in lane.sent})
                broken = tuple(one.claim for one, holds in zip(invariants, held, strict=True) if not holds)
                refusals = tuple(sorted(outcomes.refusals.elements()))
                return Judged(broken, refusals, outcomes.waits, outcomes.retries)

            explored = await explore(run, list(transactions), bound=bound, seed=seed)
            await self._place.restore(connection)
        cell = summed_up(
            explored,
            variant=variant,
            isolation=isolation,
            engine=self.server.name,
            seed=seed,
            milliseconds=(time.monotonic() - began) * 1000,
            experiment=experiment,
            parameters=parameters or {},
        )
        self._emit(cell)
        return cell

    async def judge(self, *invariants: Invariant) -> None:
        """Ask the server whether each invariant holds, after the fact and on a fresh connection."""
        async with self.reading() as connection:
            for invariant in invariants:
                holds, evidence = await ask(connection, invariant)
                self.verdict(invariant.claim, holds, **evidence)

    @asynccontextmanager
    async def reading(self, scheduled: Scheduled | None = None) -> AsyncIterator[AsyncConnection]:
        """A connection outside all lanes, on the lab's schema."""
        engine = self.server.create(
            application=f"{self._place.application}/verdict", schema=self._place.schema, scheduled=scheduled
        )
        try:
            async with engine.connect() as connection:
                yield connection
        finally:
            await engine.dispose()


async def ask(connection: AsyncConnection, invariant: Invariant) -> tuple[bool, dict[str, Cell]]:
    """Whether an invariant holds in what the connection sees, and its evidence."""
    row = (await connection.execute(invariant.query)).one()._mapping
    return bool(row["holds"]), {name: _figure(value) for name, value in row.items() if name != "holds"}


def _figure(value: Any) -> Cell:
    """A piece of evidence; servers differ in which sums they give as decimals."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value if value is None or isinstance(value, int | float | str) else str(value)


def _unheard(_event: Event) -> None:
    """Of a thousand orders the screen is told what came of them, not every statement."""
