"""One lab in one process: commands in, events out."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version

import msgspec

from labs.stream.commands import (
    AnyCommand,
    Cancel,
    Close,
    OpenLab,
    PlayOn,
    Reset,
    RollBack,
    RunExperiment,
    Step,
    TurnDial,
    UseEngine,
)
from labs.stream.events import (
    STREAM_VERSION,
    EngineChanged,
    Event,
    ExperimentEnded,
    ExperimentStarted,
    LabOpened,
    Noted,
    StreamOpened,
)
from labs.stream.specs import Cell, Outcome
from labs.workbench import logs
from labs.workbench.bench import Bench
from labs.workbench.engines.engine import Engine
from labs.workbench.errors import USAGE, LabError
from labs.workbench.lab import Experiment, Lab
from labs.workbench.observer.observer import Observer
from labs.workbench.outbox import Outbox
from labs.workbench.place import Place
from labs.workbench.target import Target
from labs.workbench.turns import Stepper

CLOSE_PATIENCE_S = 8.0
"""How long an orderly end may take."""

log = logging.getLogger(__name__)


def header() -> StreamOpened:
    """The first event of every stream."""
    return StreamOpened(
        version=STREAM_VERSION,
        program=f"ninelabs {version('ninelabs')}",
        started_at=datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
    )


class Runner:
    """Holds the server, the open lab and the running experiment; says everything through its outbox."""

    def __init__(self, target: Target, find_lab: Callable[[str], Lab], outbox: Outbox) -> None:
        self._target = target
        self._find_lab = find_lab
        self._outbox = outbox
        self._server: Engine | None = None
        self._lost = False
        """Whether the server is gone; it is kept to explain what else fails for that reason."""
        self._ready: EngineChanged | None = None
        """What was told of that server when it was ready."""
        self._lab: Lab | None = None
        self._place: Place | None = None
        self._observer: Observer | None = None
        self._watching: asyncio.Task[None] | None = None
        self._running: asyncio.Task[None] | None = None
        self._bench: Bench | None = None
        self._experiment: Experiment | None = None
        """The one that runs, or ran last."""
        self._stepper = Stepper()
        self._turning: set[asyncio.Task[None]] = set()

    # Life ---------------------------------------------------------------------------------------------------

    async def serve(self, commands: AsyncIterator[AnyCommand]) -> None:
        """Carry out commands until `Close` or their end; errors become events, and the runner goes on."""
        await self._reporting(self.have_server())
        try:
            async for command in commands:
                if isinstance(command, Close):
                    return
                await self._reporting(self._carry_out(command))
        finally:
            await self.close()

    async def have_server(self) -> Engine:
        """The server, started or joined if need be; raises `EngineError`."""
        if self._server is None or self._lost:
            self._server, self._lost = await self._target.acquire(self._emit), False
        return self._server

    async def open(self, slug: str, *, rebuild: bool = False) -> None:
        """Open the lab; raises `LabError` when the server or the schema will not do, or another session has it.

        With ``rebuild``, a schema that this version would not have built is dropped, and built anew.
        """
        await self._leave_place()
        async with self._explaining():
            self._lab = self._find_lab(slug)
            await self._have_place(rebuild=rebuild)

    async def use(self, engine: str) -> None:
        """Go on with the open lab on another kind of server; stays where it is when that cannot be had.

        Raises:
            LabError: there is none, or it cannot be used.
        """
        before = self._target.engine
        self._target.use(engine)
        if engine == before and self._server is not None and not self._lost:
            return
        try:
            server = await self._target.acquire(self._emit)
        except LabError:
            self._target.use(before)
            if self._ready is not None and not self._lost:
                self._emit(self._ready)
            raise
        await self.cancel()
        await self._leave_place()
        self._server, self._lost = server, False
        if self._lab is not None:
            async with self._explaining():
                await self._have_place()

    async def close(self) -> None:
        """End the run, roll back what is open, give everything back. May be called at any time.

        A server that answers no more is not waited for: its connections are dropped with the process.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_PATIENCE_S):
                await self.cancel()
                await self._leave_place()
        await self._target.release()

    # Commands -----------------------------------------------------------------------------------------------

    async def _carry_out(self, command: AnyCommand) -> None:
        match command:
            case OpenLab():
                await self.open(command.lab)
            case UseEngine():
                await self.use(command.engine)
            case RunExperiment() if self._running is not None and not self._running.done():
                self._emit(Noted(text="An experiment runs already: cancel it first, or let it end."))
            case RunExperiment():
                run = self.run(command.experiment, command.parameters, stepped=command.stepped)
                self._running = asyncio.create_task(self._reporting(run))
            case Step():
                self._stepper.step(command.session)
            case PlayOn():
                self._stepper.play_on()
            case TurnDial():
                # Beside the commands: a dial may have to wait for somebody's lock, and a cancel must not.
                turning = asyncio.create_task(self._reporting(self.turn(command.dial, command.value)))
                self._turning.add(turning)
                turning.add_done_callback(self._turning.discard)
            case Cancel():
                await self.cancel()
            case RollBack():
                await self.roll_back()
            case Reset():
                await self.reset()

    async def run(self, slug: str, given: Mapping[str, Cell], *, stepped: bool = False) -> Outcome:
        """Run an experiment to its end, from a clean bench: an earlier one is rolled back first.

        Raises:
            LabError: no such experiment or parameter, or something broke that is no result.
        """
        declared = self._declared(slug)
        async with self._explaining():
            place, observer = await self._have_place()
            declared = declared.on(place.server)
            declared.must_run_on(place.server)
            parameters = declared.parse(given)
            stepped = stepped and declared.spec.stepped
            earlier = await place.roll_back()
            if earlier is not None:
                self._emit(earlier)
                await observer.look()  # What the run begins with is told before it begins.
                if not earlier.clean:
                    raise LabError(
                        f"What {earlier.experiment} left behind could not be rolled back",
                        " ".join(earlier.differences),
                        "Reset the lab; that rebuilds it from the seed.",
                    )
            await place.begin(slug)
            shown: dict[str, Cell] = {name: getattr(parameters, name) for name in parameters.__struct_fields__}
            self._emit(ExperimentStarted(experiment=slug, parameters=shown, stepped=stepped))
            self._stepper = Stepper(by_hand=stepped)
            self._experiment = declared
            self._bench = bench = Bench(place, stepper=self._stepper, emit=self._emit)
            observer.run_began(bench.sessions_open)
            began = time.monotonic()
            outcome: Outcome = "cancelled"
            try:
                await declared.method(place.lab, bench, parameters)
                await observer.look()
                outcome = bench.outcome()
            finally:
                self._bench = None
                seconds = round(time.monotonic() - began, 3)
                self._emit(ExperimentEnded(experiment=slug, outcome=outcome, seconds=seconds))
        return outcome

    def passes_over(self, declared: Experiment) -> bool:
        """Whether the open lab's server cannot run that experiment; if so, the reason is noted."""
        reason = declared.spec.lacking.get(self._target.engine)
        if reason:
            self._emit(Noted(text=f"{declared.spec.title} is passed over: {reason}"))
        return reason is not None

    async def turn(self, dial: str, value: Cell) -> None:
        """Change what the running experiment lets be changed; raises `LabError` for what it does not."""
        if self._bench is None or self._experiment is None:
            self._emit(Noted(text="Nothing is running, so there is no dial to turn."))
            return
        async with self._explaining():
            await self._bench.turn(dial, self._experiment.dial(dial, value))

    async def cancel(self) -> tuple[str, ...]:
        """End the running experiment, if one runs; returns what became of its transactions, a sentence each."""
        if self._running is None or self._running.done():
            return ()
        open_transactions = self._bench.in_transaction() if self._bench is not None else ()
        self._running.cancel()
        await asyncio.wait({self._running})
        return tuple(f"{name}: ROLLBACK of its open transaction." for name in open_transactions)

    async def roll_back(self) -> bool:
        """Undo the latest experiment, whether it runs or has ended; true when the fingerprint is back."""
        how = await self.cancel()
        async with self._explaining():
            place, observer = await self._have_place()
            done = await place.roll_back()
            await observer.look()
        if done is None:
            self._emit(Noted(text="Nothing to roll back: no experiment has run since the last rollback or reset."))
            return True
        self._emit(msgspec.structs.replace(done, how=how + done.how))
        return done.clean

    async def reset(self) -> None:
        """Rebuild the lab's schema from the seed."""
        await self.cancel()
        async with self._explaining():
            place, observer = await self._have_place()
            self._emit(await place.reset())
            await observer.look()

    # The lab and its server ---------------------------------------------------------------------------------

    async def _have_place(self, *, rebuild: bool = False) -> tuple[Place, Observer]:
        """The open lab; opened again after its server was lost. See `Place.open` for ``rebuild``."""
        if self._place is not None and self._observer is not None:
            await self._place.still_ours()
            return self._place, self._observer
        lab = self._lab
        if lab is None:
            raise LabError("No lab is open", "The first command must open one.", "Send OpenLab.", exit_status=USAGE)
        self._place = place = Place(await self.have_server(), lab)
        try:
            probe = await place.open(rebuild=rebuild)
            undoable = await place.undoable()
        except BaseException:
            await self._leave_place()
            raise
        self._emit(EngineChanged(engine=place.server.name, state="ready", server_version=probe.server_version))
        self._emit(
            LabOpened(
                lab=lab.slug,
                title=lab.title,
                schema=place.schema,
                engine=place.server.name,
                server_version=probe.server_version,
                isolation_default=probe.isolation_default,
                capabilities=dict(probe.capabilities),
                experiments=tuple(one.on(place.server).spec for one in lab.experiments().values()),
                undoable=undoable,
                ddl=place.ddl(),
            )
        )
        self._observer = observer = Observer(place, emit=self._emit)
        await observer.look()
        self._watching = asyncio.create_task(self._watch(observer))
        return place, observer

    async def _leave_place(self) -> None:
        """Give up the lab's schema and connections, also when the server is gone already."""
        watching, observer, place = self._watching, self._observer, self._place
        self._watching = self._observer = self._place = None
        if watching is not None and watching is not asyncio.current_task():
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        for part in (observer, place):
            if part is not None:
                with suppress(*Engine.driver_errors):
                    await part.close()

    async def _watch(self, observer: Observer) -> None:
        try:
            await observer.watch()
        except Engine.driver_errors as error:
            # A run whose sessions are all held would not notice; one that has noticed has told, and left.
            await self.cancel()
            if self._observer is observer and self._bench is None:
                await self._reporting(self._tell(error))

    async def _tell(self, error: Exception) -> None:
        async with self._explaining():
            raise error

    @asynccontextmanager
    async def _explaining(self) -> AsyncIterator[None]:
        """Turn what a driver raises into a `LabError`; leave a lost server, so that the next command finds it anew."""
        try:
            yield
        except LabError:
            raise
        except Exception as error:
            if self._server is None or not isinstance(error, Engine.driver_errors):
                raise self._unexpected(error) from error
            explained, lost = self._server.explain(error), self._server.lost(error)
            if lost and not self._lost:
                self._lost = True
                self._emit(EngineChanged(engine=self._server.name, state="lost", detail=explained.cause))
                await self._leave_place()
                await self._target.release()
            raise explained from error

    def _unexpected(self, error: Exception) -> LabError:
        log.error("An error that nobody expected", exc_info=error)
        return LabError(
            "The lab met an error that nobody expected",
            f"{type(error).__name__}: {error}.",
            f"{logs.path()} has the details; reset the lab to go on.",
        )

    async def _reporting(self, work: Awaitable[object]) -> None:
        """Do something; what goes wrong is told, and does not end the runner."""
        try:
            await work
        except LabError as error:
            self._emit(error.as_event())

    def _declared(self, slug: str) -> Experiment:
        if self._lab is None:
            raise LabError("No lab is open", "The first command must open one.", "Send OpenLab.", exit_status=USAGE)
        return self._lab.declared(slug)

    def _emit(self, event: Event) -> None:
        if isinstance(event, EngineChanged) and event.state == "ready":
            self._ready = event
        self._outbox.emit(event)
        if self._observer is not None:
            self._observer.heard(event)
