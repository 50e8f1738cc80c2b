"""The interleaver: which of several sessions may send its next statement, decided one statement at a time.

A step is taken only when every session has come to rest: its next statement is held, or it waits for a lock, or it
has ended. Whether it waits for a lock is asked of the server; no decision depends on how long something takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from labs.stream.events import ScheduleChanged, StatementHeld
from labs.workbench.sessions import ROLLBACK, Emit, LabSession

Order = Sequence[str]
"""Names of sessions, one for each step. A session that cannot move is passed over, and keeps its turn. What is left
after the end of the order runs session after session."""

SERIAL: Order = ()
BOTH_READ_FIRST: Order = ("A", "B")

FIRST_POLL_S = 0.001
SLOWEST_POLL_S = 0.02
"""How often the server is asked, while a statement runs, whether it waits for a lock."""

CANCEL_PATIENCE_S = 2.0
"""How long a cancelled statement may take to end before its connection is dropped."""

Phase = Literal["moving", "held", "done"]
Blockers = Callable[[Sequence[int]], Awaitable[dict[int, tuple[int, ...]]]]
CancelStatements = Callable[[Sequence[int]], Awaitable[None]]


class StatementCancelledError(Exception):
    """A held statement will not be sent. An ordinary exception, so that the transaction is rolled back in order."""


class Stepper:
    """Where a person's steps come in; until one takes over, the order plays by itself."""

    def __init__(self, by_hand: bool = False) -> None:
        self.by_hand = by_hand
        self._steps: asyncio.Queue[str | None] = asyncio.Queue()

    def step(self, session: str | None) -> None:
        """Ask for one step: of that session, or of the one whose turn it is."""
        self._steps.put_nowait(session)

    def play_on(self) -> None:
        """Let the order play by itself from here."""
        self.by_hand = False
        self._steps.put_nowait(None)

    async def next(self) -> str | None:
        """The next step asked for."""
        return await self._steps.get()


@dataclass(slots=True)
class _Lane:
    session: LabSession
    phase: Phase = "moving"
    may_go: asyncio.Event = field(default_factory=asyncio.Event)


class Interleaver:
    """Runs transactions side by side, a statement at a time."""

    def __init__(
        self,
        sessions: Sequence[LabSession],
        *,
        blockers: Blockers,
        cancel: CancelStatements,
        stepper: Stepper,
        emit: Emit,
    ) -> None:
        self._lanes = {session.name: _Lane(session) for session in sessions}
        self._blockers = blockers
        self._cancel = cancel
        self._stepper = stepper
        self._emit = emit
        self._moved = asyncio.Event()
        self._steps = 0
        self._closing = False

    async def play(
        self, order: Order, transactions: Mapping[str, Callable[[], Awaitable[Any]]]
    ) -> dict[str, Any | BaseException]:
        """Run one transaction function a session, in the order given, to the end of all.

        Returns:
            By session what its function returned, or the exception that it ended with.
        """
        tasks = {name: asyncio.create_task(self._run(name, run), name=name) for name, run in transactions.items()}
        for name in tasks:
            self._lanes[name].session.gate = self
        try:
            await self._drive(list(order))
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
        if self._closing and sql != ROLLBACK:
            raise StatementCancelledError

    async def _wait_for_turn(self, session: LabSession, sql: str, parameters: tuple[Any, ...]) -> None:
        lane = self._lanes[session.name]
        lane.may_go.clear()
        if self._stepper.by_hand:
            self._emit(StatementHeld(session=session.name, sql=sql, parameters=parameters))
        self._set(lane, "held")
        await lane.may_go.wait()

    def sent(self, session: LabSession) -> None:
        """Look again: from now on the session may have to wait for a lock."""
        self._moved.set()

    def _set(self, lane: _Lane, phase: Phase) -> None:
        lane.phase = phase
        if phase in {"held", "done"}:
            lane.session.show("held" if phase == "held" else "done")
        self._moved.set()

    async def _drive(self, turns: list[str]) -> None:
        while True:
            await self._settle()
            steppable = tuple(name for name, lane in self._lanes.items() if lane.phase == "held")
            if not steppable:
                if all(lane.phase == "done" for lane in self._lanes.values()):
                    return
                # All that are left wait for locks: the server will break the circle, or a stranger will let go.
                await self._moved.wait()
                continue
            suggested = next((name for name in turns if name in steppable), steppable[0])
            chosen = await self._choose(suggested, steppable) if self._stepper.by_hand else suggested
            if chosen is None:
                continue
            if chosen in turns:
                turns.remove(chosen)
            self._steps += 1
            lane = self._lanes[chosen]
            lane.phase = "moving"
            lane.may_go.set()

    async def _choose(self, suggested: str, steppable: tuple[str, ...]) -> str | None:
        """What the person steps; none when a session moved by itself meanwhile, or the step cannot be taken."""
        self._emit(ScheduleChanged(suggested=suggested, steppable=steppable, step=self._steps))
        self._moved.clear()
        asked, moved = asyncio.create_task(self._stepper.next()), asyncio.create_task(self._moved.wait())
        try:
            await asyncio.wait({asked, moved}, return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                return None
            wanted = asked.result() or suggested
            return wanted if wanted in steppable else None
        finally:
            asked.cancel()
            moved.cancel()

    async def _settle(self) -> None:
        """Return once every session is held, waits for a lock, or is done."""
        poll = FIRST_POLL_S
        while True:
            self._moved.clear()
            moving = [lane for lane in self._lanes.values() if lane.phase == "moving"]
            at_server = [lane.session for lane in moving if lane.session.statement_running]
            if len(moving) == await self._count_waiting(at_server):
                return
            try:
                async with asyncio.timeout(poll if at_server else None):
                    await self._moved.wait()
            except TimeoutError:
                poll = min(poll * 2, SLOWEST_POLL_S)

    async def _count_waiting(self, sessions: Sequence[LabSession]) -> int:
        """How many of the sessions, each with a statement at the server, wait for a lock there."""
        if not sessions:
            return 0
        names = {lane.session.backend_pid: name for name, lane in self._lanes.items()}
        waiting = await self._blockers([session.backend_pid for session in sessions if session.backend_pid])
        count = 0
        for session in sessions:
            if session.statement_running:  # It may have been answered while we asked.
                blocking = waiting.get(session.backend_pid or 0, ())
                count += bool(blocking)
                session.show(
                    "waiting" if blocking else "running",
                    tuple(names.get(pid, f"pid {pid}") for pid in blocking),
                )
        return count

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
        await asyncio.gather(*tasks, return_exceptions=True)
        for lane in self._lanes.values():
            lane.session.gate = None
