"""The labs as a list, and what is told of the selected one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.events import Click
from textual.geometry import Size

from labs.catalogue import CATALOGUE, Entry
from tui.actions import keys_of
from tui.text import clean, cut, fit, styled, wrap
from tui.widgets.lines import LinesView

TITLE_CELLS = 15
STATUS_CELLS = 17
SPACIOUS_LINES = 4
"""How many lines a lab has where there is room."""
TOLD_LINES = 7
"""Lines for what is told of the selected lab, and the rule above it; more labs than the nine leave it as many."""
_ABOUT = (
    "It writes only to a schema of its own, which nobody else uses. Every experiment ends in a verdict that is "
    "measured on the server, and can be rolled back."
)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The labs; whether each one is built is looked up once."""

    entries: tuple[Entry, ...]
    built: tuple[bool, ...]

    @classmethod
    def of(cls, entries: tuple[Entry, ...]) -> Shelf:
        """Look which of them are built."""
        return cls(entries, tuple(entry.built for entry in entries))


def entry_lines(shelf: Shelf, cursor: int, width: int, notes: Sequence[Text] | None = None) -> list[Text]:
    """One line a lab: number, title, whether it can be opened, and its question.

    With ``notes``, one for each lab, there is room: the question and the note have lines of their own.
    """
    lines = []
    for number, (entry, built) in enumerate(zip(shelf.entries, shelf.built, strict=True)):
        mark = "▌" if number == cursor else " "
        line = styled(
            f"{mark} {entry.number:<3}",
            (cut(entry.title, TITLE_CELLS).ljust(TITLE_CELLS), "title" if built else ""),
            _status(entry, built),
        )
        question = entry.problem or entry.question
        if notes is None:
            block = [line.append(question)]
        else:
            indent = f"{mark}    "
            block = [line, Text(f"{indent}{question}"), Text(indent).append_text(notes[number])]
        for line in block:
            line = fit(line, width)
            if number == cursor:
                line.stylize("cursor")
            elif not built:
                line.stylize("off", 5)
            lines.append(line)
        if notes is not None:
            lines.append(Text())
    return lines


def _status(entry: Entry, built: bool) -> tuple[str, str]:
    if entry.problem:
        return f"{'✗ broken':<{STATUS_CELLS}}", "error"
    return f"{'● ready to open' if built else '· not built yet':<{STATUS_CELLS}}", "ok" if built else "dim"


def detail_lines(entry: Entry, built: bool, troubles: Sequence[Text], width: int, *, short: bool = False) -> list[Text]:
    """What opening the selected lab means, and what is wrong with the server, if anything."""
    if short:
        return [styled((f" {entry.number} {entry.title}", "title"), f" · {entry.question}"), *troubles]
    lines = [styled((f" {entry.number} {entry.title}", "title")), Text(f" {entry.question}"), Text()]
    if troubles:
        return [*lines, *troubles]
    if built:
        lines += [Text(f" {line}") for line in wrap(_ABOUT, min(width - 2, 100))]
        lines += [Text(), styled(" ", (keys_of("open"), "key"), " open it")]
    elif entry.problem:
        said = f"Another package names it, as {entry.named}, and it cannot be opened. {entry.problem}."
        lines += [styled((f" {line}", "error")) for line in wrap(clean(said), width - 2)]
    else:
        lines.append(styled((" Not built yet: it cannot be opened.", "dim")))
    return lines


class Entries(LinesView):
    """The list of labs, for the mouse as well."""

    def __init__(
        self,
        draw: Callable[[int, int], list[Text]],
        count: Callable[[], int],
        cursor: Callable[[], int],
        clicked: Callable[[int], None],
    ) -> None:
        super().__init__(id="entries")
        self._draw_all = draw
        self._count = count
        self._cursor = cursor
        self._clicked = clicked
        self._above = 0
        """Labs that are above those in sight."""

    @property
    def spacious(self) -> bool:
        """Whether there is room for more than a line a lab."""
        return self.size.height >= self._count() * SPACIOUS_LINES

    def draw(self, width: int, height: int) -> list[Text]:
        """As many as there is room for, the selected one among them."""
        lines = self._draw_all(width, height)
        self._above = 0 if self.spacious else max(min(self._cursor() - height + 1, len(lines) - height), 0)
        return lines[self._above :]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """A line a lab; of more than the nine as many as leave room for what is told of the selected one."""
        return min(self._count(), max(container.height - TOLD_LINES, len(CATALOGUE)))

    def on_click(self, event: Click) -> None:
        """Select the lab under the mouse; a second click opens it."""
        number = event.y // SPACIOUS_LINES if self.spacious else event.y + self._above
        if 0 <= number < self._count():
            self._clicked(number)
