"""From keys to commands: what may be asked of the runner now, and what has been asked already."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic

from labs.stream.commands import AnyCommand, Reset, RollBack, RunExperiment, Step, TurnDial, UseEngine
from labs.stream.engines import ENGINES
from labs.stream.specs import Cell
from tui.actions import keys_of
from tui.form import neighbour
from tui.recordings.resume import Resumption
from tui.state import LabState, Run
from tui.text import clean, engine_name
from tui.view import View

STARTING = "starting"
SETTLED_S = 1.0
"""Keys pressed closer to each other than this are hammered."""


@dataclass(slots=True)
class Driver:
    """Sends nothing itself: it answers with a command, with a sentence why not, or with nothing."""

    view: View
    _stepped_from: int = -1
    """The rest of the sessions that the latest step left."""
    _owed: Step | None = None
    """A step asked for while the one before was on its way: the next rest takes it."""
    _ended: Run | None = None
    """The run on the screen, if it has ended: a key to step was meant for it, until it was said that it has."""
    _warned: Run | None = None
    """The run of which that was said, and when, by the wall."""
    _warned_at: float = 0.0
    _asked_at: tuple[object, ...] = field(default=())
    _dialled: tuple[Run | None, dict[str, Cell]] = field(default=(None, {}))
    """A run, and what each of its dials was asked to be turned to."""
    _elsewhere: tuple[str, dict[str, Cell], bool] | None = None
    """An engine on its way, what the selected experiment is to be run with there, and whether it is to be stepped."""
    _way: Resumption | None = None
    """The way that the run is to take by itself, before it waits for the person."""
    _taken: int = 0
    """How many steps of it were asked for."""

    def start(self, state: LabState, *, stepped: bool) -> AnyCommand:
        """Run the selected experiment."""
        self._elsewhere = None
        self._ask(state, STARTING)
        self._owed = None
        self._stepped_from = state.schedules
        return RunExperiment(experiment=self.view.experiment, parameters=dict(self.view.parameters), stepped=stepped)

    def step(self, state: LabState, session: str | None = None) -> AnyCommand | str | None:
        """The next statement of a session, or of the one that the order suggests; starts the run if there is none."""
        if not state.running and self.view.asked != STARTING:
            if self._meant_for_the_last_run() and not self.view.last(state):
                self._warned, self._warned_at = self._ended, monotonic()
                return (
                    f"This run has ended. {keys_of('step')} again starts it anew; "
                    f"{keys_of('experiment.next')} goes to the next experiment."
                )
            return self.start(state, stepped=True)
        if self._way is not None:
            return f"It goes on by itself to step {self._way.step}, as it was recorded; {keys_of('cancel')} ends it."
        if state.schedule is None or state.schedules == self._stepped_from:
            self._owed = Step(session=session)
            return None
        if reason := _immovable(state, session):
            return reason
        self._stepped_from = state.schedules
        return Step(session=session)

    def start_on(self, state: LabState, engine: str, *, stepped: bool) -> AnyCommand:
        """Run the selected experiment on an engine; go there first where it is another one."""
        if state.lab is None or state.lab.engine == engine:
            return self.start(state, stepped=stepped)
        command = self.change_engine(state, engine)
        self._elsewhere = (engine, dict(self.view.parameters), stepped)
        return command

    def retrace(self, state: LabState, way: Resumption) -> AnyCommand:
        """Run an experiment stepped, with every step that was taken before; then wait for the person."""
        self.view.choose(way.experiment, way.parameters)
        command = self.start_on(state, way.engine or (state.lab.engine if state.lab else ""), stepped=True)
        self._way, self._taken = way, 0
        return command

    def change_engine(self, state: LabState, engine: str) -> AnyCommand:
        """Go on on another engine."""
        self._ask(state, f"changing to {engine_name(engine)}")
        self._elsewhere = None
        return UseEngine(engine=engine)

    def turn(self, state: LabState, kind: type[bool] | type[float], by: int) -> AnyCommand | str:
        """Change the first dial of that kind of the running experiment: to the next value, or an earlier one."""
        if state.run is not self._dialled[0]:
            self._dialled = (state.run, dict(state.run.dials) if state.run is not None else {})
        dials = self._dialled[1]
        spec = self.view.spec(state)
        for dial in spec.dials if spec is not None else ():
            if isinstance(dial.default, bool) is (kind is bool):
                # From what was asked for last, which may not have come back yet.
                dials[dial.name] = neighbour(dial, dials.get(dial.name, dial.default), by)
                return TurnDial(dial=dial.name, value=dials[dial.name])
        return "This experiment has nothing of the kind to change."

    def roll_back(self, state: LabState) -> AnyCommand:
        """Undo the latest experiment."""
        self._ask(state, "rolling back")
        return RollBack()

    def reset(self, state: LabState) -> AnyCommand:
        """Rebuild the schema."""
        self._ask(state, "being reset")
        return Reset()

    def moved(self, state: LabState) -> AnyCommand | str | None:
        """Events came: forget what has been answered, and take the step that is owed, or the next one of the way."""
        self.view.follow(state)
        if state.upkeep is not None:
            self._ended = None
        elif state.run is not None and state.run.ended is not None:
            self._ended = state.run
        if self.view.asked and self._asked_at != _answers(state, self.view.asked):
            self.view.asked = ""
            if self._elsewhere is not None and state.lab is not None:
                (engine, parameters, stepped), self._elsewhere = self._elsewhere, None
                if state.lab.engine == engine:
                    self.view.parameters = parameters
                    return self.start(state, stepped=stepped)
        if self.view.asked == STARTING:
            return None  # Whatever comes to rest before it begins is the run before.
        if not state.running and self._elsewhere is None:
            self._owed = self._way = None
        if state.schedule is None or state.schedules == self._stepped_from:
            return None
        if self._way is not None:
            return self._go_on(state, self._way)
        if self._owed is None:
            return None
        step, self._owed = self._owed, None
        if _immovable(state, step.session):
            return None
        self._stepped_from = state.schedules
        return step

    def _meant_for_the_last_run(self) -> bool:
        """Whether who steps may not have seen yet that the run has ended, or hammers the key."""
        unseen = self._ended is not self._warned or monotonic() - self._warned_at < SETTLED_S
        return self._ended is not None and unseen

    def _go_on(self, state: LabState, way: Resumption) -> Step | str:
        """The next step of the way; at its end, or where the run cannot follow it, a sentence for the person."""
        step = self._taken + 1
        if step == way.step:
            self._way = None
            return f"Step {step} comes next, as when it was recorded. {keys_of('step')} goes on."
        session = way.sessions[self._taken]
        if state.schedule is None or session not in state.schedule.steppable:
            self._way = None
            why = _immovable(state, session)
            return f"At step {step} it went another way than recorded: {why} {keys_of('step')} goes on."
        self._taken, self._stepped_from = step, state.schedules
        return Step(session=session)

    def _ask(self, state: LabState, what: str) -> None:
        self.view.asked = what
        self._asked_at = _answers(state, what)


def other_engine(engine: str) -> str:
    """The one that the key for engines goes to."""
    engines = list(ENGINES)
    return engines[(engines.index(engine) + 1) % len(engines)] if engine in engines else engines[0]


def _answers(state: LabState, what: str) -> tuple[object, ...]:
    """What changes when the runner begins or refuses what it was asked for; a start may roll back first."""
    changes = () if what == STARTING else (id(state.upkeep), id(state.lab))
    return (id(state.run), changes, len(state.errors))


def _immovable(state: LabState, name: str | None) -> str:
    """Why a session cannot be stepped; empty when it can."""
    steppable = state.schedule.steppable if state.schedule else ()
    if name is None and state.schedule is not None and state.schedule.suggested is not None:
        return ""
    if name in steppable:
        return ""
    if name is None:
        return f"No session can move now; {keys_of('cancel')} ends the run."
    session = state.sessions.get(name)
    if session is not None and session.state == "waiting":
        return f"{clean(name)} waits for {clean(', '.join(session.waiting_for)) or 'a lock'}; step that one first."
    return f"{clean(name)} has nothing to step now."
