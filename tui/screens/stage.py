"""What a live and a replayed lab share: the stream in panes, and the keys that move them."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.widget import Widget

from labs.stream.events import AnomalyMeasured, ErrorReported, OrdersExplored
from tui import header, narration
from tui.action import Action
from tui.actions import find, footer, keys_of
from tui.driver import STARTING
from tui.plan import ANOMALIES, CHART, ERRORS, LANES, ORDERS, PANES, TOPS, VERSIONS
from tui.screens.page import COPIED_CELLS, Page
from tui.state import LabState, Run
from tui.survey import Survey
from tui.tour.tour import Scene
from tui.view import View
from tui.widgets import anomalies, chart, errors, grid, lanes, locks, matrix, sql, table, verdict, why
from tui.widgets.body import Body
from tui.widgets.footer import FooterLine
from tui.widgets.lines import LinesView
from tui.widgets.pane import Content, Pane
from tui.widgets.timeline import timeline

if TYPE_CHECKING:
    from tui.export.form import Form
    from tui.feed import Feed

TITLES = {
    LANES: "Sessions",
    ORDERS: "Orders",
    ANOMALIES: "Anomalies",
    VERSIONS: "Versions",
    CHART: "Chart",
    ERRORS: "Error",
    "locks": "Locks",
    "table": "Table",
    "sql": "SQL",
    "why": "Why",
    "verdict": "Verdict",
}
_SOURCES = {
    ORDERS: matrix.lines,
    ANOMALIES: anomalies.lines,
    CHART: chart.lines,
    "locks": locks.lines,
    "table": table.lines,
    "sql": sql.lines,
    "why": why.lines,
    "verdict": verdict.lines,
}
_COMES = {
    ORDERS: "it comes with an experiment that runs every order",
    ANOMALIES: "it comes with the experiment that measures the anomalies",
    CHART: "it comes with an experiment that measures figures, such as one under load",
    VERSIONS: "it comes with an experiment that keeps versions of a row",
    ERRORS: "nothing has gone wrong",
}
"""When the panes come that are not always there."""
_FOLLOWING = (LANES, "sql")
_AS_HIGH = (LANES, VERSIONS)
"""What they show depends on how high they are."""
PAGE_CELLS = 5
"""How many cells a cursor goes by a page key."""
COPIED_LANE_CELLS = 40
"""How wide each session's lane is in a copy, at least."""


