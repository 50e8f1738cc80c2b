"""The application: composes, routes, exits."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TextIO

from labs.stream.terminal import look
from tui import themes
from tui.actions import bindings, keymap
from tui.glyphs import PlainGlyphs
from tui.line.paced import PacedApp
from tui.screens.catalogue import CatalogueScreen
from tui.screens.page import Page, too_small
from tui.sources import Sources
from tui.tour.tour import Tour, refusal

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.command import Provider
    from textual.filter import LineFilter

    from labs.stream.terminal import Look
    from tui.backend import Source
    from tui.feed import Feed
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
        fixed_look: Look | None = None,
    ) -> None:
        """What `open_runner` makes is a process for one lab, on the engine of that name or on the one that was asked
        for where it is empty; what `open_replay` makes is shown instead, if given. In the folder `recordings` one is
        kept of every lab, if given. ``quiet`` is for slow lines. The look is this terminal's, if
        none is given."""
        encoding = getattr(sys.__stderr__, "encoding", None) or "utf-8"
        self._look = fixed_look or look(os.environ, encoding)
        super().__init__(quiet=quiet, ansi_color=True if self._look.colours == "none" else None)
        for one in themes.THEMES.values():
            self.register_theme(one)
        self.theme = themes.fitting(self._look, theme)
        self.set_keymap(keymap())
        self._reversal = themes.Reversal(enabled=self._look.colours == "none")
        self._glyphs = PlainGlyphs(self._look.glyphs, encoding)
        self.sentence = ""
        self.tour = Tour()
        self.sources = Sources(
            open_runner, recordings, self.pace, moved=self._moved, tell=self._tell, failed=self._handle_exception
        )
        self._open_replay = open_replay
        self._recordings = recordings
        self._lab = ""
        self._left: dict[str, str] = {}
        """By lab, the experiment that was on the screen when it was left."""
        self._wanted_exit: tuple[int, str] | None = None
        self._started = False

    # life

    def get_default_screen(self) -> Page:
        """The catalogue is beneath everything else; a recording has nothing beneath it."""
        if self._open_replay is None:
            return CatalogueScreen(self._recordings)
        return self._replay(self._open_replay())

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

    def _fatal_error(self) -> None:
        """Close after a defect: the trace goes to the log, a sentence to the person."""
        self._close_defective(lambda log: traceback.print_exception(self._exception, file=log))

    def panic(self, *renderables: RenderableType) -> None:
        """Close after a defect that is told in words of Textual's."""
        from rich.console import Console

        self._return_code = 1
        self._close_defective(lambda log: Console(file=log).print(*renderables))

    def _close_defective(self, tell: Callable[[TextIO], None]) -> None:
        from tui.backend import log_path

        path = log_path()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as log:
                tell(log)
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
        gc.freeze()  # What there is by now stays: to look through it for garbage takes as long as to answer a key.
        if self.sources.feed is None:
            self.sources.warm()

    def _moved(self, feed: Feed) -> None:
        if self.is_running:
            for page in self._pages():
                page.stream_moved(feed)

    def _tell(self, sentence: str) -> None:
        """Say something on the uppermost screen."""
        if self.is_running:
            self._pages()[-1].tell(sentence)

    def _pages(self) -> list[Page]:
        return [screen for screen in self.screen_stack if isinstance(screen, Page)]

    # routes

    def on_catalogue_screen_chosen(self, event: CatalogueScreen.Chosen) -> None:
        """Open a lab, at the experiment that it was left at."""
        self._open(event.lab, self._left.get(event.lab, ""), way=event.way)

    def on_details_picked(self, event: Details.Picked) -> None:
        """Show a recording over the catalogue."""
        from tui.backend import Replay

        self.push_screen(self._replay(Replay(event.path)))

    def on_replay_screen_left(self) -> None:
        """Back to the catalogue; where there is none, a recording is all there is."""
        if self._open_replay is not None:
            self.leave(0)
        elif self.sources.player is not None:
            self.sources.close_recording()
            self.pop_screen()

    def on_lab_screen_left(self, event: LabScreen.Left) -> None:
        """Back to the catalogue: the lab's process ends, and another one is made ready."""
        self._left[self._lab] = event.experiment
        self._close_lab()

    def on_lab_screen_reopened(self, event: LabScreen.Reopened) -> None:
        """Open the same lab again, in another process."""
        self._close_lab()
        self._open(self._lab, event.experiment)

    def _open(self, lab: str, experiment: str = "", way: Resumption | None = None) -> None:
        self._lab = lab
        from tui.screens.lab import LabScreen

        feed = self.sources.ready()
        self.push_screen(LabScreen(feed, experiment, way))
        self.run_worker(self._ask_for(lab, feed), exit_on_error=False)

    async def _ask_for(self, lab: str, feed: Feed) -> None:
        """Open the lab when the process that had it before has let go of it."""
        from labs.stream.commands import OpenLab

        await self.sources.ended()
        await feed.send(OpenLab(lab=lab))

    def _close_lab(self) -> None:
        self.sources.warm()
        self.pop_screen()

    def _replay(self, source: Source) -> Page:
        """A screen for a recording."""
        from tui.screens.replay import ReplayScreen

        return ReplayScreen(self.sources.play(source))

    # keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """On a terminal that is too small there is nothing to do but to leave."""
        return action in ("leave", "interrupt", "suspend") or not too_small(self.size)

    async def action_leave(self) -> None:
        """Quit; ask only when something runs."""
        from tui.screens.confirm import Confirm, leave_losses

        feed = self.sources.feed
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
            elif reason := refusal(self.screen.scene()):
                self.screen.refuse(reason)
            else:
                self.tour.start()
            self.screen.redraw()

    def action_help(self) -> None:
        """Show the keys of this screen."""
        from tui.screens.help import HelpDialog

        if isinstance(self.screen, Page):
            self.push_screen(HelpDialog(self.screen.SCOPES))
