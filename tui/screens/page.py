"""What all full screens share: their scope of keys, the smallest size, and news of the stream."""

from __future__ import annotations

import os
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
from tui.line.compositor import NarrowCompositor
from tui.line.paced import PacedApp
from tui.text import styled, wrap
from tui.tour.tour import Scene, Tour
from tui.widgets.lines import LinesView

if TYPE_CHECKING:
    from tui.feed import Feed


@dataclass(frozen=True, slots=True)
class Found:
    """Something on a screen that the menu finds besides the actions."""

    name: str
    go: Callable[[], object]


COPIED_CELLS = 160
"""How wide a copy is, whatever the width of the screen."""
REFUSAL_S = 5.0
"""How long the message line says why a key did nothing."""
TOLD_S = 10.0
"""How long it says what no key asked for."""


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
        self._told = ""

    def compose(self) -> ComposeResult:
        """The parts of the screen, and the line that replaces them."""
        yield from self.parts()
        width, height = SMALLEST
        told = f"needs {width}×{height}; this is"
        yield LinesView(
            lambda *_: [styled((f"{told} {self.size.width}×{self.size.height}", "title"))], classes="too-small"
        )

    def parts(self) -> Iterable[Widget]:
        """What the screen consists of, from top to bottom."""
        return ()

    def on_resize(self, event: Resize) -> None:
        """Give way to one line when there is too little room."""
        self.set_class(event.size.width < 100, "-small")
        self.set_class(event.size.width >= 160 and event.size.height >= 40, "-huge")
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

    def tell(self, sentence: str) -> None:
        """Say on the message line, for a while, what no key asked for; also when keys are pressed meanwhile."""

        def forget() -> None:
            if self._told == sentence:
                self.tell("")

        self._told = sentence
        self.redraw()
        if sentence:
            self.set_timer(TOLD_S, forget)

    def copy(self, text: str) -> None:
        """Give a text to the terminal's clipboard and to a file, and say what became of it."""
        from tui.clipboard import copied

        driver = self.app._driver
        self.forget_refusal()
        self.tell(copied(text, os.environ, driver.write if driver is not None else None))

    @property
    def rate(self) -> str:
        """What goes to the terminal in a second, where that matters."""
        return self.app.pace.rate if isinstance(self.app, PacedApp) else ""

    def redraw(self) -> None:
        """Repaint what differs."""
        tour = self._tour()
        tour.follow(self.scene())
        self.set_class(tour.on, "-tour")
        for view in self.query(LinesView):
            view.redraw()

    @property
    def in_sight(self) -> bool:
        """Whether nothing but windows covers it. Textual's own `is_current` is true beneath a whole screen too."""
        return next((one for one in reversed(self.app.screen_stack) if isinstance(one, Page)), None) is self

    def scene(self) -> Scene | None:
        """The lab that the person is in, as far as the tour is concerned; none in the catalogue."""
        return None

    def _tour(self) -> Tour:
        from tui.app import NinelabsApp

        assert isinstance(self.app, NinelabsApp)
        return self.app.tour

    def guide(self) -> LinesView:
        """The lines of the tour, while somebody is on it."""
        return LinesView(lambda width, _: self._tour().lines(self.scene(), width), id="guide")

    def said(self, width: int, height: int) -> list[Text]:
        """What the message line says when no key has just been refused."""
        return []

    def message(self) -> LinesView:
        """The message line."""

        def lines(width: int, height: int) -> list[Text]:
            told = self._refusal or self._told
            if not told:
                return self.said(width, height)
            mark = (" ! ", "wait") if self._refusal else (" ● ", "ok")
            return [styled(mark if n == 0 else "   ", line) for n, line in enumerate(wrap(told, width - 4, height))]

        return LinesView(lines, id="message")
