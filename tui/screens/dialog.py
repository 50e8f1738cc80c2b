"""Small windows over a screen: lines to read, and keys that answer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import ModalScreen

from tui.widgets.lines import LinesView

ResultT = TypeVar("ResultT")


class Sheet(LinesView):
    """Lines as tall as they are; where there is less room, they scroll."""

    def __init__(self, dialog: Dialog[ResultT]) -> None:
        super().__init__(id="sheet")
        self._dialog = dialog
        self._top = 0

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """All lines at once, if there is room."""
        return len(self._dialog.lines(width))

    def draw(self, width: int, height: int) -> list[Text]:
        """The part of the lines that is scrolled to."""
        lines = list(self._dialog.lines(width))
        self._top = max(min(self._top, len(lines) - height), 0)
        shown = lines[self._top : self._top + height]
        if self._top + height < len(lines):
            shown[-1] = Text(f"… {len(lines) - self._top - height + 1} more: ↓", "dim")
        return shown

    def scroll_lines(self, by: int) -> None:
        """Scroll, as far as there is something to see."""
        self._top = max(self._top + by, 0)
        self.redraw()

    def scroll_pages(self, by: int) -> None:
        """Scroll by what is to be seen, one line kept."""
        self.scroll_lines(by * max(self.size.height - 2, 1))


class Dialog(ModalScreen[ResultT], inherit_bindings=False):
    """A window over a screen. Esc answers with nothing."""

    CSS_PATH = "../styles/dialog.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", show=False),
        Binding("down,j", "scroll(1)", show=False),
        Binding("up,k", "scroll(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("end,G", "scroll(9999)", show=False),
        Binding("home,g", "scroll(-9999)", show=False),
    ]

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    # Textual's metaclass leaves no room for ABC's: it is the type checker that refuses a dialog without lines.
    @abstractmethod
    def lines(self, width: int) -> Sequence[Text]:
        """What the window says, for a width in cells."""

    def compose(self) -> ComposeResult:
        """One sheet in one frame."""
        self.sheet = Sheet(self)
        self.sheet.border_title = Text(f" {self._title} ").markup
        self.sheet.border_subtitle = " Esc closes "
        yield self.sheet

    def redraw(self) -> None:
        """Show what changed; the window may grow or shrink."""
        self.sheet.refresh(layout=True)
        self.sheet.redraw()

    def action_scroll(self, by: int) -> None:
        """Scroll the lines."""
        self.sheet.scroll_lines(by)

    def action_page(self, by: int) -> None:
        """Scroll by what is to be seen."""
        self.sheet.scroll_pages(by)
