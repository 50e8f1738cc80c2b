"""What all full screens share: their scope of keys, the smallest size, and news of the stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.events import Resize
from textual.geometry import Size
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

from labs.stream.terminal import SMALLEST
from tui.action import Scope
from tui.compositor import NarrowCompositor
from tui.text import styled, wrap
from tui.widgets.lines import LinesView

if TYPE_CHECKING:
    from tui.feed import Feed


@dataclass(frozen=True, slots=True)
class Found:
    """Something on a screen that the menu finds besides the actions."""

    name: str
    go: Callable[[], object]


REFUSAL_S = 5.0
"""How long the message line says why a key did nothing."""


def too_small(size: Size) -> bool:
    """Whether a terminal of this size shows one line only."""
    width, height = SMALLEST
    return size.width < width or size.height < height


class Page(Screen[None], inherit_bindings=False):
    """A full screen. On a terminal that is too small it shows one line that says so."""

    SCOPES: ClassVar[tuple[Scope, ...]]
    AUTO_FOCUS = ""

    def __init__(self) -> None:
        super().__init__()
        self._compositor = NarrowCompositor()
        self._refusal = ""
        self._forgetting: Timer | None = None

    def compose(self) -> ComposeResult:
        """The parts of the screen, and the line that replaces them."""
        yield from self.parts()
        width, height = SMALLEST
        yield LinesView(lambda *_: [styled((f"needs {width}×{height}", "title"))], classes="too-small")

    def parts(self) -> Iterable[Widget]:
        """What the screen consists of, from top to bottom."""
        return ()

    def on_resize(self, event: Resize) -> None:
        """Give way to one line when there is too little room."""
        self.set_class(event.size.width < 100, "-small")
        self.set_class(too_small(event.size), "-too-small")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No key does anything to what cannot be seen."""
        return not too_small(self.app.size)

    def found(self) -> list[Found]:
        """What the menu finds here."""
        return []

    def stream_moved(self, feed: Feed) -> None:
        """Events came; show what is new."""

    def refuse(self, reason: str) -> None:
        """Answer a key that cannot act now, on the message line, for a while."""
        self._refusal = reason
        self.redraw()
        if self._forgetting is not None:
            self._forgetting.stop()
        self._forgetting = self.set_timer(REFUSAL_S, self.forget_refusal)

    def forget_refusal(self) -> None:
        """Let the message line say something else again."""
        if self._refusal:
            self._refusal = ""
            self.redraw()

    def redraw(self) -> None:
        """Repaint what differs."""
        for view in self.query(LinesView):
            view.redraw()

    def said(self, width: int, height: int) -> list[Text]:
        """What the message line says when no key has just been refused."""
        return []

    def message(self) -> LinesView:
        """The message line."""

        def lines(width: int, height: int) -> list[Text]:
            if not self._refusal:
                return self.said(width, height)
            return [
                styled((" ! " if n == 0 else "   ", "wait"), line)
                for n, line in enumerate(wrap(self._refusal, width - 4, height))
            ]

        return LinesView(lines, id="message")
