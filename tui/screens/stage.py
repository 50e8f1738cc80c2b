"""What a live and a replayed lab share: the stream in panes, and the keys that move them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from rich.text import Text
from textual.widget import Widget

from labs.stream.events import ErrorReported
from tui import header, narration
from tui.action import Action
from tui.actions import find, footer
from tui.driver import STARTING
from tui.plan import LANES, PANES
from tui.screens.page import Page
from tui.state import LabState, Run
from tui.view import View
from tui.widgets import lanes, locks, matrix, sql, table, verdict, why
from tui.widgets.body import Body
from tui.widgets.footer import FooterLine
from tui.widgets.lines import LinesView
from tui.widgets.pane import Content, Pane

if TYPE_CHECKING:
    from tui.feed import Feed

ORDERS = "Orders"
TITLES = {
    LANES: "Sessions",
    "locks": "Locks",
    "table": "Table",
    "sql": "SQL",
    "why": "Why",
    "verdict": "Verdict",
}
_SOURCES = {
    "locks": locks.lines,
    "table": table.lines,
    "sql": sql.lines,
    "why": why.lines,
    "verdict": verdict.lines,
}
_FOLLOWING = (LANES, "sql")


class Stage(Page):
    """One lab. All it shows of it is a function of the stream so far."""

    def __init__(self, feed: Feed, experiment: str = "") -> None:
        """``experiment`` is selected as soon as the lab is open."""
        super().__init__()
        self._feed = feed
        self.choices = View(live=feed.source.live, experiment=experiment)
        self._titles = dict(TITLES)
        self._run: tuple[str, float] | None = None
        """The run on the screen."""
        self._front: tuple[object, ...] = ()
        """The pane that the stream has brought to the front, and at what."""
        self._chosen = False
        """Whether the person has chosen a pane since the run began."""
        self._errors_shown = 0

    @property
    def state(self) -> LabState:
        """The stream so far."""
        return self._feed.state

    def parts(self) -> Iterable[Widget]:
        """Header, what is next, the panes, the latest message, footer."""
        yield LinesView(lambda width, _: [header.header_line(self.state, self.choices, width)], classes="bar")
        yield LinesView(lambda width, _: [narration.next_line(self.state, self.choices, width)], classes="line")
        self._body = Body({name: self._make_pane(name) for name in (LANES, *PANES)})
        yield self._body
        yield self.message()
        yield FooterLine(footer(*self.SCOPES), self._possible)

    def said(self, width: int, height: int) -> list[Text]:
        """The latest thing worth saying."""
        return narration.message_lines(self.state, self.choices, width, height)

    def _make_pane(self, name: str) -> Pane:
        return Pane(name, self._titles, partial(self._content, name), follows=name in _FOLLOWING)

    def _content(self, name: str, width: int, height: int) -> Content:
        if name != LANES:
            return _SOURCES[name](self.state, self.choices, width)
        self._titles[LANES] = ORDERS if self._explored else TITLES[LANES]
        if self._explored:
            return matrix.lines(self.state, self.choices, width)
        return lanes.lines(self.state, self.choices, width, height)

    @property
    def _explored(self) -> bool:
        """Whether what came of many orders stands where the sessions do."""
        return bool(self.state.matrix) and not self.state.sessions and not self.choices.last(self.state)

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
        self.follow()
        self._follow_run()
        self.redraw()
        self._show_errors()

    def follow(self) -> None:
        """Keep the choices possible after events came."""
        self.choices.follow(self.state)

    def redraw(self) -> None:
        """Repaint what differs, and give the panes the height that they need."""
        super().redraw()
        self._body.settle(lanes_first=self._explored, growing=self.state.running)

    def _follow_run(self) -> None:
        run = self.state.run
        key = (run.experiment, run.started_at) if run is not None else None
        if key != self._run:
            self._run, self._chosen = key, False
            self._body.start_afresh()
            self.forget_refusal()
        front = self._wanted(run)
        if front != self._front:
            self._front = front
            pane = front[0] if front else ""
            if isinstance(pane, str) and pane and (pane == "verdict" or not self._chosen):
                self._body.show(pane)
                self.forget_refusal()

    def _wanted(self, run: Run | None) -> tuple[object, ...]:
        """The pane that teaches most now, and what it is about."""
        upkeep = self.state.upkeep
        if self.choices.asked == STARTING:
            return self._front
        if upkeep is not None:
            return ("verdict", upkeep.t)
        if run is None:
            return ("why",) if self.state.lab is not None else ()
        if run.ended is not None:
            return ("verdict", run.started_at)
        return ("locks" if self.state.waiting else "table", run.started_at)

    def _show_errors(self) -> None:
        """Open a window for the latest error, and for the end of the stream."""
        errors = self.state.errors
        if len(errors) > self._errors_shown:
            self._explain(errors[-1])
        elif self._feed.over and self._feed.source.ended:
            ended, self._feed.source.ended = self._feed.source.ended, ""
            self._explain(self.lost(ended))
        self._errors_shown = len(errors)

    def lost(self, ended: str) -> ErrorReported:
        """The stream's end, as an error."""
        raise NotImplementedError

    def _explain(self, error: ErrorReported) -> None:
        from tui.screens.error import ErrorDialog

        offer, answered = self.offer()
        self.app.push_screen(ErrorDialog(error, offer), answered)

    def offer(self) -> tuple[str, Callable[[bool | None], None] | None]:
        """What Enter does at an error, in words and in deed."""
        return "go on", None

    def _possible(self, action: Action) -> bool:
        return action.refusal is None or not action.refusal(self.state, self.choices)

    def _can(self, action_id: str) -> bool:
        refusal = find(action_id).refusal
        reason = refusal(self.state, self.choices) if refusal else ""
        if reason:
            self.refuse(reason)
        return not reason

    # panes

    def action_show(self, pane: str) -> None:
        """Bring a pane to the front and make it the one that scrolls."""
        self._choose(pane)

    def action_pane(self, by: int) -> None:
        """Go to another pane."""
        self._chosen = True
        self._body.choose_next(by)
        self._body.settle(lanes_first=self._explored, growing=self.state.running)

    def on_pane_tab_chosen(self, event: Pane.TabChosen) -> None:
        """A pane's title was clicked."""
        self._choose(event.pane)

    def _choose(self, pane: str) -> None:
        self._chosen = True
        self._body.choose(pane)
        self._body.settle(lanes_first=self._explored, growing=self.state.running)

    def action_scroll(self, by: int) -> None:
        """Scroll the chosen pane by lines."""
        self._body.focused.scroll_lines(by)

    def action_page(self, by: int) -> None:
        """Scroll the chosen pane by its height."""
        self._body.focused.scroll_pages(by)

    def action_edge(self, direction: int) -> None:
        """Go to an end of the chosen pane."""
        self._body.focused.scroll_edge(direction)
