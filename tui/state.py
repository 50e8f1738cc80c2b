"""The stream so far, as what a screen shows: a fold over events, with no terminal in sight."""

from __future__ import annotations

from dataclasses import dataclass, field

from labs.stream.events import (
    AnomalyMeasured,
    AnyEvent,
    DialTurned,
    EngineChanged,
    ErrorReported,
    ExperimentEnded,
    ExperimentStarted,
    InvariantSampled,
    LabOpened,
    LabReset,
    LatencySampled,
    LocksSampled,
    Looked,
    Measured,
    Noted,
    OrdersExplored,
    ProgressAdvanced,
    RolledBack,
    ScheduleChanged,
    SessionChanged,
    SessionState,
    StatementEnded,
    StatementHeld,
    StatementStarted,
    StreamOpened,
    TableSampled,
    VerdictReached,
    VersionsSampled,
)
from labs.stream.specs import Cell, ExperimentSpec
from tui.measurements import Measurements
from tui.statement import Statement as Statement
from tui.survey import Survey

STALE_S = 5.0
"""Samples are stale when the server was last looked at longer ago than this."""
CLEAN_UP_S = 1.0
"""A rollback that ended so shortly before a run began was part of its beginning."""


@dataclass(slots=True)
class Session:
    """One lane: a session as last heard of."""

    name: str
    state: SessionState = "idle"
    backend_pid: int | None = None
    in_transaction: bool = False
    isolation: str = ""
    """The level of its transactions; empty where it is the server's own."""
    waiting_for: tuple[str, ...] = ()
    since: float = 0.0
    """When it came into this state."""
    held: StatementHeld | None = None
    """Its next statement, held before it reaches the server."""
    statement: Statement | None = None
    """Its latest statement."""


@dataclass(slots=True)
class Run:
    """The latest experiment, running or ended."""

    experiment: str
    parameters: dict[str, Cell]
    stepped: bool
    started_at: float
    engine: str
    dials: dict[str, Cell] = field(default_factory=dict)
    """What can be changed of it now, and what it is set to."""
    tables: dict[str, TableSampled] = field(default_factory=dict)
    """As they were before its first statement."""
    statements: list[Statement] = field(default_factory=list)
    parts: dict[int, str] = field(default_factory=dict)
    """By the index of the statement that begins it, what a part of the run is; the first part has no name."""
    put_back: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """By the same, which tables are then again what they were before the first statement."""
    ended: ExperimentEnded | None = None

    @property
    def settings(self) -> tuple[object, ...]:
        """What it was run with, and where."""
        return self.experiment, self.parameters, self.engine

    @property
    def paused(self) -> bool:
        """Whether it has been told to stand still."""
        return any(setting is True for setting in self.dials.values())

    @property
    def complete(self) -> bool:
        """Whether it came to its verdict."""
        return self.ended is not None and self.ended.outcome != "cancelled"


