"""The interleaver: which of several sessions may send its next statement, decided one statement at a time.

A step is taken only when every session has come to rest: its next statement is held, or it waits for a lock, or it
has ended. Whether it waits for a lock is asked of the server; no decision depends on how long something takes, but
for what only the clock can tell: whether a stranger, as an autovacuum, is about to let go.

Sessions that wait in a circle are not at rest, because the server is about to refuse one of them. Which one is made
to depend on the order alone: nobody moves before the server has looked for a circle behind each wait, so whoever
closes a circle is the one that finds it (PostgreSQL, where it lets us say when it looks; InnoDB looks at once, and
decides by what each transaction has done). So any answer may have ended the wait of another session, as when InnoDB
refuses not the one that closed the circle: after each, the server is asked again who waits.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.stream.events import Noted, StatementHeld
from labs.workbench import findings
from labs.workbench.circles import has_circle
from labs.workbench.engines.engine import Engine
from labs.workbench.sessions import Emit, LabSession
from labs.workbench.turns import Rest, Turns

FIRST_POLL_S = 0.001
SLOWEST_POLL_S = 0.02
"""How often the server is asked, while a statement runs, whether it waits for a lock."""

CANCEL_PATIENCE_S = 2.0
"""How long a cancelled statement may take to end before its connection is dropped."""

PATIENCE_S = 10.0
"""How long a transaction function may do something else than wait for the database. Of that only the clock can tell:
to the server it is a session like any that is idle. The longest back-off before a retry must fit in."""

STATEMENT_PATIENCE_S = 10.0
"""How long a statement may run without waiting for a lock. Here too only the clock can tell: to the server one that
never ends is like one that has much to do."""

STRANGER_PATIENCE_S = 1.0
"""How long a lock of somebody else is taken for one that nobody need know of. An autovacuum of a lab's small table
has it for a moment, and whose turn it is must not depend on that; a person who forgot to commit has it for longer."""

Captions = Mapping[tuple[str, int], str]
"""What to say when a session sends its n-th statement, counted from 1 without the BEGIN."""

Phase = Literal["moving", "held", "done"]


class StatementCancelledError(Exception):
    """A held statement will not be sent. An ordinary exception, so that the transaction is rolled back in order."""


@dataclass(slots=True)
class _Lane:
    session: LabSession
    phase: Phase = "moving"
    pending: str = ""
    """The statement held."""
    waiting: bool = False
    """Whether it waited for a lock when the server was last asked."""
    blocking: tuple[int, ...] = ()
    """The backends that it then waited for."""
    kept_since: float | None = None
    """Since when, by the loop's clock, it waits for nobody but strangers."""
    idle_since: float | None = None
    """Since when it moves without a statement at the server."""
    running_since: float | None = None
    """Since when it has a statement there that waits for no lock."""
    may_go: asyncio.Event = field(default_factory=asyncio.Event)


