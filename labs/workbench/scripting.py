"""Lanes that run scripts: what they send is told to the stream, and who of them waits is asked of the server."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import count

from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.stream.events import (
    ScheduleChanged,
    SessionChanged,
    SessionState,
    StatementEnded,
    StatementHeld,
    StatementStarted,
)
from labs.workbench.engines.engine import Engine
from labs.workbench.engines.scripts import Answer, Done, Notification, Refusal, ScriptConnection, Table
from labs.workbench.sessions import PREVIEW_COLUMNS, PREVIEW_ROWS, Emit
from labs.workbench.turns import Stepper

SETUP = "(setup)"
"""How the connection is called that is no lane."""


_COMMIT = re.compile(r"\s*(COMMIT|END)\b", re.IGNORECASE)
"""PostgreSQL answers it with no error when there is nothing left to commit, but with the word ROLLBACK."""


class ScriptLane:
    """One lane of the screen: a connection that runs one script at a time, and what the server says meanwhile."""

    def __init__(self, name: str, emit: Emit, numbers: count[int]) -> None:
        self.name = name
        self.notices: list[str] = []
        """What the server has said and nobody has taken yet."""
        self._emit = emit
        self._numbers = numbers
        self._shown: SessionChanged | None = None

    async def connect(self, server: Engine, application: str, schema: str) -> None:
        """Open the connection; raises `ConnectingError`."""
        self._connection = await server.scripts(application=application, schema=schema, heard=self.notices.append)
        self.pid = self._connection.pid
        self.show("idle")

    def show(self, state: SessionState, waiting_for: tuple[str, ...] = ()) -> None:
        """Tell the stream the lane's state, if it is not what was told last."""
        transaction = self._connection.transaction
        if transaction is None and state in {"held", "idle"}:
            state = "aborted"
        shown = SessionChanged(
            session=self.name,
            state=state,
            backend_pid=self.pid,
            # While a script runs the driver does not know: what was true before is shown.
            in_transaction=transaction is not False,
            waiting_for=waiting_for,
        )
        if shown != self._shown:
            self._shown = shown
            self._emit(shown)

    @property
    def in_transaction(self) -> bool:
        """Whether the server has a transaction of this lane open."""
        return self._connection.transaction is not False

    async def run(self, script: str) -> list[Answer]:
        """See `ScriptConnection.run`."""
        number = next(self._numbers)
        self._emit(StatementStarted(session=self.name, number=number, sql=script))
        self.show("running")
        given_up = self._connection.transaction is None
        began = time.perf_counter()
        answers: list[Answer] = []
        try:
            answers = await self._connection.run(script)
        finally:
            ended = _ended(self.name, number, (time.perf_counter() - began) * 1000, answers)
            if given_up and answers and not ended.message and _COMMIT.match(script):
                ended = replace(ended, message="Rolled back: the transaction had failed before.")
            self._emit(ended)
        self.show("idle")
        return answers

    def notifications(self) -> list[Notification]:
        """See `ScriptConnection.notifications`."""
        return self._connection.notifications()

    async def close(self) -> None:
        """End the connection."""
        await self._connection.close()


def _ended(session: str, number: int, milliseconds: float, answers: Sequence[Answer]) -> StatementEnded:
    """How a script ended: with its refusal, or with the last rows that it showed."""
    refusal = next((answer for answer in answers if isinstance(answer, Refusal)), None)
    tables = [answer for answer in answers if isinstance(answer, Table)]
    touched = [answer.rows for answer in answers if isinstance(answer, Done) and answer.rows is not None]
    return StatementEnded(
        session=session,
        number=number,
        milliseconds=round(milliseconds, 3),
        rows=len(tables[-1].rows) if tables else sum(touched) if touched else None,
        preview=tuple(row[:PREVIEW_COLUMNS] for row in tables[-1].rows[:PREVIEW_ROWS]) if tables else (),
        sqlstate=refusal.code if refusal else None,
        message=refusal.text.removeprefix("ERROR:  ").strip() if refusal else "" if answers else "not finished",
    )


class ScriptBench:
    """Lanes by name, a further connection that is no lane, and who among the lanes waits."""

    def __init__(
        self,
        server: Engine,
        lanes: dict[str, ScriptLane],
        setup: ScriptConnection,
        control: AsyncConnection,
        stepper: Stepper,
        emit: Emit,
    ) -> None:
        self.lanes = lanes
        self.setup = setup
        """For what prepares and cleans up."""
        self._server = server
        self._control = control
        self._stepper = stepper
        self._emit = emit
        self._names = {setup.pid: SETUP} | {lane.pid: name for name, lane in lanes.items()}
        self._steps = 0

    async def waiting(self) -> dict[str, tuple[str, ...]]:
        """Those that wait for another of them, each with all that it waits for: lanes, or `SETUP`."""
        pids = await self._server.waiting_among(self._control, list(self._names))
        return {
            self._names[pid]: tuple(self._names.get(blocker, f"pid {blocker}") for blocker in blocking)
            for pid, blocking in pids.items()
        }

    async def turn(self, lane: str, script: str) -> None:
        """Return when that lane may send: at once, or when the person who steps says so."""
        if self._stepper.by_hand:
            self._emit(StatementHeld(session=lane, sql=script))
            self.lanes[lane].show("held")
            self._emit(ScheduleChanged(suggested=lane, steppable=(lane,), step=self._steps))
            while self._stepper.by_hand and await self._stepper.next() not in {None, lane}:
                pass
        self._steps += 1

    async def cancel(self, *names: str) -> None:
        """Cancel what those lanes, or `SETUP`, run on the server now."""
        if self._control.invalidated:  # A question to the server was broken off: go on with a new connection.
            await self._control.rollback()
        await self._server.cancel(self._control, [pid for pid, name in self._names.items() if name in names])

    async def still_there(self) -> None:
        """Make sure that the server is not gone, as it is when a lane was lost; raises a driver's error."""
        await self._server.waiting_among(self._control, [])


@asynccontextmanager
async def script_bench(
    server: Engine,
    control: AsyncConnection,
    names: Sequence[str],
    *,
    application: str,
    schema: str,
    stepper: Stepper,
    emit: Emit,
    numbers: count[int],
) -> AsyncIterator[ScriptBench]:
    """Open a lane for each name; whatever the lanes run at the end is cancelled, and their connections are closed."""
    async with AsyncExitStack() as stack:
        setup = await server.scripts(application=f"{application}/setup", schema=schema, heard=lambda _: None)
        stack.push_async_callback(setup.close)
        lanes = {name: ScriptLane(name, emit, numbers) for name in names}
        for lane in lanes.values():
            await lane.connect(server, f"{application}/{lane.name}", schema)
            stack.push_async_callback(lane.close)
        bench = ScriptBench(server, lanes, setup, control, stepper, emit)
        try:
            yield bench
        finally:
            with suppress(*Engine.driver_errors):  # The server is lost: so is what runs there.
                await bench.cancel(SETUP, *names)