@dataclass(slots=True)
class LabState:
    """Everything a lab screen shows that came from the stream. `apply` is its only way to change."""

    now: float = 0.0
    """Seconds of the stream: the latest event, or the latest `tick`."""
    stream: StreamOpened | None = None
    engine: EngineChanged | None = None
    lab: LabOpened | None = None
    run: Run | None = None
    before: Run | None = None
    """The latest complete run of other settings than this one's, on whichever engine."""
    sessions: dict[str, Session] = field(default_factory=dict)
    schedule: ScheduleChanged | None = None
    schedules: int = 0
    """How often the sessions came to rest: tells one rest from the next."""
    locks: LocksSampled | None = None
    tables: dict[str, TableSampled] = field(default_factory=dict)
    invariants: dict[str, InvariantSampled] = field(default_factory=dict)
    verdicts: list[VerdictReached] = field(default_factory=list)
    orders: Survey[OrdersExplored] = field(default_factory=Survey)
    """What came of all orders of a variant, at a level of an engine."""
    anomalies: Survey[AnomalyMeasured] = field(default_factory=Survey)
    """Whether an anomaly occurs, at a level of an engine."""
    versions: Survey[VersionsSampled] = field(default_factory=Survey)
    """All versions of an entity; they outlive a run, as tables do."""
    measured: Measurements = field(default_factory=Measurements)
    notes: list[Noted] = field(default_factory=list)
    errors: list[ErrorReported] = field(default_factory=list)
    looked: float | None = None
    """When the latest look at the server ended; none where nobody tells."""
    upkeep: RolledBack | LabReset | None = None
    """The latest rollback or reset, until the next run."""
    undoable: str = ""
    """The experiment that a rollback would undo."""

    def apply(self, event: AnyEvent) -> None:
        """Take one event into account."""
        self.now = max(self.now, event.t)
        match event:
            case StreamOpened():
                self.stream = event
            case EngineChanged():
                self.engine = event
            case LabOpened():
                self._open(event)
            case ExperimentStarted():
                self._start(event)
            case ExperimentEnded():
                self._end(event)
            case DialTurned() if self.run is not None:
                self.run.dials[event.dial] = event.value
            case SessionChanged():
                self._change_session(event)
            case StatementHeld():
                self._session(event.session).held = event
            case ScheduleChanged():
                self.schedule = event
                self.schedules += 1
            case StatementStarted():
                self._start_statement(event)
            case StatementEnded():
                self._end_statement(event)
            case TableSampled():
                self.tables[event.table] = event
                if self.run is not None and not self.run.statements:
                    self.run.tables[event.table] = event
            case InvariantSampled():
                self.invariants[event.claim] = event
            case LocksSampled():
                self.locks = event
            case VerdictReached():
                self.verdicts.append(event)
            case OrdersExplored():
                self.orders.put(self.run, (event.variant, event.engine, event.isolation), event)
            case AnomalyMeasured():
                self.anomalies.put(self.run, (event.anomaly, event.engine, event.isolation), event)
            case VersionsSampled():
                self.versions.cells[event.entity, repr(event.key), ""] = event
                self.versions.run = self.run
            case Measured() | LatencySampled() | ProgressAdvanced():
                self.measured.take(self.run, event)
            case Looked():
                self.looked = event.t
            case Noted():
                self._note(event)
            case RolledBack():
                self.upkeep = event
                self.undoable = event.undoable
            case LabReset():
                self.upkeep = event
                self.undoable = ""
            case ErrorReported():
                self.errors.append(event)
            case _:
                pass

    def tick(self, now: float) -> None:
        """Let time pass without an event, so that what lasts is seen to last."""
        self.now = max(self.now, now)

    @property
    def statements(self) -> list[Statement]:
        """Those of the run, in the order of their starts."""
        return self.run.statements if self.run else []

    @property
    def running(self) -> bool:
        """Whether an experiment runs."""
        return self.run is not None and self.run.ended is None

    @property
    def stepping(self) -> bool:
        """Whether an experiment runs that a person steps."""
        return self.run is not None and self.run.ended is None and self.run.stepped

    @property
    def waiting(self) -> bool:
        """Whether something lasts whose age is on the screen."""
        return any(session.state == "waiting" for session in self.sessions.values())

    @property
    def unseen_s(self) -> float:
        """How long ago the server was last looked at; 0 where nobody tells."""
        return self.now - self.looked if self.looked is not None else 0.0

    @property
    def stale(self) -> bool:
        """Whether the samples are older than they would be if all went well."""
        return self.unseen_s > STALE_S

    @property
    def open_transactions(self) -> list[str]:
        """The sessions that hold a transaction open."""
        return [one.name for one in self.sessions.values() if one.in_transaction and one.state != "done"]

    @property
    def schema(self) -> str:
        """The lab's schema; empty before the lab is open."""
        return self.lab.schema if self.lab else ""

    def experiment(self, slug: str) -> ExperimentSpec | None:
        """The specification of an experiment of this lab."""
        specs = self.lab.experiments if self.lab else ()
        return next((spec for spec in specs if spec.slug == slug), None)

    def title(self, slug: str) -> str:
        """An experiment's title; its slug where the lab has no such experiment any more."""
        spec = self.experiment(slug)
        return spec.title if spec else slug

    def _session(self, name: str) -> Session:
        return self.sessions.setdefault(name, Session(name))

    def _open(self, event: LabOpened) -> None:
        moved = self.lab is not None and self.lab.engine != event.engine
        self.lab = event
        self.undoable = event.undoable
        if moved:
            self._leave_run()
            self.run = self.upkeep = None
            self.tables = {}
            self.invariants = {}
            self.versions = Survey()

    def _leave_run(self) -> None:
        """Keep of the run on the screen what the next one is compared with, and nothing else."""
        if self.run is not None and self.run.complete:
            self.before = self.run
        self.sessions = {}
        self.schedule = None
        self.locks = None
        self.verdicts = []
        self.notes = []

    def _start(self, event: ExperimentStarted) -> None:
        before = self.before
        self._leave_run()
        spec = self.experiment(event.experiment)
        self.run = Run(
            event.experiment,
            event.parameters,
            event.stepped,
            event.t,
            engine=self.lab.engine if self.lab else "",
            dials={one.name: event.parameters.get(one.name, one.default) for one in (spec.dials if spec else ())},
            tables=dict(self.tables),
        )
        if self.before is not None and self.before.settings == self.run.settings:
            self.before = before
        if isinstance(self.upkeep, RolledBack) and event.t - self.upkeep.t < CLEAN_UP_S:
            told = "was rolled back first" if self.upkeep.clean else "could not be rolled back cleanly"
            self.notes.append(Noted(t=event.t, text=f"The run before, {self.title(self.upkeep.experiment)}, {told}."))
        self.upkeep = None
        self.errors = []

    def _note(self, event: Noted) -> None:
        """Take in what was noted; between transactions it says what comes next."""
        self.notes.append(event)
        if self.run is not None and self.run.statements and not self.open_transactions:
            index = len(self.run.statements)
            self.run.parts[index] = event.text
            self.run.put_back[index] = self.run.put_back.get(index, ()) + event.put_back

    def _end(self, event: ExperimentEnded) -> None:
        if self.run is not None:
            self.run.ended = event
        self.undoable = event.experiment
        self.schedule = None
        self.locks = None
        self.measured.progress = None
        for session in self.sessions.values():
            session.held = None
            session.in_transaction = False  # Its connection is closed.

    def _change_session(self, event: SessionChanged) -> None:
        session = self._session(event.session)
        if session.state != event.state:
            session.since = event.t
        session.state = event.state
        session.backend_pid = event.backend_pid or session.backend_pid
        session.in_transaction = event.in_transaction
        session.isolation = event.isolation
        session.waiting_for = event.waiting_for
        statement = session.statement
        if event.state == "waiting" and statement is not None and statement.running:
            if statement.waited_since is None:
                statement.waited_since = event.t
            statement.waited_for = event.waiting_for
        if event.state in ("idle", "done", "aborted"):
            session.held = None

    def _start_statement(self, event: StatementStarted) -> None:
        if self.run is None:
            return
        session = self._session(event.session)
        statement = Statement(
            event.number,
            event.session,
            event.sql,
            event.parameters,
            event.t,
            len(self.statements),
            isolation=session.isolation,
        )
        self.run.statements.append(statement)
        session.statement = statement
        session.held = None

    def _end_statement(self, event: StatementEnded) -> None:
        statement = next((one for one in reversed(self.statements) if one.number == event.number), None)
        if statement is None:
            return
        statement.ended_at = event.t
        statement.ended_index = len(self.statements)
        statement.milliseconds = event.milliseconds
        statement.rows = event.rows
        statement.preview = event.preview
        statement.sqlstate = event.sqlstate
        statement.message = event.message