class Interleaver:
    """Runs transactions side by side, a statement at a time."""

    def __init__(
        self,
        sessions: Sequence[LabSession],
        *,
        server: Engine,
        control: AsyncConnection,
        emit: Emit,
        show_held: bool = False,
        captions: Captions | None = None,
        statement_patience_s: float | None = None,
    ) -> None:
        self._lanes = {session.name: _Lane(session) for session in sessions}
        self._server = server
        self._control = control
        self._emit = emit
        self._show_held = show_held
        self._captions = captions or {}
        self._statement_patience_s = statement_patience_s or STATEMENT_PATIENCE_S
        self._sent: Counter[str] = Counter()
        self._moved = asyncio.Event()
        self._queue: dict[str, tuple[int, ...]] = {}
        """Who waited at the last rest, the longest first, each with the backends that it waited for."""
        self._answered = False
        """Whether a session was answered since the server was last asked who waits."""
        self._closing = False

    async def play(
        self, turns: Turns, transactions: Mapping[str, Callable[[], Awaitable[Any]]]
    ) -> dict[str, Any | BaseException]:
        """Run one transaction function a session, turn by turn, to the end of all.

        Returns:
            By session what its function returned, or the exception that it ended with.

        Raises:
            LabError: a function does not go on, see `PATIENCE_S` and `STATEMENT_PATIENCE_S`.
        """
        tasks = {name: asyncio.create_task(self._run(name, run), name=name) for name, run in transactions.items()}
        for name in tasks:
            self._lanes[name].session.enter(self)
        try:
            await self._drive(turns)
            return {name: task.exception() or task.result() for name, task in tasks.items()}
        finally:
            await self._close(list(tasks.values()))

    async def _run(self, name: str, transaction: Callable[[], Awaitable[Any]]) -> Any:
        try:
            return await transaction()
        finally:
            self._set(self._lanes[name], "done")

    async def pass_through(self, session: LabSession, sql: str, parameters: tuple[Any, ...]) -> None:
        """Hold a statement until its turn has come; raises `StatementCancelledError` when it never will."""
        if not self._closing:
            await self._wait_for_turn(session, sql, parameters)
        if self._closing and sql != session.rollback_sql:
            raise StatementCancelledError

    async def _wait_for_turn(self, session: LabSession, sql: str, parameters: tuple[Any, ...]) -> None:
        lane = self._lanes[session.name]
        lane.may_go.clear()
        lane.pending = sql
        if self._show_held:
            self._emit(StatementHeld(session=session.name, sql=sql, parameters=parameters))
        self._set(lane, "held")
        await lane.may_go.wait()

    def sent(self, session: LabSession) -> None:
        """Look again: from now on the session may have to wait for a lock."""
        self._sent[session.name] += 1
        caption = self._captions.get((session.name, self._sent[session.name]))
        if caption and not self._closing:
            self._emit(Noted(text=caption))
        self._moved.set()

    def _set(self, lane: _Lane, phase: Literal["held", "done"]) -> None:
        lane.phase = phase
        lane.waiting = False
        self._answered = True
        lane.kept_since = lane.idle_since = lane.running_since = None
        lane.session.show(phase)
        self._moved.set()

    async def _drive(self, turns: Turns) -> None:
        step = 0
        while True:
            await self._settle()
            overtaken = self._requeue()
            held = {name: lane.pending for name, lane in self._lanes.items() if lane.phase == "held"}
            waiting = tuple(name for name, lane in self._lanes.items() if lane.phase == "moving")
            if not held and not waiting:
                return
            if not held:
                # All that are left wait for locks, and not for each other: a stranger will let go.
                await self._moved.wait()
                continue
            chosen = await turns.choose(Rest(held, waiting, step, overtaken), self._moved)
            if chosen is not None:
                step += 1
                lane = self._lanes[chosen]
                lane.phase = "moving"
                lane.may_go.set()

    async def _settle(self) -> None:
        """Return once every session is held, waits for a lock, or is done, and the server has no circle to break.

        Who was not waiting is given a moment to be answered, before the server is asked whether it waits.
        """
        poll = FIRST_POLL_S
        while moving := [lane for lane in self._lanes.values() if lane.phase == "moving"]:
            self._moved.clear()
            for lane in moving:
                # Who waited and has been answered is on its way to its next statement.
                lane.waiting &= lane.session.statement_running
            at_server = [lane for lane in moving if lane.session.statement_running]
            left = self._patience_left(moving)
            if all(lane.waiting for lane in moving) or poll > FIRST_POLL_S:
                if self._answered or not all(lane.waiting and not lane.kept_since for lane in moving):
                    self._answered = False
                    await self._ask_who_waits(at_server)
                if all(lane.waiting for lane in moving) and self._at_rest(moving) and not self._answered:
                    return
            try:
                async with asyncio.timeout(poll if at_server else left):
                    await self._moved.wait()
            except TimeoutError:
                poll = min(poll * 2, SLOWEST_POLL_S)

    async def _ask_who_waits(self, lanes: Sequence[_Lane]) -> None:
        """Find out which of the lanes, each with a statement at the server, wait for a lock there."""
        names = {lane.session.backend_pid: name for name, lane in self._lanes.items()}
        pids = [lane.session.backend_pid for lane in lanes if lane.session.backend_pid]
        waiting = await self._server.blockers(self._control, pids)
        await asyncio.sleep(0)  # What sessions were told before the answer has arrived with it: let it be heard.
        for lane in lanes:
            # It may have been answered while we asked.
            blocking = waiting.get(lane.session.backend_pid or 0) if lane.session.statement_running else None
            lane.waiting, lane.blocking = blocking is not None, blocking or ()
            strange = bool(lane.blocking) and names.keys().isdisjoint(lane.blocking)
            lane.kept_since = (lane.kept_since or asyncio.get_running_loop().time()) if strange else None
            if lane.session.statement_running:
                lane.session.show(
                    "waiting" if lane.waiting else "running",
                    tuple(names.get(pid, f"pid {pid}") for pid in lane.blocking),
                )

    def _at_rest(self, waiting: Sequence[_Lane]) -> bool:
        """Whether those who wait will do so until somebody else moves."""
        pids = {lane.session.backend_pid: lane.blocking for lane in waiting}
        lately = asyncio.get_running_loop().time() - STRANGER_PATIENCE_S
        return (
            all(self._server.has_looked(pid) for pid in pids if pid)
            and not has_circle(pids)
            and not any(lane.kept_since and lane.kept_since > lately for lane in waiting)
        )

    def _requeue(self) -> bool:
        """Take down who waits now; says whether one of them was overtaken by another since the last rest."""
        waiting = {name: lane for name, lane in self._lanes.items() if lane.waiting}
        before = list(self._queue)
        overtaken = any(
            self._lanes[later].session.backend_pid in {*waiting[earlier].blocking} - {*self._queue[earlier]}
            for place, earlier in enumerate(before)
            if earlier in waiting
            for later in before[place + 1 :]
            if later not in waiting
        )
        in_order = [name for name in before if name in waiting] + [name for name in waiting if name not in before]
        self._queue = {name: waiting[name].blocking for name in in_order}
        for lane in waiting.values():
            lane.session.has_waited()
        return overtaken

    def _patience_left(self, moving: Sequence[_Lane]) -> float:
        """How long those that are on their way between two statements may take; raises `LabError` when one is late.

        Or when a statement has run too long; one that waits for a lock may do so for ever.
        """
        now = asyncio.get_running_loop().time()
        left = PATIENCE_S
        for lane in moving:
            if lane.session.statement_running:
                lane.idle_since = None
                lane.running_since = None if lane.waiting else lane.running_since or now
                if lane.running_since and now - lane.running_since > self._statement_patience_s:
                    raise findings.running_on(
                        lane.session.name, self._statement_patience_s, lane.session.last_statement
                    )
                continue
            lane.idle_since, lane.running_since = lane.idle_since or now, None
            left = min(left, lane.idle_since + PATIENCE_S - now)
            if left <= 0:
                raise findings.standing_still(lane.session.name, PATIENCE_S, lane.session.last_statement)
        return left

    async def _close(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        """End what has not ended: held statements never go out, running ones are cancelled on the server."""
        self._closing = True
        unfinished = [task for task in tasks if not task.done()]
        if unfinished:
            running = [lane.session for lane in self._lanes.values() if lane.session.statement_running]
            await self._cancel([session.backend_pid for session in running if session.backend_pid is not None])
            for task in unfinished:
                lane = self._lanes[task.get_name()]
                if lane.phase == "held":
                    lane.may_go.set()
                elif lane.session not in running:
                    task.cancel()
            _, stubborn = await asyncio.wait(unfinished, timeout=CANCEL_PATIENCE_S)
            for task in stubborn:
                task.cancel()
            await asyncio.wait(
                stubborn or tasks, timeout=CANCEL_PATIENCE_S
            )  # Who will not be cancelled is left behind.
        await asyncio.gather(*(task for task in tasks if task.done()), return_exceptions=True)
        for lane in self._lanes.values():
            lane.session.gate = None

    async def _cancel(self, pids: Sequence[int]) -> None:
        with suppress(StatementError, *Engine.driver_errors):  # The server is lost: so are the statements.
            if self._control.invalidated:  # A question to the server was broken off: go on with a new connection.
                await self._control.rollback()
            await self._server.cancel(self._control, pids)
