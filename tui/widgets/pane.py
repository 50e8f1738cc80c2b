"""A pane of the lab screen: a titled rule with tabs, a pinned head, and lines that scroll."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.events import Click, MouseScrollDown, MouseScrollUp
from textual.message import Message

from tui.actions import keys_of
from tui.plan import Place
from tui.survey import Key
from tui.text import fit, styled
from tui.widgets.lines import LinesView


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a cell of a survey is in a pane's lines."""

    key: Key
    x: int
    y: int
    width: int


@dataclass(frozen=True, slots=True)
class Content:
    """What a pane shows: a head that stays, lines that scroll beneath it, and a foot that stays below them."""

    body: Sequence[Text]
    head: tuple[Text, ...] = ()
    foot: tuple[Text, ...] = ()
    spots: tuple[Spot, ...] = ()
    """The cells that a cursor can be on."""
    cursor: Spot | None = None
    """The one that it is on, which is never scrolled out of sight."""
    heads: tuple[tuple[int, tuple[Text, ...]], ...] = ()
    """Heads of the same height that take the head's place, each when the body is scrolled to its line or further."""


Source = Callable[[int, int], Content]
"""A pane's content for a width and a height in cells."""


class Pane(LinesView):
    """One pane. It follows its last line as long as nobody scrolls up, when told to."""

    class TabChosen(Message):
        """A pane's title was clicked."""

        def __init__(self, pane: str) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self, name: str, titles: dict[str, str], source: Source, *, follows: bool = False) -> None:
        super().__init__(id=name)
        self.pane = name
        self.place: Place | None = None
        self.focused_pane = False
        self._titles = titles
        self._source = source
        self._follows = follows
        self._following = follows
        self._top = 0
        self._room = 1
        self._length = 0
        self.spots: tuple[Spot, ...] = ()
        self.cursor: Spot | None = None
        """See `Content`, of what is shown."""

    def draw(self, width: int, height: int) -> list[Text]:
        """The rule, the head, and as much of the body as there is room for."""
        place = self.place
        if place is None:
            return []
        margin = styled(("│", "rule")) if place.divided else Text()
        inner = width - margin.cell_len
        content = self._source(inner, height - 1)
        foot = content.foot[: (height - 1) // 2]
        self.spots, self.cursor = content.spots, content.cursor
        self._room = max(height - 1 - len(content.head) - len(foot), 1)
        self._length = len(content.body)
        last = max(self._length - self._room, 0)
        self._top = last if self._following else min(self._top, last)
        if content.cursor is not None:
            # The line above a cell may be what it belongs to.
            self._top = min(max(self._top, content.cursor.y - self._room + 1), max(content.cursor.y - 1, 0))
        body = content.body[self._top : self._top + self._room]
        hidden = self._length - self._top - len(body)
        head = next((lines for line, lines in reversed(content.heads) if line <= self._top), content.head)
        lines = [self._rule(inner, hidden), *head, *body]
        lines += [Text()] * (height - len(lines) - len(foot))
        lines += foot
        return [margin.copy().append_text(fit(line, inner)) for line in lines]

    def measure(self, width: int) -> int:
        """How high it would have to be to show everything."""
        content = self._source(width, sys.maxsize)
        return 1 + len(content.head) + len(content.body) + len(content.foot)

    def text(self, width: int) -> str:
        """All that it shows, also what is scrolled out of sight, as plain text for a width in cells."""
        content = self._source(width, sys.maxsize)
        lines = [line.plain.rstrip() for part in (content.head, content.body, content.foot) for line in part]
        return "\n".join(lines).strip("\n") + "\n"

    def scroll_lines(self, by: int) -> None:
        """Scroll; reaching the end makes a following pane follow again."""
        last = max(self._length - self._room, 0)
        self._top = min(max(self._top + by, 0), last)
        self._following = self._follows and self._top == last
        self.redraw()

    def scroll_pages(self, by: int) -> None:
        """Scroll by the pane's own height, one line kept."""
        self.scroll_lines(by * max(self._room - 1, 1))

    def scroll_edge(self, direction: int) -> None:
        """Go to the first line (-1) or to the last (1)."""
        self.scroll_lines(direction * self._length)

    def start_afresh(self) -> None:
        """Show new content from where this pane begins to be read."""
        self._top = 0
        self._following = self._follows

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Scroll with the wheel."""
        self.scroll_lines(2)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Scroll with the wheel."""
        self.scroll_lines(-2)

    def on_click(self, event: Click) -> None:
        """Choose the tab under the mouse, or this pane."""
        chosen = self.pane
        if event.y == 0:
            for start, end, pane in self._tabs():
                if start <= event.x < end:
                    chosen = pane
        self.post_message(self.TabChosen(chosen))

    def _tabs(self) -> list[tuple[int, int, str]]:
        x = 2 + (self.place.divided if self.place else 0)
        tabs = []
        for pane in self.place.tabs if self.place else ():
            length = len(self._titles[pane]) + 2 * (pane == self.pane)
            tabs.append((x, x + length, pane))
            x += length + 3
        return tabs

    def _rule(self, width: int, hidden: int) -> Text:
        rule = styled(("─ ", "rule"))
        tabs = self.place.tabs if self.place else ()
        for pane in tabs:
            title = self._titles[pane]
            if pane != self.pane:
                rule.append(title, "dim")
            elif len(tabs) > 1 or self.focused_pane:
                rule.append(f"[{title}]", "focus" if self.focused_pane else "title")
            else:
                rule.append(title, "title")
            rule.append(" ─ ", "rule")
        rule.right_crop(1)
        where = f" zoomed, {keys_of('zoom')} shows the others " if self.place and self.place.zoomed else ""
        where += f" {self._top} above " if self._top else ""
        where += f" {hidden} below " if hidden else ""
        return rule.append("─" * (width - rule.cell_len - len(where)), "rule").append(where, "dim")
