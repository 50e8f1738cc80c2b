"""The words of the stream: everything a runner says, and so everything a screen can know.

Each event is one JSON object on one line, tagged with its class name under ``type``. Facts (a statement ended,
a verdict fell) are each sent at once. Samples (`SAMPLES`) are latest-wins: only the newest of a kind matters.
"""

from __future__ import annotations

from typing import Any, Literal, Self

import msgspec

from labs.stream.parts import Dependency as Dependency
from labs.stream.parts import LockHeld as LockHeld
from labs.stream.parts import LockWait as LockWait
from labs.stream.parts import Version as Version
from labs.stream.specs import Cell, ExperimentSpec, Outcome

STREAM_VERSION = 1
"""Raised whenever a reader of the previous version would misread a recording."""

SessionState = Literal["idle", "held", "running", "waiting", "aborted", "done"]


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=str):
    """What all events share."""

    t: float = 0.0
    """Monotonic seconds since the stream began; stamped when the event is sent."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Nothing changes an event: a copy of what holds one can hold the same."""
        return self


class StreamOpened(Event, frozen=True):
    """The header: always the first line of a stream and of a recording."""

    version: int
    program: str
    started_at: str
    """Wall-clock time of ``t == 0``, ISO 8601 with offset."""


class EngineChanged(Event, frozen=True):
    """The server behind the labs came, went, or is on its way."""

    engine: str
    state: Literal["starting", "recovering", "ready", "lost"]
    server_version: str = ""
    detail: str = ""


class LabOpened(Event, frozen=True):
    """A lab is ready: its schema stands, seeded, and is ours alone."""

    lab: str
    title: str
    schema: str
    engine: str
    server_version: str
    isolation_default: str
    capabilities: dict[str, bool]
    experiments: tuple[ExperimentSpec, ...]
    undoable: str = ""
    """The experiment that a rollback would undo now; empty when there is none."""
    ddl: tuple[str, ...] = ()
    """The statements that build the lab's tables, in order, with no schema named."""


class ExperimentStarted(Event, frozen=True):
    """A run began. All panels that show a run start afresh."""

    experiment: str
    parameters: dict[str, Cell]
    stepped: bool
    """Whether a person steps the sessions."""


class ExperimentEnded(Event, frozen=True):
    """The run is over: ``passed`` when every claim held, ``cancelled`` when it did not come to its verdict."""

    experiment: str
    outcome: Outcome
    seconds: float


class DialTurned(Event, frozen=True):
    """From now on the running experiment goes by that value of one of its dials."""

    dial: str
    value: Cell


class SessionChanged(Event, frozen=True):
    """A session's state. A ``held`` one waits for the scheduler, a ``waiting`` one for a lock on the server."""

    session: str
    state: SessionState
    backend_pid: int | None = None
    in_transaction: bool = False
    waiting_for: tuple[str, ...] = ()
    """Who blocks it: names of sessions, or ``pid N`` for a stranger."""
    isolation: str = ""
    """The level of its transactions, in words; empty where it is the server's own."""


class StatementHeld(Event, frozen=True):
    """A session's next statement, ready to go, held before it reaches the server."""

    session: str
    sql: str
    parameters: tuple[Any, ...] = ()


class ScheduleChanged(Event, frozen=True):
    """Every session has come to rest: what can be stepped now."""

    suggested: str | None
    """The session that the named order would step next; none when no session can move."""
    steppable: tuple[str, ...]
    step: int
    """How many steps have been taken."""


class StatementStarted(Event, frozen=True):
    """A statement went to the server."""

    session: str
    number: int
    """Counts up by one over all sessions of a run; its end carries the same number."""
    sql: str
    parameters: tuple[Any, ...] = ()
    """Positional values, or one tuple a row for many rows; redacted where the statement is so marked."""


class StatementEnded(Event, frozen=True):
    """The server answered."""

    session: str
    number: int
    milliseconds: float | None
    """None for a ``BEGIN``, which travels with the statement after it."""
    rows: int | None = None
    """Rows returned or touched; none where the server does not say."""
    preview: tuple[tuple[Cell, ...], ...] = ()
    """The first rows returned."""
    sqlstate: str | None = None
    message: str = ""
    """The server's error text, when it refused."""


COUNTED_ROWS = 100_000
"""Of more rows than these a sample knows about how many there are, by the server's statistics."""


class TableSampled(Event, frozen=True):
    """A table as committed, seen from outside."""

    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    """The columns whose values identify a row."""
    rows: tuple[tuple[Cell, ...], ...]
    """In key order, bounded."""
    row_count: int
    """Exact up to `COUNTED_ROWS`."""
    changed: tuple[tuple[Cell, ...], ...] = ()
    """Keys of the rows that differ from the previous sample."""
    cut: bool = False
    """Whether some texts in it are longer than what is given of them."""
    problem: str = ""
    """Why the table cannot be looked at now; the rows are then those of the last look that could."""


class InvariantSampled(Event, frozen=True):
    """What must always hold, as committed now."""

    claim: str
    holds: bool
    evidence: dict[str, Cell]


class LocksSampled(Event, frozen=True):
    """Who waits for whom (n:m edges), and what is held. Only lock waits, never waits for a client."""

    waits: tuple[LockWait, ...]
    held: tuple[LockHeld, ...] = ()


class VersionsSampled(Event, frozen=True):
    """All versions of one entity, as far as they are told; in any order.

    A time of which no version has either end is one that the entity does not have.
    """

    entity: str
    """What has versions, such as a table's name."""
    key: tuple[Cell, ...]
    """Which one of them it is; an entity and a key are sampled together."""
    columns: tuple[str, ...]
    versions: tuple[Version, ...]


