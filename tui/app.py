"""The application: composes, routes, exits."""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from labs.stream.terminal import look
from tui import themes
from tui.actions import bindings, keymap
from tui.glyphs import PlainGlyphs
from tui.line.paced import PacedApp
from tui.screens.catalogue import CatalogueScreen
from tui.screens.page import Page, too_small
from tui.tour.tour import Tour

if TYPE_CHECKING:
    from textual.command import Provider
    from textual.filter import LineFilter

    from tui.backend import Source
    from tui.feed import Feed
    from tui.player import Player
    from tui.recordings.resume import Resumption
    from tui.screens.lab import LabScreen
    from tui.widgets.details import Details


def _palette() -> type[Provider]:
    from tui.palette import Actions

    return Actions


class NinelabsApp(PacedApp, inherit_bindings=False):
    """The screen of the nine labs. ``sentence`` says, after it has closed, why it did; empty when all went well."""

    TITLE = "ninelabs"
    CSS_PATH = "styles/app.tcss"
    BINDINGS = bindings("everywhere")
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_palette}

    def __init__(
        self,
        open_runner: Callable[[str], Source],
        open_replay: Callable[[], Source] | None = None,
        *,
        recordings: Path | None = None,
        theme: str = "auto",
        quiet: bool = False,
    ) -> None:
        """What `open_runner` makes is a process for one lab, on the engine of that name or on the one that was asked
        for where it is empty; what `open_replay` makes is shown instead, if given. In the folder `recordings` one is
        kept of every lab, if given. ``quiet`` is for slow lines."""
        encoding = getattr(sys.__stderr__, "encoding", None) or "utf-8"
        self._look = look(os.environ, encoding)
        super().__init__(quiet=quiet, ansi_color=True if self._look.colours == "none" else None)
        for one in themes.THEMES.values():
            self.register_theme(one)
        self.theme = themes.fitting(self._look, theme)
        self.set_keymap(keymap())
        self._reversal = themes.Reversal(enabled=self._look.colours == "none")
        self._glyphs = PlainGlyphs(self._look.glyphs, encoding)
        self.sentence = ""
        self.tour = Tour()
        self._open_runner = open_runner
        self._open_replay = open_replay
        self._recordings = recordings
        self._feed: Feed | None = None
        """The lab that is open, or the process that is ready for one."""
        self._player: Player | None = None
        """The recording that is open."""
        self._lab = ""
        self._retiring: dict[asyncio.Task[None], Feed] = {}
        self._wanted_exit: tuple[int, str] | None = None
        self._started = False

    # life

    def get_default_screen(self) -> Page:
        """The catalogue is beneath everything else; a recording has nothing beneath it."""
        if self._open_replay is None:
            return CatalogueScreen(self._recordings)
        return self._play(self._open_replay())

    def on_mount(self) -> None:
        """Everything that costs time comes after the catalogue is painted."""
        self._started = True
        if self._wanted_exit is not None:
            self.leave(*self._wanted_exit)
            return
        if self._open_replay is None:
            self.call_after_refresh(self._warm_up)

    def leave(self, status: int, sentence: str = "") -> None:
        """Close the screen and end with that status; also before it has opened."""
        if not self._started:
            self._wanted_exit = (status, sentence)
            return
        self.sentence = self.sentence or sentence
        self.exit(return_code=status)

    async def close_sources(self) -> None:
        """See every source out. To be called when the screen is closed."""
        for feed in (self._feed, self._player):
            if feed is not None:
                self._retire(feed)
        if self._retiring:
            await asyncio.wait(self._retiring)

    def kill_sources(self) -> None:
        """End every source at once."""
        if self._feed is not None:
            self._feed.source.kill()
        for feed in self._retiring.values():
            feed.source.kill()

    def _fatal_error(self) -> None:
        """Close after a defect: the trace goes to the log, a sentence to the person."""
        from tui.backend import log_path

        path = log_path()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as log:
                traceback.print_exception(self._exception, file=log)
            self.sentence = f"ninelabs has a defect and had to close; {path} has the details."
        except OSError:
            self.sentence = "ninelabs has a defect and had to close."
        self._close_messages_no_wait()

    # the look

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every line on the screen goes through, whoever drew it."""
        # What is reversed is so because of the colours that Textual's own filters take away.
        return [one for one in (self._reversal, *super().get_line_filters(), self._glyphs) if one.enabled]

    def action_theme(self) -> None:
        """Go on to the next theme."""
        if self._look.colours == "none":
            if isinstance(self.screen, Page):
                self.screen.refuse("NO_COLOR is set: there are no colours to choose.")
        else:
            self.theme = themes.after(self.theme, self._look)

    # the stream

    def _warm_up(self) -> None:
        """Have the first runner ready, unless somebody has been so quick as to open a lab before."""
        if self._feed is None:
            self._warm()

    def _warm(self) -> Feed:
        """Have a runner ready for the lab that will be opened, on the engine that the one before was on."""
        from tui.feed import Feed

        engine = self._feed.state.engine if self._feed is not None else None
        source = self._open_runner(engine.engine if engine is not None else "")
        if self._recordings is not None:
            from tui.recordings.recorded import Recorded

            source = Recorded(source, self._recordings, self._tell)
        self._feed = feed = Feed(source, self._moved, self.pace)
        feed.task.add_done_callback(self._read_to_end)
        return feed

    def _moved(self, feed: Feed) -> None:
        if feed in (self._feed, self._player) and self.is_running:
            for page in self._pages():
                page.stream_moved(feed)

    def _tell(self, sentence: str) -> None:
        """Say something on the uppermost screen."""
        if self.is_running:
            self._pages()[-1].tell(sentence)

    def _pages(self) -> list[Page]:
        return [screen for screen in self.screen_stack if isinstance(screen, Page)]

    def _play(self, source: Source) -> Page:
        """A screen for a recording."""
        from tui.player import Player
        from tui.screens.replay import ReplayScreen

        self._player = player = Player(source, self._moved, self.pace)
        player.task.add_done_callback(self._read_to_end)
        return ReplayScreen(player)

    def _read_to_end(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._handle_exception(error)

    def _retire(self, feed: Feed) -> None:
        task = asyncio.create_task(feed.close(), name="retiring")
        self._retiring[task] = feed
        task.add_done_callback(self._retiring.pop)

    # routes

    def on_catalogue_screen_chosen(self, event: CatalogueScreen.Chosen) -> None:
        """Open a lab."""
        self._open(event.lab, way=event.way)

    def on_details_picked(self, event: Details.Picked) -> None:
        """Show a recording over the catalogue."""
        from tui.backend import Replay

        self.push_screen(self._play(Replay(event.path)))

    def on_replay_screen_left(self) -> None:
        """Back to the catalogue; where there is none, a recording is all there is."""
        if self._open_replay is not None:
            self.leave(0)
        elif self._player is not None:
            self._retire(self._player)
            self._player = None
            self.pop_screen()

    def on_lab_screen_left(self) -> None:
        """Back to the catalogue: the lab's process ends, and another one is made ready."""
        self._close_lab()

    def on_lab_screen_reopened(self, event: LabScreen.Reopened) -> None:
        """Open the same lab again, in another process."""
        self._close_lab()
        self._open(self._lab, event.experiment)

    def _open(self, lab: str, experiment: str = "", way: Resumption | None = None) -> None:
        self._lab = lab
        feed = self._feed
        if feed is None or feed.over:
            feed = self._warm()
        self._show_lab(feed, experiment, way)
        self.run_worker(self._ask_for(lab, feed), exit_on_error=False)

    async def _ask_for(self, lab: str, feed: Feed) -> None:
        """Open the lab when the process that had it before has let go of it."""
        from labs.stream.commands import OpenLab

        if self._retiring:
            await asyncio.wait(set(self._retiring))
        await feed.send(OpenLab(lab=lab))

    def _show_lab(self, feed: Feed, experiment: str, way: Resumption | None) -> None:
        from tui.screens.lab import LabScreen

        self.push_screen(LabScreen(feed, experiment, way))

    def _close_lab(self) -> None:
        old = self._feed
        # The new process comes first, so that a server of our own is never without a user in between.
        self._warm()
        if old is not None:
            self._retire(old)
        self.pop_screen()

    # keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """On a terminal that is too small there is nothing to do but to leave."""
        return action in ("leave", "interrupt", "suspend") or not too_small(self.size)

    async def action_leave(self) -> None:
        """Quit; ask only when something runs."""
        from tui.screens.confirm import Confirm, leave_losses

        feed = self._feed
        losses = leave_losses(feed.state) if feed and feed.source.live and not feed.over else []
        if not losses:
            self.leave(0)
        else:
            self.push_screen(Confirm("Quit", losses, "quit", "stay here"), lambda yes: self.leave(0) if yes else None)

    def action_interrupt(self) -> None:
        """Quit at once."""
        self.leave(130, "Interrupted.")

    def action_tour(self) -> None:
        """Show the person round, or end the tour."""
        if isinstance(self.screen, Page):
            if self.tour.on:
                self.tour.stop()
            else:
                self.tour.start(self.screen.scene())
            self.screen.redraw()

    def action_help(self) -> None:
        """Show the keys of this screen."""
        from tui.screens.help import HelpDialog

        if isinstance(self.screen, Page):
            self.push_screen(HelpDialog(self.screen.SCOPES))