class Stage(Page):
    """One lab. All it shows of it is a function of the stream so far."""

    def __init__(self, feed: Feed, experiment: str = "") -> None:
        """``experiment`` is selected as soon as the lab is open."""
        super().__init__()
        self._feed = feed
        self._present = View(live=feed.source.live, experiment=experiment)
        self._past: View | None = None
        self._run: tuple[str, float] | None = None
        """The run on the screen."""
        self._front: tuple[object, ...] = ()
        """The pane that the stream has brought to the front, and at what."""
        self._top: tuple[str, tuple[str, float] | None] = (LANES, None)
        """The pane that it has brought to the front in the lanes' place, and at which run."""
        self._chosen = False
        """Whether the person has chosen a pane since the run began."""
        self._known = tuple(feed.state.errors)
        """What went wrong before the lab was opened, and was explained where it did."""
        self._ended: ErrorReported | None = None
        """The end of the stream, where it was not meant to end."""
        self._error: ErrorReported | None = None
        """The latest one that was brought to the front."""
        self._frame: dict[tuple[str, int, int], Content] = {}
        """What the panes have to show, by name, width, and height where that matters; good until the next redraw."""

    @property
    def state(self) -> LabState:
        """The stream so far, or as far as the person has gone back."""
        return self._feed.shown

    @property
    def choices(self) -> View:
        """What the person has chosen for what is shown: the past is looked at like a recording."""
        return self._past or self._present

    def parts(self) -> Iterable[Widget]:
        """Header, what is next, the panes, the latest message, footer."""
        yield LinesView(
            lambda width, _: [header.header_line(self.state, self.choices, width, self.rate)], classes="bar"
        )
        yield LinesView(lambda width, _: [narration.next_line(self.state, self.choices, width)], classes="line")
        self._body = Body({name: self._make_pane(name) for name in (*TOPS, *PANES)})
        yield self._body
        yield self.guide()
        yield self.message()
        yield FooterLine(footer(*self.SCOPES), self._possible)

    def scene(self) -> Scene:
        """The lab, as far as the tour is concerned."""
        lab = self.state.lab.lab if self.state.lab else ""
        return Scene(lab, self.state, self.choices, self._body.focused.pane)

    def said(self, width: int, height: int) -> list[Text]:
        """The latest thing worth saying."""
        return narration.message_lines(self.state, self.choices, width, height)

    def _make_pane(self, name: str) -> Pane:
        return Pane(name, TITLES, partial(self._content, name), follows=name in _FOLLOWING)

    def _content(self, name: str, width: int, height: int) -> Content:
        """What a pane has to show; asked for several times a frame, and made once."""
        frame = (name, width, height if name in _AS_HIGH else 0)
        if frame not in self._frame:
            self._frame[frame] = self._made(name, width, height)
        return self._frame[frame]

    def _made(self, name: str, width: int, height: int) -> Content:
        if name == ERRORS:
            return errors.lines(self.errors, self.offers(), width)
        if name == VERSIONS:
            return timeline.lines(self.state, self.choices, width, height)
        if name != LANES:
            return _SOURCES[name](self.state, self.choices, width)
        return lanes.lines(self.state, self.choices, width, height)

    @property
    def surveys(self) -> dict[str, Survey[Any]]:
        """Of the panes that show cells, those that have any."""
        surveys: dict[str, Survey[Any]] = {
            ORDERS: self.state.orders,
            ANOMALIES: self.state.anomalies,
            VERSIONS: self.state.versions,
        }
        return {name: survey for name, survey in surveys.items() if survey.cells}

    @property
    def errors(self) -> list[ErrorReported]:
        """What has gone wrong in what is shown, and how the stream ended, if that is an error."""
        ended = [self._ended] if self._ended and not self._feed.in_past else []
        known = () if self.state.lab is None else self._known
        return [*(error for error in self.state.errors if error not in known), *ended]

    # the stream

    def on_mount(self) -> None:
        """Show what the stream has said before this screen was there."""
        self.stream_moved(self._feed)

    def on_screen_resume(self) -> None:
        """Show what came while a window covered the lab."""
        self.redraw()

    def stream_moved(self, feed: Feed) -> None:
        """Show what is new, once, however many events came."""
        if feed is self._feed:
            self.catch_up()
            self.redraw()

    def catch_up(self) -> None:
        """Follow all that has come, before there is news of it: a key is meant for it, and so is the answer."""
        feed = self._feed
        self._present.over = feed.over
        if feed.over and feed.source.ended and self._ended is None:
            self._ended = self.lost(feed.source.ended)
        self.follow()
        self._follow_run()
        self._follow_errors()

    def follow(self) -> None:
        """Keep the choices possible after events came, or when another step is shown."""
        feed = self._feed
        if not feed.in_past or not feed.source.live:
            self._past = None
        elif self._past is None:
            self._past = View(live=False, over=True, past=True, cells=dict(self._present.cells))
        view = self.choices
        view.step, view.steps, view.coming = feed.at + 1, feed.tape.steps, feed.coming
        view.follow(self.state)

    def redraw(self) -> None:
        """Repaint what differs, and give the panes the height that they need."""
        self._frame.clear()
        focused = self._body.focused.pane
        self.choices.choosing = focused if focused in self.surveys else ""
        super().redraw()
        self._settle()

    def _settle(self) -> None:
        self._body.settle(lanes_first=self._body.top != LANES, growing=self.state.running)

    def _follow_run(self) -> None:
        run = self.state.run
        key = (run.experiment, run.started_at) if run is not None else None
        if key != self._run:
            self._run, self._chosen = key, False
            self._body.start_afresh()
            self.forget_refusal()
        self._follow_survey(run)
        front = self._wanted(run)
        if front != self._front:
            self._front = front
            pane = front[0] if front else ""
            if isinstance(pane, str) and pane and (pane == "verdict" or not self._chosen):
                self._body.show(pane)
                self.forget_refusal()

    def _follow_survey(self, run: Run | None) -> None:
        """Let a run that fills in cells, or a chart, show them where the sessions would be; any other its sessions."""
        surveys = self.surveys
        if not self.state.measured.empty:
            surveys[CHART] = self.state.measured.figures
        offered = {LANES, *surveys, *[ERRORS] * bool(self.errors)}
        if not self.choices.live:
            # It will have something to show again, further on.
            offered |= {self._body.focused.pane} & set(TOPS)
        self._body.offer([name for name in TOPS if name in offered])
        filled = (name for name, survey in surveys.items() if run is not None and survey.run is run)
        top = (next(filled, LANES), self._run)
        if top != self._top:
            self._top = top
            self.choices.cells.pop(top[0], None)
            if top[0] == LANES or self._chosen:
                self._body.show(top[0])
            else:
                self._body.choose(top[0])

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

    def _follow_errors(self) -> None:
        """Bring the latest error to the front, once."""
        latest = self.errors[-1] if self.errors else None
        if latest is not self._error:
            self._error = latest
            if latest is not None:
                self._body.choose(ERRORS)

    # As in `Dialog`, the type checker stands in for ABC.
    @abstractmethod
    def lost(self, ended: str) -> ErrorReported:
        """The stream's end, as an error."""

    def offers(self) -> Sequence[tuple[str, str]]:
        """Keys that help after an error, each with what it does."""
        return [(keys_of("show.lanes"), "sessions")]

    def _possible(self, action: Action) -> bool:
        return action.refusal is None or not action.refusal(self.state, self.choices)

    def _can(self, action_id: str) -> bool:
        self.catch_up()
        refusal = find(action_id).refusal
        reason = refusal(self.state, self.choices) if refusal else ""
        if reason:
            self.refuse(reason)
        return not reason

    # panes

    def action_show(self, pane: str) -> None:
        """Bring a pane to the front and make it the one that scrolls."""
        if pane in TOPS and not self._body.offers(pane):
            self.refuse(f"There is nothing to show yet under {TITLES[pane]}: {_COMES[pane]}.")
        else:
            self._choose(pane)

    def action_copy(self) -> None:
        """Copy all of the chosen pane."""
        self.copy(self._body.focused.text(max(COPIED_CELLS, COPIED_LANE_CELLS * len(self.state.sessions))))

    def action_export(self) -> None:
        """Ask in which form to export what is shown."""
        from tui.screens.export import ExportDialog

        self.app.push_screen(ExportDialog(), self._export_as)

    def _export_as(self, form: Form | None) -> None:
        if form is not None:
            # The window is no part of the picture.
            self.call_after_refresh(lambda: self.run_worker(self._export(form), group="export"))

    async def _export(self, form: Form) -> None:
        from tui.export.form import told

        self.forget_refusal()
        picture = self._picture() if form == "svg" else ""
        # A long run takes seconds to write, and meanwhile goes on.
        done, sentence = await asyncio.to_thread(told, form, deepcopy(self.state), lambda: picture)
        (self.tell if done else self.refuse)(sentence)

    def _picture(self) -> str:
        from tui.export.svg import self_contained

        return self_contained(self.app.export_screenshot(simplify=True))

    def action_zoom(self) -> None:
        """Give the chosen pane all the room, or the others theirs again."""
        self._chosen = True
        self._body.zoom()
        self.redraw()

    def action_pane(self, by: int) -> None:
        """Go to another pane."""
        self._chosen = True
        self._body.choose_next(by)
        self.redraw()

    def on_pane_tab_chosen(self, event: Pane.TabChosen) -> None:
        """A pane's title was clicked."""
        self._choose(event.pane)

    def _choose(self, pane: str) -> None:
        self._chosen = True
        self._body.choose(pane)
        self.redraw()

    def action_scroll(self, by: int) -> None:
        """Scroll the chosen pane by lines; in a table of cells, go down."""
        if not self.move_cell(0, by):
            self._body.focused.scroll_lines(by)

    def action_page(self, by: int) -> None:
        """Scroll the chosen pane by its height."""
        if not self.move_cell(0, by * PAGE_CELLS):
            self._body.focused.scroll_pages(by)

    def action_edge(self, direction: int) -> None:
        """Go to an end of the chosen pane."""
        pane = self._body.focused
        if not self.move_cell(0, direction * len(pane.spots)):
            pane.scroll_edge(direction)

    def move_cell(self, right: int, down: int) -> bool:
        """Move the cursor of the chosen pane; whether it has one."""
        pane = self._body.focused
        if pane.cursor is None:
            return False
        self.choices.cells[pane.pane] = grid.moved(pane.spots, pane.cursor, right, down)
        self.redraw()
        return True

    def cell(self) -> OrdersExplored | AnomalyMeasured | None:
        """The cell that the chosen pane's cursor is on."""
        pane = self._body.focused
        if pane.cursor is None or pane.pane not in self.surveys:
            return None
        found: OrdersExplored | AnomalyMeasured | None = self.surveys[pane.pane].cells.get(pane.cursor.key)
        return found
