"""The lab screen: sessions in lanes, what the server does beneath, and the keys that drive it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual.message import Message

from labs.stream.commands import AnyCommand, Cancel, PlayOn
from labs.stream.events import ErrorReported
from labs.stream.specs import Cell
from tui import refusals
from tui.actions import bindings, find, keys_of
from tui.driver import Driver, other_engine
from tui.opening import opening
from tui.plan import ERRORS, LANES
from tui.recordings.resume import Resumption, steps_taken
from tui.screens.confirm import Confirm, leave_losses, reset_losses, rollback_losses
from tui.screens.page import Found
from tui.screens.stage import Stage
from tui.text import clean, spaced, value
from tui.view import ISOLATION

if TYPE_CHECKING:
    from tui.feed import Feed
    from tui.screens.setup import Setup


class LabScreen(Stage):
    """One lab, live."""

    SCOPES = ("lab", "panes")
    BINDINGS = bindings("lab", "panes")

    class Left(Message):
        """The person wants to go back to the catalogue."""

        def __init__(self, experiment: str) -> None:
            super().__init__()
            self.experiment = experiment

    class Reopened(Message):
        """The person wants the same lab again, after its process ended."""

        def __init__(self, experiment: str) -> None:
            super().__init__()
            self.experiment = experiment

    def __init__(self, feed: Feed, experiment: str = "", way: Resumption | None = None) -> None:
        """With a ``way``, its run is gone through again as soon as the lab is open."""
        super().__init__(feed, experiment)
        self._driver = Driver(self._present)
        self._way = way

    def follow(self) -> None:
        """Keep the choices possible, and take the step that is owed."""
        answer = self._driver.moved(self._feed.state)
        if isinstance(answer, str):
            self.tell(answer)
        elif answer is not None:
            self._send(answer)
        if self._way is not None and self._feed.state.lab is not None:
            way, self._way = self._way, None
            self._retrace(way)
        super().follow()

    def lost(self, ended: str) -> ErrorReported:
        """The end of the lab's process, as an error."""
        return ErrorReported(
            title="The lab's process is gone",
            cause=f"{ended} The server has rolled back every transaction that it had open.",
            remedy="What was committed is still there: open the lab again, and a rollback can undo it.",
        )

    def offers(self) -> Sequence[tuple[str, str]]:
        """Where there is no process any more, another one."""
        if self._reopens():
            return [(keys_of("step_lane"), "open the lab again"), (keys_of("back"), "back to the catalogue")]
        return [(keys_of("step_lane"), "go on")]

    def _reopens(self) -> bool:
        """Whether there is nothing to go on with here."""
        return self._feed.over or (self.state.lab is None and bool(self.errors))

    def found(self) -> list[Found]:
        """The experiments, and the choices that the selected one has, for the menu."""
        specs = self.state.lab.experiments if self.state.lab else ()
        things = [Found(f"experiment: {clean(spec.title)}", partial(self._select, spec.slug)) for spec in specs]
        spec = self.choices.spec(self.state)
        for parameter in spec.parameters if spec else ():
            for choice in parameter.choices:
                told = f"set {spaced(parameter.name)}: {value(choice, 40)}"
                things.append(Found(told, partial(self._set, parameter.name, choice)))
        return things

    def _select(self, slug: str) -> None:
        if self._can("experiment.next"):
            self.choices.choose(slug, {})
            self._show_selected()

    def _set(self, name: str, setting: Cell) -> None:
        if self._can("setup"):
            self.choices.choose(self.choices.experiment, self.choices.parameters | {name: setting})
            self._show_selected()

    def _show_selected(self) -> None:
        self._body.show(LANES)
        self._body.restart("why")
        self._body.show("why")
        self.forget_refusal()
        self.redraw()

    def _retrace(self, way: Resumption) -> None:
        """Take the lab to where a run was."""
        state = self._feed.state
        if state.experiment(way.experiment) is None:
            self.tell(f"There is no experiment {clean(way.experiment)} in this lab any more: nothing to go on with.")
        else:
            self._answer(self._driver.retrace(state, way))

    def _send(self, command: AnyCommand) -> None:
        self.run_worker(self._feed.send(command), group="commands", exit_on_error=False)

    def _answer(self, answer: AnyCommand | str | None) -> None:
        if isinstance(answer, str):
            self.refuse(answer)
            return
        self.forget_refusal()
        self.tell("")
        if answer is not None:
            self._send(answer)

    # keys

    def action_step(self) -> None:
        """Start the experiment stepped, or let the next statement go."""
        if self._can("step"):
            self._answer(self._driver.step(self.state))

    def action_step_lane(self) -> None:
        """Let the next statement of the chosen lane go; in a table of cells, open one; after an error, the lab."""
        if self._body.focused.pane == ERRORS:
            self._go_on()
        elif self.cell() is not None:
            self._open_cell()
        elif self._can("step_lane"):
            self._answer(self._driver.step(self.state, self.choices.lane))

    def _go_on(self) -> None:
        """After an error."""
        if self._reopens():
            self.post_message(self.Reopened(self.choices.experiment))
        else:
            self.action_show(LANES)

    def action_run(self) -> None:
        """Run the experiment without stopping."""
        if self._can("run"):
            self._answer(self._driver.start(self.state, stepped=False))

    def _open_cell(self) -> None:
        """Show the chosen cell in the lanes, stepped; on the engine that it was measured on."""
        cell = self.cell()
        if cell is None or not self._can("setup"):
            return
        run = opening(cell)
        if isinstance(run, str):
            self.refuse(run)
            return
        self.choices.choose(run.experiment, run.parameters, run.told)
        self._answer(self._driver.start_on(self.state, run.engine, stepped=True))

    def action_level(self) -> None:
        """Run the same order again at the next isolation level."""
        if self._can("level"):
            level = self.choices.next_level(self.state)
            self.choices.choose(self.choices.experiment, self.choices.parameters | {ISOLATION: level})
            self._answer(self._driver.start(self.state, stepped=False))

    def action_engine(self) -> None:
        """Go on on the other engine."""
        if self._can("engine.lab") and self.state.lab is not None:
            self._answer(self._driver.change_engine(self.state, other_engine(self.state.lab.engine)))

    def action_play_on(self) -> None:
        """Let the stepped run go on by itself."""
        if self._can("play_on"):
            self._answer(PlayOn())

    def action_pause(self) -> None:
        """Have the running experiment stand still, or go on."""
        if self._can("pause"):
            self._answer(self._driver.turn(self.state, bool, 1))

    def action_dial(self, by: int) -> None:
        """Raise or lower what the running experiment lets be changed."""
        if self._can("dial.up"):
            self._answer(self._driver.turn(self.state, float, by))

    def action_cancel(self) -> None:
        """End the running experiment."""
        if self._can("cancel"):
            self._answer(Cancel())

    def action_experiment(self, by: int) -> None:
        """Select another experiment."""
        if self._can("experiment.next"):
            self.choices.select(self.state, by)
            self._show_selected()

    def action_past(self, by: int) -> None:
        """Go back to an earlier step of what has happened, and on again towards the present."""
        if by < 0 and self._feed.at == 0:
            self.refuse("This is as far as it goes back." if self._feed.in_past else "Nothing has happened yet.")
        elif by > 0 and not self._feed.in_past:
            self.refuse(f"This is the present. {keys_of('past.back')} goes back to the step before.")
        else:
            self.forget_refusal()
            self._go(self._feed.at + by)

    def action_live(self) -> None:
        """Go back to the present; there, to the end of the chosen pane."""
        self.forget_refusal()
        if self._feed.in_past:
            self._go(self._feed.tape.steps)
        else:
            self.action_edge(1)

    def _go(self, to: int) -> None:
        """Show that step; whatever key comes next, however soon, is meant for it."""
        self._feed.go(to)
        self.catch_up()

    def action_again(self) -> None:
        """Run the experiment again up to the step of the past that is shown; what runs now is ended first."""
        feed = self._feed
        if not self._can("again"):
            return
        way, run = steps_taken(feed.tape.events[: feed.tape.end(feed.at)]), self.state.run
        self._go(feed.tape.steps)
        if reason := refusals.needs_answer(self.state, self.choices):
            self.refuse(reason)
        elif way is None:
            self.refuse("Its beginning is too long ago: it cannot be run up to there.")
        elif run is not None and not run.stepped and not way.sessions:
            self.refuse(f"It ran by itself and had no steps: {keys_of('run')} runs it again.")
        else:
            if self.state.running:
                self._send(Cancel())
            self._retrace(way)

    def action_setup(self) -> None:
        """Choose experiment and parameters in a window."""
        if not self._can("setup") or self.state.lab is None:
            return
        from tui.form import Form
        from tui.screens.setup import SetupDialog

        specs = self.state.lab.experiments
        at = next((i for i, spec in enumerate(specs) if spec.slug == self.choices.experiment), 0)
        self.app.push_screen(SetupDialog(Form(specs, at, dict(self.choices.parameters))), self._set_up)

    def _set_up(self, setup: Setup | None) -> None:
        if setup is None:
            return
        self.choices.choose(setup.experiment, setup.parameters)
        self._show_selected()
        if setup.run:
            self.action_run()

    def action_roll_back(self) -> None:
        """Undo the latest experiment, after a question."""
        if self._can("roll_back"):
            question = Confirm("Roll back", rollback_losses(self.state), "roll it back", "leave it as it is")
            self._ask(question, lambda: self._answer(self._driver.roll_back(self.state)))

    def action_reset(self) -> None:
        """Rebuild the schema, after a question."""
        if self._can("reset"):
            letter = "r" if "r" not in find("reset").keys else "y"
            question = Confirm("Reset", reset_losses(self.state), "reset", "", letter=letter)
            self._ask(question, lambda: self._answer(self._driver.reset(self.state)))

    def action_back(self) -> None:
        """Go back to all panes, or else to the catalogue; ask only when a transaction is open."""
        if self._body.zoomed:
            self.action_zoom()
            return
        now = self._feed.state
        if now.open_transactions and not self._feed.over:
            question = Confirm("Leave the lab", leave_losses(now), "leave", "stay here")
            self._ask(question, lambda: self.post_message(self.Left(self._present.experiment)))
        else:
            self.post_message(self.Left(self._present.experiment))

    def _ask(self, question: Confirm, then: Callable[[], object]) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                then()

        self.app.push_screen(question, answered)

    def action_lane(self, by: int) -> None:
        """Choose another lane; in a table of cells, another cell."""
        if self.move_cell(by, 0) or not self._can("lane.right"):
            return
        names = list(self.state.sessions)
        chosen = self.choices.lane
        at = names.index(chosen) + by if chosen in names else (0 if by > 0 else -1)
        self.choices.lane = names[at % len(names)]
        self.redraw()
