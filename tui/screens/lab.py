"""The lab screen: sessions in lanes, what the server does beneath, and the keys that drive it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual.message import Message

from labs.stream.commands import AnyCommand, Cancel, PlayOn
from labs.stream.events import ErrorReported
from labs.stream.specs import Cell
from tui.actions import bindings
from tui.driver import Driver, other_engine
from tui.opening import opening
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

    class Reopened(Message):
        """The person wants the same lab again, after its process ended."""

        def __init__(self, experiment: str) -> None:
            super().__init__()
            self.experiment = experiment

    def __init__(self, feed: Feed, experiment: str = "") -> None:
        super().__init__(feed, experiment)
        self._driver = Driver(self.choices)

    def follow(self) -> None:
        """Keep the choices possible, and take the step that is owed."""
        if command := self._driver.moved(self.state):
            self._send(command)

    def lost(self, ended: str) -> ErrorReported:
        """The end of the lab's process, as an error."""
        return ErrorReported(
            title="The lab's process is gone",
            cause=f"{ended} The server has rolled back every transaction that it had open.",
            remedy="Enter opens the lab again. What was committed is still there; a rollback can undo it.",
        )

    def offer(self) -> tuple[str, Callable[[bool | None], None] | None]:
        """Where there is no process any more, another one."""
        if self._feed.over or self.state.lab is None:
            return "open the lab again", self._reopen
        return super().offer()

    def _reopen(self, yes: bool | None) -> None:
        if yes:
            self.post_message(self.Reopened(self.choices.experiment))

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
        self._body.restart("why")
        self._body.show("why")
        self.forget_refusal()
        self.redraw()

    def _send(self, command: AnyCommand) -> None:
        self.run_worker(self._feed.send(command), group="commands", exit_on_error=False)

    def _answer(self, answer: AnyCommand | str | None) -> None:
        if isinstance(answer, str):
            self.refuse(answer)
            return
        self.forget_refusal()
        if answer is not None:
            self._send(answer)
        self.redraw()

    # keys

    def action_step(self) -> None:
        """Start the experiment stepped, or let the next statement go."""
        if self._can("step"):
            self._answer(self._driver.step(self.state))

    def action_step_lane(self) -> None:
        """Let the next statement of the chosen lane go; in a table of cells, open one."""
        if self.cell() is not None:
            self._open_cell()
        elif self._can("step_lane"):
            self._answer(self._driver.step(self.state, self.choices.lane))

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

    def action_cancel(self) -> None:
        """End the running experiment."""
        if self._can("cancel"):
            self._answer(Cancel())

    def action_experiment(self, by: int) -> None:
        """Select another experiment."""
        if self._can("experiment.next"):
            self.choices.select(self.state, by)
            self._show_selected()

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
            question = Confirm("Reset", reset_losses(self.state), "reset", "", letter="r")
            self._ask(question, lambda: self._answer(self._driver.reset(self.state)))

    def action_back(self) -> None:
        """Go back to the catalogue; ask only when a transaction is open."""
        if self.choices.live and self.state.open_transactions and not self.choices.over:
            question = Confirm("Leave the lab", leave_losses(self.state), "leave", "stay here")
            self._ask(question, lambda: self.post_message(self.Left()))
        else:
            self.post_message(self.Left())

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
