"""The first screen: nine labs, the question each one answers, and how the server is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rich.text import Text
from textual.events import Click
from textual.message import Message
from textual.widget import Widget

from labs.catalogue import CATALOGUE, Entry
from tui.actions import bindings, footer
from tui.screens.page import Found, Page
from tui.text import clean, cut, fit, spread, styled, wrap
from tui.widgets.footer import FooterLine
from tui.widgets.lines import LinesView

if TYPE_CHECKING:
    from tui.feed import Feed

_TITLE_CELLS = 15
_STATUS_CELLS = 17


@dataclass(frozen=True, slots=True)
class Shelf:
    """The nine labs; whether each one is built is looked up once."""

    entries: tuple[Entry, ...]
    built: tuple[bool, ...]


def entry_lines(shelf: Shelf, cursor: int, width: int) -> list[Text]:
    """One line a lab: number, title, whether it can be opened, and its question."""
    lines = []
    for number, (entry, built) in enumerate(zip(shelf.entries, shelf.built, strict=True)):
        mark = "▌" if number == cursor else " "
        line = styled(
            f"{mark} {entry.number}  ",
            (cut(entry.title, _TITLE_CELLS).ljust(_TITLE_CELLS), "title" if built else ""),
            (f"{'● ready to open' if built else '· not built yet':<{_STATUS_CELLS}}", "ok" if built else "dim"),
            entry.question,
        )
        line = fit(line, width)
        if number == cursor:
            line.stylize("cursor")
        elif not built:
            line.stylize("off", 5)
        lines.append(line)
    return lines


def detail_lines(entry: Entry, built: bool, troubles: Sequence[Text], width: int) -> list[Text]:
    """What opening the selected lab means, and what is wrong with the server, if anything."""
    lines = [styled((f" {entry.number} {entry.title}", "title")), Text(f" {entry.question}"), Text()]
    if troubles:
        return [*lines, *troubles]
    if built:
        told = (
            "It writes only to a schema of its own, which nobody else uses. Every experiment ends in a verdict that is "
            "measured on the server, and can be rolled back."
        )
        lines += [Text(f" {line}") for line in wrap(told, min(width - 2, 100))]
        lines += [Text(), styled(" ", ("Enter", "key"), " open it")]
    else:
        lines.append(styled((" Not built yet: it cannot be opened.", "dim")))
    return lines


class CatalogueScreen(Page):
    """The nine labs. Enter opens one."""

    SCOPES = ("catalogue",)
    TITLE = "ninelabs"
    BINDINGS = bindings("catalogue")

    class Chosen(Message):
        """A lab is to be opened."""

        def __init__(self, lab: str) -> None:
            super().__init__()
            self.lab = lab

    def __init__(self) -> None:
        super().__init__()
        self._version = ""
        self._feed: Feed | None = None
        self._shelf = Shelf(CATALOGUE, tuple(entry.built for entry in CATALOGUE))
        self._cursor = self._shelf.built.index(True) if any(self._shelf.built) else 0

    def on_mount(self) -> None:
        """What takes time to find out comes after the first paint."""
        self.call_after_refresh(self._tell_version)

    def _tell_version(self) -> None:
        from importlib.metadata import version

        self._version = version("ninelabs")
        self.redraw()

    def parts(self) -> Iterable[Widget]:
        """Header, list, details, footer."""
        yield LinesView(self._header, classes="bar")
        yield LinesView(self._rule, classes="line")
        yield Entries(self._entries, self._shelf, self._clicked)
        yield LinesView(self._rule, classes="line")
        yield LinesView(self._details)
        yield self.message()
        yield FooterLine(footer("catalogue"))

    @property
    def entry(self) -> Entry:
        """The selected lab."""
        return self._shelf.entries[self._cursor]

    def stream_moved(self, feed: Feed) -> None:
        """The server's state has changed."""
        self._feed = feed
        if self.is_current:
            self.redraw()

    def on_screen_resume(self) -> None:
        """Show what has happened meanwhile."""
        self.redraw()

    def action_move(self, by: int) -> None:
        """Select another lab."""
        self._select(min(max(self._cursor + by, 0), len(self._shelf.entries) - 1))

    def action_jump(self, number: int) -> None:
        """Select a lab by its number."""
        self._select(number - 1)

    def action_open(self) -> None:
        """Open the selected lab, if it is built."""
        if self._shelf.built[self._cursor]:
            self.post_message(self.Chosen(self.entry.slug))
        else:
            self.refuse(f"{self.entry.title} is not built yet, so it cannot be opened.")

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

    def found(self) -> list[Found]:
        """The labs, for the menu."""
        return [
            Found(f"{entry.title}: {entry.question}", partial(self._select, number))
            for number, entry in enumerate(self._shelf.entries)
        ]

    def _select(self, at: int) -> None:
        self._cursor = at
        self.forget_refusal()
        self.redraw()

    def _clicked(self, at: int) -> None:
        if at == self._cursor:
            self.action_open()
        else:
            self._select(at)

    def _rule(self, width: int, height: int) -> list[Text]:
        return [Text("─" * width, "rule")]

    def _entries(self, width: int, height: int) -> list[Text]:
        return entry_lines(self._shelf, self._cursor, width)

    def _header(self, width: int, height: int) -> list[Text]:
        left = styled((" ninelabs", "title"), (f" {self._version}", "dim"))
        return [spread(left, self._engine().append(" "), width)]

    def _engine(self) -> Text:
        if self._feed is None:
            return styled(("… server starting", "dim"))
        from tui.header import engine_status

        if self._feed.over:
            return styled(("✗ no server", "error"), " · Enter tries again")
        return engine_status(self._feed.state)

    def _details(self, width: int, height: int) -> list[Text]:
        return detail_lines(self.entry, self._shelf.built[self._cursor], self._troubles(width), width)

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


class Entries(LinesView):
    """The list of labs, for the mouse as well."""

    def __init__(self, draw: Callable[[int, int], list[Text]], shelf: Shelf, clicked: Callable[[int], None]) -> None:
        super().__init__(draw, id="entries")
        self._count = len(shelf.entries)
        self._clicked = clicked
        self.styles.height = self._count

    def on_click(self, event: Click) -> None:
        """Select the lab under the mouse; a second click opens it."""
        if 0 <= event.y < self._count:
            self._clicked(event.y)
