"""What an experiment works with: sessions, an order to play them in, notes and verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any

from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.stream.events import Cell, Noted, Outcome, VerdictReached
from labs.workbench.engines.engine import Engine
from labs.workbench.errors import LabError
from labs.workbench.lab import Invariant
from labs.workbench.place import Place
from labs.workbench.schedule import ByHand, Interleaver, Order, Stepper
from labs.workbench.sessions import Emit, LabSession, SessionMaker


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

    def outcome(self) -> Outcome:
        """Passed when every claim held; a run without a verdict proves nothing, and is an error."""
        if not self._verdicts:
            raise LabError("The experiment ended without a verdict", "It settled no claim.", "Report it.")
        return "passed" if all(verdict.holds for verdict in self._verdicts) else "failed"

    def in_transaction(self) -> tuple[str, ...]:
        """Names of the sessions that have a transaction open."""
        return tuple(session.name for session in self._by_maker.values() if session.in_transaction)

    @asynccontextmanager
    async def sessions(self, *names: str, isolation: str | None = None) -> AsyncIterator[tuple[SessionMaker, ...]]:
        """Open a lane for each name; each yields a session maker over one connection at that isolation level."""
        opened: list[LabSession] = []
        try:
            for name in names:
                engine = self.server.create(
                    application=f"{self._place.application}/{name}",
                    schema=self._place.schema,
                    isolation=isolation,
                )
                session = LabSession(name, self.server, engine, isolation, self._emit)
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

    async def play(
        self,
        order: Order,
        transactions: dict[SessionMaker, Callable[[], Awaitable[Any]]],
        *,
        expected: tuple[type[Exception], ...] = (),
    ) -> Outcomes:
        """Run one function a session side by side, a statement at a time, in that order.

        A serialization failure, a deadlock's victim and the exceptions in ``expected`` are outcomes like a
        returned value; any other exception ends the experiment.
        """
        lanes = [self._by_maker[id(maker)] for maker in transactions]
        sessions = {lane.name: lane for lane in lanes}
        async with self._place.control.connect() as control:

            async def blockers(pids: Sequence[int]) -> dict[int, tuple[int, ...]]:
                return await self.server.blockers(control, pids)

            async def cancel(pids: Sequence[int]) -> None:
                with suppress(StatementError, *Engine.driver_errors):  # The server is lost: so are the statements.
                    if control.invalidated:  # A question to the server was broken off: go on with a new connection.
                        await control.rollback()
                    await self.server.cancel(control, pids)

            interleaver = Interleaver(
                list(sessions.values()),
                blockers=blockers,
                cancel=cancel,
                emit=self._emit,
                show_held=self._stepper.by_hand,
            )
            turns = ByHand(order, self._stepper, self._emit)
            ended = await interleaver.play(turns, dict(zip(sessions, transactions.values(), strict=True)))
        refusals = Counter(code for session in sessions.values() for code in session.refusals)
        outcomes = Outcomes(ended, refusals)
        for error in outcomes.errors.values():
            if not self.server.transient(error) and not isinstance(error, expected):
                raise error
        return outcomes

    def note(self, sentence: str) -> None:
        """Tell the person what to look at now, and why."""
        self._emit(Noted(text=sentence))

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
    evidence = {
        name: value if isinstance(value, int | float | bool | str) or value is None else str(value)
        for name, value in row.items()
        if name != "holds"
    }
    return bool(row["holds"]), evidence