class VerdictReached(Event, frozen=True):
    """A claim, measured."""

    claim: str
    holds: bool
    evidence: dict[str, Cell]


class OrdersExplored(Event, frozen=True):
    """One cell of a matrix: a variant at an isolation level, run in every order or in a sample of them."""

    variant: str
    isolation: str
    engine: str
    orders: int
    """How many were run."""
    violations: int
    """In how many of them a claim did not hold."""
    broken: dict[str, int]
    """By claim, in how many orders it did not hold."""
    refusals: dict[str, int]
    """Statements that the server refused, by its code, over all orders."""
    waits: int
    """Statements that had to wait for a lock, over all orders."""
    pruned: int
    """How often a session that could have gone was passed over, because its plain read commutes with what went
    instead and an equivalent order was run; once for as long as it was passed over."""
    milliseconds: float
    """Of all orders together."""
    sampled: bool = False
    """Whether there were too many orders: the first are those that the search came to, the rest was drawn by lot."""
    seed: int = 0
    """What the lot was drawn from."""
    failing: str | None = None
    """The shortest order in which a claim does not hold, a session's name a turn; none when there is none."""
    retries: int = 0
    """Transactions that were begun again after a refusal, over all orders."""
    blocked: int = 0
    """How often a session could not be given the turn, because it waited for a lock."""
    raced: int = 0
    """Orders that count nowhere else: sessions raced on the server in every attempt, so chance decides the outcome."""
    experiment: str = ""
    """Shows one order of this cell in the lanes, given ``parameters``, the isolation and the ``order``."""
    parameters: dict[str, Cell] = {}


class AnomalyMeasured(Event, frozen=True):
    """One cell of the catalogue of anomalies: whether it occurred at an isolation level of an engine."""

    anomaly: str
    """Its name in words, such as ``lost update``."""
    code: str
    """Its name in the literature, such as ``P4``."""
    isolation: str
    engine: str
    occurred: bool
    prevented_by: str = ""
    """A wait, or the code of a refusal; empty where it occurred, or where the reads simply saw nothing wrong."""
    cycle: tuple[Dependency, ...] = ()
    """The circle of dependencies that the run came to; empty when the run was serializable."""
    experiment: str = ""
    """Shows it in the lanes, given ``parameters``."""
    parameters: dict[str, Cell] = {}


class TranscriptWritten(Event, frozen=True):
    """The transcript of a run goes on: the text that a tool which others use would print for the same run."""

    text: str
    """As it is, line ends included; it may hold what a terminal obeys."""


class Measured(Event, frozen=True):
    """A figure to compare with that of other variants; a later one of the same metric and variant takes its place."""

    metric: str
    """What was measured, in words, such as ``transfers a second``."""
    variant: str
    value: float
    unit: str
    samples: int = 0
    """How many observations it was made of."""
    low: float | None = None
    high: float | None = None
    """How far it spread; none where that was not measured."""


class LatencySampled(Event, frozen=True):
    """One column of a latency strip: what an interval of a load was for those who waited. A fact, never dropped."""

    operation: str
    """What took so long, in words, such as ``payments``."""
    variant: str
    seconds: float
    """How long the interval was."""
    count: int
    """How many operations ended in it."""
    median: float | None
    """Milliseconds, of those that ended; none when none did."""
    worst: float
    """Milliseconds, of those that ended and of those that were under way at the interval's end."""
    outstanding: int = 0
    """How many were under way at its end; with a count of 0 the load stood still."""


class ProgressAdvanced(Event, frozen=True):
    """How far something long has come."""

    task: str
    done: float
    total: float
    unit: str = ""
    rate: float | None = None
    """Units a second."""
    eta_s: float | None = None


class Looked(Event, frozen=True):
    """A look at the server came to its end, once a second at most, whether or not there was anything to tell.

    It says how fresh the samples are, and only while it is heard: recordings and reports leave it out.
    """


class Noted(Event, frozen=True):
    """A sentence for the person: what to look at now, and why."""

    text: str
    put_back: tuple[str, ...] = ()
    """Tables that the run has just made again what they were when it began, outside its sessions."""


class RolledBack(Event, frozen=True):
    """A rollback ended. It is clean only when the fingerprint from before the experiment is back."""

    experiment: str
    clean: bool
    how: tuple[str, ...]
    """What was done, a sentence each."""
    differences: tuple[str, ...]
    undoable: str = ""
    """The experiment that a further rollback would undo."""


class LabReset(Event, frozen=True):
    """The schema was dropped and rebuilt from the seed."""

    seed: int
    fingerprint: str
    """One digest over tables and schema: the same seed gives the same one on every machine."""


class ErrorReported(Event, frozen=True):
    """Something went wrong that is not a result: what, why, and what to do next."""

    title: str
    cause: str
    remedy: str
    exit_status: int = 1
    sqlstate: str | None = None
    sql: str = ""


AnyEvent = (
    StreamOpened
    | EngineChanged
    | LabOpened
    | ExperimentStarted
    | ExperimentEnded
    | DialTurned
    | SessionChanged
    | StatementHeld
    | ScheduleChanged
    | StatementStarted
    | StatementEnded
    | TableSampled
    | InvariantSampled
    | LocksSampled
    | VersionsSampled
    | VerdictReached
    | OrdersExplored
    | AnomalyMeasured
    | Measured
    | LatencySampled
    | ProgressAdvanced
    | TranscriptWritten
    | Looked
    | Noted
    | RolledBack
    | LabReset
    | ErrorReported
)

SAMPLES = (TableSampled, InvariantSampled, LocksSampled, VersionsSampled, ProgressAdvanced)
"""Latest-wins events: a slow reader may be given only the newest of each table, claim, entity, task, or lock graph."""
