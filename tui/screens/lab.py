"""The lab screen: sessions in lanes, what the server does beneath, and the keys that drive it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from rich.text import Text
from textual.message import Message
from textual.widget import Widget

from labs.stream.commands import AnyCommand, Cancel, PlayOn
from labs.stream.events import ErrorReported
from tui import narration
from tui.actions import Action, bindings, find, footer
from tui.driver import Driver
from tui.plan import LANES, PANES
from tui.screens.confirm import Confirm, leave_losses, reset_losses, rollback_losses
from tui.screens.page import Page
from tui.state import LabState, Run
from tui.view import View
from tui.widgets import lanes, locks, sql, table, verdict, why
from tui.widgets.body import Body
from tui.widgets.footer import FooterLine
from tui.widgets.lines import LinesView
from tui.widgets.pane import Content, Pane

if TYPE_CHECKING:
    from tui.feed import Feed
    from tui.screens.setup import Setup

TITLES = {
    LANES: "Sessions",
    "locks": "Locks",
    "table": "Table",
    "sql": "SQL",
    "why": "Why",
    "verdict": "Verdict",
}
_SOURCES = {
    LANES: lanes.lines,
    "locks": locks.lines,
    "table": table.lines,
    "sql": sql.lines,
    "why": why.lines,
    "verdict": verdict.lines,
}
_FOLLOWING = (LANES, "sql")


class LabScreen(Page):
    """One lab, live or replayed. All it shows of the lab is a function of the stream so far."""

    SCOPE = "lab"
    CSS_PATH = "../styles/lab.tcss"
    BINDINGS = bindings("lab")

    class Left(Message):
        """The person wants to go back to the catalogue."""

    class Reopened(Message):
        """The person wants the same lab again, after its process ended."""

        def __init__(self, experiment: str) -> None:
            super().__init__()
            self.experiment = experiment

    def __init__(self, feed: Feed, experiment: str = "") -> None:
        """``experiment`` is selected as soon as the lab is open."""
        super().__init__()
        self._feed = feed
        self.choices = View(live=feed.source.live, experiment=experiment)
        self._driver = Driver(self.choices)
        self._run: Run | None = None
        """The run on the screen."""
        self._ended = False
        """Whether its end has been shown."""
        self._upkeep: object = None
        """The rollback or reset on the screen."""
        self._errors_shown = 0

    @property
    def state(self) -> LabState:
        """The stream so far."""
        return self._feed.state

    def parts(self) -> Iterable[Widget]:
        """Header, what is next, the panes, the latest message, footer."""
        yield LinesView(lambda width, _: [narration.header_line(self.state, self.choices, width)], classes="bar")
        yield LinesView(lambda *_: [narration.next_line(self.state, self.choices)], classes="line")
        self._body = Body({name: self._make_pane(name) for name in (LANES, *PANES)})
        yield self._body
        yield self.message()
        yield FooterLine(footer("lab"), self._possible)

    def said(self, width: int, height: int) -> list[Text]:
        """The latest thing worth saying."""
        return narration.message_lines(self.state, self.choices, width, height)

    def _make_pane(self, name: str) -> Pane:
        return Pane(name, TITLES, partial(self._content, name), follows=name in _FOLLOWING)

    def _content(self, name: str, width: int) -> Content:
        return _SOURCES[name](self.state, self.choices, width)

    # the stream

    def on_mount(self) -> None:
        """Show what the stream has said before this screen was there."""
        self.stream_moved(self._feed)

    def on_screen_resume(self) -> None:
        """Show what came while a window covered the lab."""
        self.redraw()

    def stream_moved(self, feed: Feed) -> None:
        """Show what is new, once, however many events came."""
        if feed is not self._feed:
            return
        self.choices.over = feed.over
        if command := self._driver.moved(self.state):
            self._send(command)
        self._follow_run()
        self.redraw()
        self._show_errors()

    def _follow_run(self) -> None:
        run = self.state.run
        if run is not self._run:
            self._run, self._ended = run, False
            self._body.start_afresh()
        if run is not None and run.ended is not None and not self._ended:
            self._ended = True
            self._body.show("verdict")
        if self.state.upkeep is not self._upkeep:
            self._upkeep = self.state.upkeep
            if self._upkeep is not None:
                self._body.show("verdict")

    def _show_errors(self) -> None:
        """Open a window for the latest error, and for the end of the lab's process."""
        errors = self.state.errors
        if len(errors) > self._errors_shown:
            self._errors_shown = len(errors)
            self._explain(errors[-1])
        elif self._feed.over and self._feed.source.ended:
            ended, self._feed.source.ended = self._feed.source.ended, ""
            self._explain(_lost(ended, live=self.choices.live))

    def _explain(self, error: ErrorReported) -> None:
        from tui.screens.error import ErrorDialog

        reopens = self.choices.live and (self._feed.over or self.state.lab is None)
        answered = self._reopen if reopens else None
        self.app.push_screen(ErrorDialog(error, "open the lab again" if reopens else "go on"), answered)

    def _reopen(self, yes: bool | None) -> None:
        if yes:
            self.post_message(self.Reopened(self.choices.experiment))

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

    def _possible(self, action: Action) -> bool:
        return action.refusal is None or not action.refusal(self.state, self.choices)

    def _can(self, action_id: str) -> bool:
        refusal = find(action_id).refusal
        reason = refusal(self.state, self.choices) if refusal else ""
        if reason:
            self.refuse(reason)
        return not reason

    def action_step(self) -> None:
        """Start the experiment stepped, or let the next statement go."""
        if self._can("step"):
            self._answer(self._driver.step(self.state))

    def action_step_lane(self) -> None:
        """Let the next statement of the chosen lane go."""
        if self._can("step_lane"):
            self._answer(self._driver.step(self.state, self.choices.lane))

    def action_run(self) -> None:
        """Run the experiment without stopping."""
        if self._can("run"):
            self._answer(self._driver.start(self.state, stepped=False))

    def action_play_on(self) -> None:
        """Let the stepped run go on by itself."""
        if self._can("play_on"):
            self._send(PlayOn())

    def action_cancel(self) -> None:
        """End the running experiment."""
        if self._can("cancel"):
            self._send(Cancel())

    def action_experiment(self, by: int) -> None:
        """Select another experiment."""
        if self._can("experiment.next"):
            self.choices.select(self.state, by)
            self._body.show("why")
            self.redraw()

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
        self.choices.experiment = setup.experiment
        self.choices.parameters = setup.parameters
        self.redraw()
        if setup.run:
            self.action_run()

    def action_roll_back(self) -> None:
        """Undo the latest experiment, after a question."""
        if self._can("roll_back"):
            question = Confirm("Roll back", rollback_losses(self.state), "u", "roll it back")
            self._ask(question, lambda: self._answer(self._driver.roll_back(self.state)))

    def action_reset(self) -> None:
        """Rebuild the schema, after a question."""
        if self._can("reset"):
            question = Confirm("Reset", reset_losses(self.state), "r", "reset the lab")
            self._ask(question, lambda: self._answer(self._driver.reset(self.state)))

    def action_back(self) -> None:
        """Go back to the catalogue; ask only when a transaction is open."""
        if self.choices.live and self.state.open_transactions and not self.choices.over:
            question = Confirm("Leave the lab", leave_losses(self.state), "y", "leave it")
            self._ask(question, lambda: self.post_message(self.Left()))
        else:
            self.post_message(self.Left())

    def _ask(self, question: Confirm, then: Callable[[], object]) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                then()

        self.app.push_screen(question, answered)

    def action_lane(self, by: int) -> None:
        """Choose another lane."""
        if not self._can("lane.right"):
            return
        names = list(self.state.sessions)
        chosen = self.choices.lane
        at = names.index(chosen) + by if chosen in names else (0 if by > 0 else -1)
        self.choices.lane = names[at % len(names)]
        self.redraw()

    # panes

    def action_show(self, pane: str) -> None:
        """Bring a pane to the front and make it the one that scrolls."""
        self._body.choose(pane)

    def action_pane(self, by: int) -> None:
        """Go to another pane."""
        self._body.choose_next(by)

    def on_pane_tab_chosen(self, event: Pane.TabChosen) -> None:
        """A pane's title was clicked."""
        self._body.choose(event.pane)

    def action_scroll(self, by: int) -> None:
        """Scroll the chosen pane by lines."""
        self._body.focused.scroll_lines(by)

    def action_page(self, by: int) -> None:
        """Scroll the chosen pane by its height."""
        self._body.focused.scroll_pages(by)

    def action_edge(self, direction: int) -> None:
        """Go to an end of the chosen pane."""
        self._body.focused.scroll_edge(direction)


def _lost(ended: str, *, live: bool) -> ErrorReported:
    if not live:
        return ErrorReported(title="The recording cannot be replayed", cause=ended, remedy="")
    return ErrorReported(
        title="The lab's process is gone",
        cause=f"{ended} The server has rolled back every transaction that it had open.",
        remedy="Enter opens the lab again. What was committed is still there; a rollback can undo it.",
    )
