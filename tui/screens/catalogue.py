"""The first screen: the labs, the question each one answers, and how the server is."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.containers import Container
from textual.message import Message
from textual.widget import Widget

from labs.catalogue import CATALOGUE, Entry, all_labs
from tui.action import Action
from tui.actions import bindings, footer, keys_of
from tui.screens.page import COPIED_CELLS, Found, Page
from tui.text import clean, plural, spread, styled, wrap
from tui.widgets.details import Details
from tui.widgets.footer import FooterLine
from tui.widgets.lines import LinesView
from tui.widgets.shelf import SPACIOUS_LINES, Entries, Shelf, detail_lines, entry_lines

if TYPE_CHECKING:
    from tui.feed import Feed
    from tui.recordings.resume import Resumption


AGAIN_S = 3.0
"""How often the recordings are looked at again while one is being written: whoever writes it may end, or be killed."""
LOW_LINES = 20
"""On a screen lower than this, the recordings are shown in the place of the labs, not beneath them."""


class CatalogueScreen(Page):
    """The nine labs, and those of other packages."""

    SCOPES = ("catalogue",)
    TITLE = "ninelabs"
    BINDINGS = bindings("catalogue")

    class Chosen(Message):
        """A lab is to be opened; with a ``way``, to go on with a run that was broken off."""

        def __init__(self, lab: str, way: Resumption | None = None) -> None:
            super().__init__()
            self.lab = lab
            self.way = way

    def __init__(self, recordings: Path | None = None) -> None:
        """In that folder are the recordings, if any are kept."""
        super().__init__()
        self._folder = recordings
        self._version = ""
        self._feed: Feed | None = None
        self._shelf = Shelf.of(CATALOGUE)
        self._cursor = self._shelf.built.index(True) if any(self._shelf.built) else 0

    def on_mount(self) -> None:
        """What takes time to find out comes after the first paint."""
        self.call_after_refresh(self._look_around)

    def _look_around(self) -> None:
        """Which version this is, and which labs other packages have."""
        from importlib.metadata import version

        self._version = version("ninelabs")
        self._shelf = Shelf.of(all_labs())
        self.query_one(Entries).refresh(layout=True)
        self.redraw()
        self.run_worker(self._look_first(), group="recordings", exclusive=True)
        self.set_interval(AGAIN_S, self._look_again)

    async def _look_first(self) -> None:
        """See what is kept; a lab whose run was broken off last is selected, unless the person has chosen one."""
        at = self._cursor
        await self._details.look()
        latest = next((one for one in self._details.found if not one.problem), None)
        slugs = [entry.slug for entry in self._shelf.entries]
        if latest is not None and latest.broken_off and latest.lab in slugs and self._cursor == at and self.in_sight:
            self._select(slugs.index(latest.lab))

    def parts(self) -> Iterable[Widget]:
        """Header, list, details, footer."""
        yield LinesView(self._header, classes="bar")
        yield LinesView(self._rule, classes="line")
        self._details = Details(self._about, self.redraw, self.entry.slug, self._folder)
        with Container(id="labs"):
            yield Entries(self._entries, lambda: len(self._shelf.entries), lambda: self._cursor, self._clicked)
            yield LinesView(self._rule, classes="line")
            yield self._details
        yield self.guide()
        yield self.message()
        yield FooterLine(footer("catalogue"), self._possible)

    @property
    def entry(self) -> Entry:
        """The selected lab."""
        return self._shelf.entries[self._cursor]

    def redraw(self) -> None:
        """Repaint what differs; the recordings may need the room of the labs."""
        self.set_class(self._details.picked is not None and self.size.height < LOW_LINES, "-recordings-only")
        super().redraw()

    def stream_moved(self, feed: Feed) -> None:
        """The server's state has changed."""
        if feed.source.live:
            self._feed = feed
            if self.in_sight:
                self.redraw()

    def on_screen_resume(self) -> None:
        """Show what has happened meanwhile."""
        self.redraw()
        if self._version:
            self._look_through()

    # recordings

    def _look_through(self) -> None:
        self.run_worker(self._details.look(), group="recordings", exclusive=True)

    def _look_again(self) -> None:
        if self.in_sight and any(one.being_written for one in self._details.found):
            self._look_through()

    def _look_then(self, act: Callable[[], object]) -> None:
        """Do something with what is kept by then, if the same lab is still selected."""
        lab = self.entry.slug

        async def look() -> None:
            await self._details.look()
            if self.in_sight and self.entry.slug == lab:
                act()

        self.run_worker(look(), group="keys", exclusive=True)

    def action_recordings(self, into: bool | None = None) -> None:
        """Go to the lab's recordings, or back to the labs."""
        self.forget_refusal()
        details = self._details
        if not (details.picked is None if into is None else into):
            details.pick(None)
        elif not details.kept:
            self._look_then(self._go_to_recordings)
        else:
            self._go_to_recordings()
            self._look_through()

    def _go_to_recordings(self) -> None:
        details = self._details
        if not details.kept:
            self.refuse(f"There is no recording of {self.entry.title}: one is kept as soon as an experiment is run.")
        elif details.picked is None:
            details.pick(0)

    def action_resume(self) -> None:
        """Open the lab, and go on where its latest run was broken off."""
        self.forget_refusal()
        self._look_then(self._go_on)

    def _go_on(self) -> None:
        one = self._details.broken_off
        if one is None:
            self.refuse(f"No run of {self.entry.title} was broken off that could be gone on with.")
        else:
            self._details.pick(None)
            self.post_message(self.Chosen(self.entry.slug, one.broken_off))

    def action_forget(self) -> None:
        """Do not offer any more to go on with that run."""
        one = self._details.broken_off
        if one is None:
            self.refuse("There is nothing to go on with that could be forgotten.")
        else:
            self._change(self._details.close_off(one))

    def action_remove(self) -> None:
        """Delete the chosen recording, after a question."""
        details = self._details
        if details.picked is None:
            self.refuse(f"Choose a recording first: {keys_of('recordings.next')} goes to them.")
            return
        from tui.screens.confirm import Confirm

        one = details.kept[details.picked]
        losses = [f"{one.path.name} is deleted. Nothing of it can be had back."]
        question = Confirm("Delete the recording", losses, "delete it", "", letter="d")
        self.app.push_screen(question, lambda yes: self._change(details.delete(one)) if yes else None)

    def _change(self, change: Coroutine[Any, Any, None]) -> None:
        async def carry_out() -> None:
            from labs.stream.recording import RecordingError

            try:
                await change
            except RecordingError as error:
                self.refuse(str(error))
            self._look_through()

        self.run_worker(carry_out(), group="changes")

    # keys

    def action_move(self, by: int) -> None:
        """Select another lab, or recording; up from the first recording are the labs."""
        details = self._details
        if details.picked is not None:
            details.pick(details.picked + by)
            return
        self._select(min(max(self._cursor + by, 0), len(self._shelf.entries) - 1))

    def action_jump(self, number: int) -> None:
        """Select a lab by its number."""
        self._select(number - 1)

    def action_open(self) -> None:
        """Open the chosen recording, or the selected lab, if it is built."""
        details = self._details
        if details.picked is not None:
            one = details.kept[details.picked]
            if one.problem:
                self.refuse(f"{one.path.name} cannot be shown. {one.problem}")
            else:
                self.post_message(Details.Picked(one.path))
        elif self._shelf.built[self._cursor]:
            self.post_message(self.Chosen(self.entry.slug))
        else:
            reason = "is broken" if self.entry.problem else "is not built yet"
            self.refuse(f"{self.entry.title} {reason}, so it cannot be opened.")

    def action_copy(self) -> None:
        """Copy what is told of the selected lab."""
        self.copy("\n".join(line.plain.strip() for line in self._about(COPIED_CELLS, False)).strip() + "\n")

    def action_engine(self) -> None:
        """Go on on the other engine."""
        feed = self._feed
        engine = feed.state.engine if feed is not None and not feed.over else None
        if feed is None or engine is None or engine.state in ("starting", "recovering"):
            self.refuse("The server is still getting ready; that comes first.")
            return
        from labs.stream.commands import UseEngine
        from tui.driver import other_engine

        self.forget_refusal()
        self.run_worker(feed.send(UseEngine(engine=other_engine(engine.engine))), exit_on_error=False)

    def said(self, width: int, height: int) -> list[Text]:
        """Who has never been shown round is offered it."""
        if not self._tour().offered:
            return []
        return [styled(" First time here? ", (keys_of("tour"), "key"), " shows you round, in three minutes.")]

    def found(self) -> list[Found]:
        """The labs, for the menu."""
        return [
            Found(f"{entry.title}: {entry.question}", partial(self._select, number))
            for number, entry in enumerate(self._shelf.entries)
        ]

    def _select(self, at: int) -> None:
        self._cursor = at
        self.forget_refusal()
        self._details.show(self.entry.slug)

    def _clicked(self, at: int) -> None:
        if at == self._cursor and self._details.picked is None:
            self.action_open()
        else:
            self._select(at)

    def _possible(self, action: Action) -> bool:
        match action.id.partition(".")[0]:
            case "recordings":
                return bool(self._details.kept)
            case "resume":
                return self._details.broken_off is not None
            case "remove":
                return self._details.picked is not None
        return True

    # what is drawn

    def _rule(self, width: int, height: int) -> list[Text]:
        return [Text("─" * width, "rule")] if width > 1 else [Text("│", "rule")] * height

    def _entries(self, width: int, height: int) -> list[Text]:
        spacious = height >= len(self._shelf.entries) * SPACIOUS_LINES
        return entry_lines(self._shelf, self._cursor, width, self._notes() if spacious else None)

    def _notes(self) -> list[Text]:
        """Of each lab, how many recordings there are, and how the latest one ends."""
        from tui.widgets import recordings

        notes = []
        for entry in self._shelf.entries:
            kept = self._details.kept_of(entry.slug)
            note = Text()
            if any(one.lab for one in kept):
                count, when = plural(len(kept), "recording"), recordings.ago(datetime.now(UTC), kept[0].until)
                note = Text(f"{count}, the latest {when}: ").append_text(recordings.ended(kept[0]))
            notes.append(note)
        return notes

    def _header(self, width: int, height: int) -> list[Text]:
        left = styled((" ninelabs", "title"), (f" {self._version}", "dim"))
        return [spread(left, self._engine().append(" "), width)]

    def _engine(self) -> Text:
        if self._feed is None:
            return styled(("… server starting", "dim"))
        from tui.header import engine_status

        if self._feed.over:
            return styled(("✗ no server", "error"), f" · {keys_of('open')} tries again")
        return engine_status(self._feed.state)

    def _about(self, width: int, short: bool) -> list[Text]:
        return detail_lines(self.entry, self._shelf.built[self._cursor], self._troubles(width), width, short=short)

    def _troubles(self, width: int) -> list[Text]:
        """Why there is no server, and what to do about it."""
        if self._feed is None:
            return []
        told: list[tuple[str, str]] = []
        for error in self._feed.state.errors[-1:]:
            told += [(f"✗ {error.title}", "error"), (error.cause, ""), (error.remedy, "title")]
        if not told and self._feed.source.ended:
            told.append((f"✗ {self._feed.source.ended}", "error"))
        engine = self._feed.state.engine
        if not told and engine is not None and engine.state != "ready" and engine.detail:
            told.append((engine.detail, "dim"))
        return [styled((f" {line}", role)) for text, role in told for line in wrap(clean(text), width - 2)]
