"""Hand-written streams, and the screens they fold to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from labs.stream.commands import AnyCommand, Close
from labs.stream.events import (
    STREAM_VERSION,
    AnyEvent,
    EngineChanged,
    ExperimentEnded,
    ExperimentStarted,
    InvariantSampled,
    LabOpened,
    LockHeld,
    LocksSampled,
    LockWait,
    Noted,
    ScheduleChanged,
    SessionChanged,
    StatementEnded,
    StatementHeld,
    StatementStarted,
    StreamOpened,
    TableSampled,
    VerdictReached,
)
from labs.stream.specs import ExperimentSpec, ParameterSpec
from tui.state import LabState

SCHEMA = "ninelabs_ada_races"
READ = f"SELECT {SCHEMA}.accounts.balance \nFROM {SCHEMA}.accounts \nWHERE {SCHEMA}.accounts.id = $1::INTEGER"
WRITE = f"UPDATE {SCHEMA}.accounts SET balance=$1::INTEGER WHERE {SCHEMA}.accounts.id = $2::INTEGER"

ISOLATION = ParameterSpec(
    name="isolation",
    type="str",
    default="READ COMMITTED",
    help="of both sessions",
    choices=("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"),
)
AMOUNT = ParameterSpec(name="amount", type="int", default=80, help="what each transfer takes", minimum=1, maximum=100)

DOUBLE_SPEND = ExperimentSpec(
    slug="double_spend",
    title="Double spend",
    question="Can the same money be spent twice?",
    why="Both sessions read the balance before either has written it.\n\nThe second write is computed from a "
    "value that is no longer true, and nothing on the server objects.",
    engines=("postgres", "mariadb"),
    parameters=(ISOLATION, AMOUNT),
    expected="failed",
)
ROW_LOCK = ExperimentSpec(
    slug="row_lock",
    title="Lock the row",
    question="Who waits, and for how long?",
    why="SELECT … FOR UPDATE makes the second session wait.",
    engines=("postgres",),
    parameters=(ISOLATION,),
)


def fold(events: Iterable[AnyEvent]) -> LabState:
    """The state after these events."""
    state = LabState()
    for event in events:
        state.apply(event)
    return state


def opening() -> list[AnyEvent]:
    return [
        StreamOpened(version=STREAM_VERSION, program="ninelabs 0.1.0", started_at="2026-01-01T00:00:00+00:00"),
        EngineChanged(t=0.1, engine="postgres", state="starting"),
        EngineChanged(t=0.8, engine="postgres", state="ready", server_version="18.6"),
    ]


def opened() -> list[AnyEvent]:
    return [
        *opening(),
        LabOpened(
            t=1.0,
            lab="races",
            title="Races",
            schema=SCHEMA,
            engine="postgres",
            server_version="18.6",
            isolation_default="READ COMMITTED",
            capabilities={},
            experiments=(DOUBLE_SPEND, ROW_LOCK),
        ),
        accounts(1.0, 100),
        InvariantSampled(t=1.0, claim="no balance below zero", holds=True, evidence={"lowest": 50}),
    ]


def opened_on(engine: str, t: float) -> list[AnyEvent]:
    """The same lab on a server of another kind."""
    version, default = {
        "postgres": ("PostgreSQL 18.6", "read committed"),
        "mariadb": ("MariaDB 10.11.14", "repeatable read, snapshot off"),
    }[engine]
    return [
        EngineChanged(t=t, engine=engine, state="ready", server_version=version),
        LabOpened(
            t=t,
            lab="races",
            title="Races",
            schema=SCHEMA,
            engine=engine,
            server_version=version,
            isolation_default=default,
            capabilities={},
            experiments=(DOUBLE_SPEND, ROW_LOCK),
        ),
    ]


def accounts(t: float, balance: int, changed: Sequence[int] = ()) -> TableSampled:
    return TableSampled(
        t=t,
        table="accounts",
        columns=("id", "owner", "balance"),
        key=("id",),
        rows=((1, "alice", balance), (2, "bob", 50)),
        row_count=2,
        changed=tuple((key,) for key in changed),
    )


def started(t: float = 2.0, *, stepped: bool = True) -> list[AnyEvent]:
    return [
        ExperimentStarted(t=t, experiment="double_spend", parameters={"isolation": "READ COMMITTED"}, stepped=stepped),
        SessionChanged(t=t, session="A", state="held", backend_pid=4711),
        StatementHeld(t=t, session="A", sql=READ, parameters=(1,)),
        SessionChanged(t=t, session="B", state="held", backend_pid=4712),
        StatementHeld(t=t, session="B", sql=READ, parameters=(1,)),
        ScheduleChanged(t=t, suggested="A", steppable=("A", "B"), step=0),
    ]


def waiting(t: float = 3.0) -> list[AnyEvent]:
    """A has written the row and holds it; B wants to write it."""
    return [
        SessionChanged(t=t, session="A", state="running", backend_pid=4711, in_transaction=True),
        StatementStarted(t=t, session="A", number=1, sql=READ, parameters=(1,)),
        StatementEnded(t=t + 0.1, session="A", number=1, milliseconds=0.8, rows=1, preview=((100,),)),
        StatementStarted(t=t + 0.2, session="A", number=2, sql=WRITE, parameters=(20, 1)),
        StatementEnded(t=t + 0.3, session="A", number=2, milliseconds=0.6, rows=1),
        SessionChanged(t=t + 0.3, session="A", state="held", backend_pid=4711, in_transaction=True),
        StatementHeld(t=t + 0.3, session="A", sql="COMMIT"),
        SessionChanged(t=t + 0.4, session="B", state="running", backend_pid=4712, in_transaction=True),
        StatementStarted(t=t + 0.4, session="B", number=3, sql=WRITE, parameters=(20, 1)),
        SessionChanged(
            t=t + 0.5, session="B", state="waiting", backend_pid=4712, in_transaction=True, waiting_for=("A",)
        ),
        LocksSampled(
            t=t + 0.6,
            waits=(LockWait(waiter="B", blocker="A", mode="ShareLock", object="transaction 812", milliseconds=200),),
            held=(LockHeld(session="A", mode="RowExclusiveLock", object="accounts"),),
        ),
        ScheduleChanged(t=t + 0.7, suggested="A", steppable=("A",), step=3),
    ]


def ending(t: float = 8.0) -> list[AnyEvent]:
    return [
        StatementStarted(t=t, session="A", number=4, sql="COMMIT"),
        StatementEnded(t=t + 0.01, session="A", number=4, milliseconds=1.2),
        SessionChanged(t=t + 0.01, session="A", state="done", backend_pid=4711),
        StatementEnded(t=t + 0.02, session="B", number=3, milliseconds=4620.0, rows=1),
        SessionChanged(t=t + 0.02, session="B", state="running", backend_pid=4712, in_transaction=True),
        StatementStarted(t=t + 0.03, session="B", number=5, sql="COMMIT"),
        StatementEnded(t=t + 0.04, session="B", number=5, milliseconds=1.0),
        SessionChanged(t=t + 0.04, session="B", state="done", backend_pid=4712),
        accounts(t + 0.1, -60, changed=(1,)),
        InvariantSampled(t=t + 0.1, claim="no balance below zero", holds=False, evidence={"lowest": -60}),
        Noted(t=t + 0.15, text="Both transfers were accepted, and each took 80 of 100."),
        VerdictReached(t=t + 0.2, claim="no balance below zero", holds=False, evidence={"lowest": -60}),
        VerdictReached(t=t + 0.2, claim="ledger equals balances", holds=True, evidence={"ledger": 90, "balances": 90}),
        ExperimentEnded(t=t + 0.3, experiment="double_spend", outcome="failed", seconds=6.3),
    ]


def whole_run() -> list[AnyEvent]:
    return [*opened(), *started(), *waiting(), *ending()]


class Script:
    """A source that says what a test tells it to, and remembers what it was asked."""

    def __init__(
        self,
        events: Iterable[AnyEvent] = (),
        *,
        live: bool = True,
        answer: Callable[[AnyCommand], Iterable[AnyEvent]] = lambda command: (),
    ) -> None:
        self.live = live
        self.ended = ""
        self.sent: list[AnyCommand] = []
        self.killed = False
        self._answer = answer
        self._queue: asyncio.Queue[AnyEvent | None] = asyncio.Queue()
        self.say(*events)

    def say(self, *events: AnyEvent) -> None:
        for event in events:
            self._queue.put_nowait(event)

    @property
    def heard(self) -> bool:
        """Whether all that it has said has been taken from it."""
        return self._queue.empty()

    def end(self, how: str) -> None:
        self.ended = how
        self._queue.put_nowait(None)

    async def events(self) -> AsyncIterator[AnyEvent]:
        while (event := await self._queue.get()) is not None:
            yield event

    async def send(self, command: AnyCommand) -> None:
        self.sent.append(command)
        self.say(*self._answer(command))

    async def close(self) -> None:
        self.sent.append(Close())
        self._queue.put_nowait(None)

    def kill(self) -> None:
        self.killed = True
        self._queue.put_nowait(None)


def recording(events: Iterable[AnyEvent]) -> Script:
    """One that has been read to its end."""
    script = Script(events, live=False)
    script.end("")
    return script
