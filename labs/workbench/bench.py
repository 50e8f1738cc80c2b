"""What an experiment works with: sessions, an order to play them in, notes and verdicts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any

from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.stream.events import Cell, Event, Noted, OrdersExplored, Outcome, TranscriptWritten, VerdictReached
from labs.workbench.engines.engine import Engine
from labs.workbench.errors import LabError
from labs.workbench.explore import explore
from labs.workbench.lab import Invariant
from labs.workbench.place import Place
from labs.workbench.schedule import ByHand, Captions, Interleaver, Order, Stepper, Turns
from labs.workbench.scripting import ScriptBench, ScriptLane, script_bench
from labs.workbench.sessions import Emit, LabSession, SessionMaker

Transactions = Mapping[SessionMaker, Callable[[], Awaitable[Any]]]
"""One function a session."""

BROKEN = "broken"
"""An order's outcome when a claim does not hold after it."""


class Outcomes(dict[str, Any]):
    """By session what its transaction returned, or the error that it ended with."""

    def __init__(self, ended: Mapping[str, Any], refusals: Counter[str]) -> None:
        super().__init__(ended)
        self.refusals = refusals
        """How often the server refused a statement meanwhile, by its code, retried or not."""

    @property
    def errors(self) -> dict[str, BaseException]:
        """Only the errors."""
        return {name: value for name, value in self.items() if isinstance(value, BaseException)}


class Bench:
    """One run of one experiment. Everything that it starts ends with it."""

    def __init__(self, place: Place, *, stepper: Stepper, emit: Emit) -> None:
        self.server = place.server
        self.sessions_open: dict[int, str] = {}
        """Names of the sessions by backend pid, for whoever observes them."""
        self._place = place
        self._stepper = stepper
        self._emit = emit
        self._numbers = count(1)
        self._verdicts: list[VerdictReached] = []
        self._by_maker: dict[int, LabSession] = {}
        self._lanes: tuple[ScriptLane, ...] = ()

    def outcome(self) -> Outcome:
        """Passed when every claim held; a run without a verdict proves nothing, and is an error."""
        if not self._verdicts:
            raise LabError("The experiment ended without a verdict", "It settled no claim.", "Report it.")
        return "passed" if all(verdict.holds for verdict in self._verdicts) else "failed"

    def in_transaction(self) -> tuple[str, ...]:
        """Names of the sessions that have a transaction open."""
        return tuple(lane.name for lane in (*self._by_maker.values(), *self._lanes) if lane.in_transaction)

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
                )
                session = LabSession(name, self.server, engine, isolation, self._emit if told else _unheard)
                opened.append(session)
                await session.connect(self._numbers)
                self._by_maker[id(session.maker)] = session
                if session.backend_pid is not None:
                    self.sessions_open[session.backend_pid] = name
            yield tuple(session.maker for session in opened)
        finally:
            for session in opened:
                self.sessions_open.pop(session.backend_pid or 0, None)
                await session.engine.dispose()

    @asynccontextmanager
    async def scripts(self, *names: str) -> AsyncIterator[ScriptBench]:
        """Open a lane for each name that runs scripts, in the lab's schema, which is empty for as long as this lasts.

        Afterwards, however it ends, the lab's own tables stand again, built from the seed.
        """
        async with (
            self._place.taken_over(),
            self._place.control.connect() as control,
            script_bench(
                self.server,
                control,
                names,
                application=self._place.application,
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
        return await self._play(turns, transactions, expected, self._emit, captions)

    async def _play(
        self,
        turns: Turns,
        transactions: Transactions,
        expected: tuple[type[Exception], ...],
        emit: Emit,
        captions: Captions | None = None,
    ) -> Outcomes:
        lanes = {lane.name: lane for lane in (self._by_maker[id(maker)] for maker in transactions)}
        already = {name: len(lane.refusals) for name, lane in lanes.items()}
        async with self._place.control.connect() as control:

            async def blockers(pids: Sequence[int]) -> dict[int, tuple[int, ...]]:
                return await self.server.blockers(control, pids)

            async def cancel(pids: Sequence[int]) -> None:
                with suppress(StatementError, *Engine.driver_errors):  # The server is lost: so are the statements.
                    if control.invalidated:  # A question to the server was broken off: go on with a new connection.
                        await control.rollback()
                    await self.server.cancel(control, pids)

            interleaver = Interleaver(
                list(lanes.values()),
                blockers=blockers,
                cancel=cancel,
                emit=emit,
                show_held=self._stepper.by_hand,
                captions=captions,
            )
            ended = await interleaver.play(turns, dict(zip(lanes, transactions.values(), strict=True)))
        outcomes = Outcomes(
            ended, Counter(code for name, lane in lanes.items() for code in lane.refusals[already[name] :])
        )
        for error in outcomes.errors.values():
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
    ) -> OrdersExplored:
        """Run transaction functions of a session in every order, each from the seeded tables, and judge each.

        Args:
            transactions: by session's name.
            bound: above so many orders a seeded sample of as many again takes the place of the rest.
        """
        refusals: Counter[str] = Counter()
        broken: Counter[str] = Counter()
        began = time.monotonic()
        async with (
            self.sessions(*transactions, isolation=isolation, told=False) as makers,
            self.reading() as connection,
        ):
            functions = {
                maker: partial(function, maker) for maker, function in zip(makers, transactions.values(), strict=True)
            }

            async def run(turns: Turns) -> str:
                await self._place.restore(connection)
                refusals.update((await self._play(turns, functions, expected, _unheard)).refusals)
                claims = [one.claim for one in invariants if not (await ask(connection, one))[0]]
                broken.update(claims)
                return BROKEN if claims else ""

            explored = await explore(run, list(transactions), bound=bound, seed=seed)
            await self._place.restore(connection)
        failing = explored.shortest(BROKEN)
        cell = OrdersExplored(
            variant=variant,
            isolation=isolation,
            engine=self.server.name,
            orders=len(explored.orders),
            violations=sum(ran.outcome == BROKEN for ran in explored.orders.values()),
            broken=dict(broken),
            refusals=dict(refusals),
            waits=explored.waiting,
            pruned=explored.pruned,
            milliseconds=round((time.monotonic() - began) * 1000, 1),
            sampled=explored.sampled,
            seed=seed,
            failing=None if failing is None else "".join(failing),
        )
        self._emit(cell)
        return cell

    def note(self, sentence: str) -> None:
        """Tell the person what to look at now, and why."""
        self._emit(Noted(text=sentence))

    def transcribe(self, text: str) -> None:
        """Go on with the run's transcript."""
        self._emit(TranscriptWritten(text=text))

    def verdict(self, claim: str, holds: bool, **evidence: Cell) -> None:
        """Settle a claim with figures that were read from the server."""
        verdict = VerdictReached(claim=claim, holds=holds, evidence=evidence)
        self._verdicts.append(verdict)
        self._emit(verdict)

    async def judge(self, *invariants: Invariant) -> None:
        """Ask the server whether each invariant holds, after the fact and on a fresh connection."""
        async with self.reading() as connection:
            for invariant in invariants:
                holds, evidence = await ask(connection, invariant)
                self.verdict(invariant.claim, holds, **evidence)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection outside all lanes, on the lab's schema."""
        engine = self.server.create(application=f"{self._place.application}/verdict", schema=self._place.schema)
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
