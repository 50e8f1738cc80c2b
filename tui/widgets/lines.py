"""Lines of text on the screen, of which only the cells that changed are repainted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from rich.cells import cell_len
from rich.style import Style
from rich.text import Span, Text
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from tui import themes
from tui.text import fit

Draw = Callable[[int, int], Sequence[Text]]
"""Lines for a width and height in cells."""

KEPT = 1_000
"""So many painted lines are kept: those of the largest screens, and of what was there before."""

NEAR_CELLS = 12
"""Changes closer to each other than this are repainted as one: moving the cursor costs as much as those cells."""


class LinesView(Widget):
    """Draws lines; `redraw` compares them with what is on the screen and repaints the difference."""

    def __init__(self, draw: Draw | None = None, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._draw = draw
        self._strips: list[Strip] = []
        self._drawn_for = Size(0, 0)

    def draw(self, width: int, height: int) -> Sequence[Text]:
        """The lines to show; more than ``height`` are not shown."""
        return self._draw(width, height) if self._draw else ()

    def redraw(self) -> None:
        """Draw again and repaint what differs; what is not on the screen is drawn when it comes back."""
        size = self.size
        if not size:
            if self._drawn_for:
                self._forget()
            return
        before, drawn_for = self._strips, self._drawn_for
        self._render_strips(size)
        if size != drawn_for:
            self.refresh()
        elif regions := [
            Region(start, y, end - start, 1)
            for y, (old, new) in enumerate(zip(before, self._strips, strict=True))
            for start, end in changed_cells(old, new)
        ]:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        """One line, for the compositor; a frame of another size than the one before is drawn for it."""
        if self.size != self._drawn_for:
            self._render_strips(self.size)
        return self._strips[y]

    def on_resize(self) -> None:
        """Another size shows other lines."""
        self.redraw()

    def notify_style_update(self) -> None:
        """Another theme has other colours."""
        super().notify_style_update()
        self._forget()

    def _forget(self) -> None:
        """Let the next frame be drawn anew, all of it."""
        self._drawn_for = Size(0, 0)
        self.refresh()

    def _render_strips(self, size: Size) -> None:
        width, height = size
        theme, base = self.app.theme, self.rich_style
        strips = [
            _strip(line.plain, tuple(line.spans), line.style, width, theme, base)
            for line in self.draw(width, height)[:height]
        ]
        self._strips = strips + [Strip.blank(width, base)] * (height - len(strips))
        self._drawn_for = size


@lru_cache(maxsize=KEPT)
def _strip(plain: str, spans: tuple[Span, ...], style: str | Style, width: int, theme: str, base: Style) -> Strip:
    """A line as it is painted. Nearly all lines of a frame are those of the frame before."""
    line = fit(Text(plain, style, spans=list(spans)), width)
    return Strip(line.render(themes.console(theme)), width).apply_style(base).simplify()


def changed_cells(before: Strip, after: Strip) -> list[tuple[int, int]]:
    """From which cells to which (exclusive) two lines of the same width differ."""
    if before == after:
        return []
    old, new = _cells(before), _cells(after)
    if len(old) != len(new):
        return [(0, after.cell_length)]
    ranges: list[tuple[int, int]] = []
    for x, (one, other) in enumerate(zip(old, new, strict=True)):
        if one == other:
            continue
        if ranges and x - ranges[-1][1] < NEAR_CELLS:
            ranges[-1] = (ranges[-1][0], x + 1)
        else:
            ranges.append((x, x + 1))
    return ranges


def _cells(strip: Strip) -> list[tuple[str, object]]:
    """One entry a cell. A wide character's cells share it, so that neither is ever repainted alone."""
    cells: list[tuple[str, object]] = []
    for text, style, _ in strip:
        if text.isascii():
            cells.extend((character, style) for character in text)
            continue
        for character in text:
            cells.extend([(character, style)] * cell_len(character))
    return cells
