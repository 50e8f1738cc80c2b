"""An application that paints no more than its terminal takes."""

from __future__ import annotations

import asyncio
from typing import Any

from rich.console import RenderableType
from textual import on
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.driver import Driver
from textual.events import Event, Key, MouseDown, Resize
from textual.geometry import Region
from textual.screen import Screen

from tui.line.driver import Line
from tui.line.pace import LOOK_S, Pace
from tui.widgets.lines import LinesView


class PacedApp(App[None], inherit_bindings=False):
    """Its screens are painted by `pace`; while the line is full, what would be painted is put off and put together."""

    def __init__(self, *, quiet: bool = False, ansi_color: bool | None = None) -> None:
        super().__init__(driver_class=Line, ansi_color=ansi_color)
        self.pace = Pace(lambda: self.line.writer if self.line else None, self._rate_changed, quiet=quiet)
        self._put_off: asyncio.TimerHandle | None = None
        if quiet:
            self.animation_level = "none"

    @property
    def line(self) -> Line | None:
        """The line to the terminal; none where there is no terminal."""
        return self._driver if isinstance(self._driver, Line) else None

    async def on_event(self, event: Event) -> None:
        """What a person does is answered soon."""
        if isinstance(event, (Key, MouseDown)):
            self.pace.asked()
        await super().on_event(event)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Paint it, or remember what it was about while the line is full."""
        line = self.line
        if line is None or renderable is None:
            super()._display(screen, renderable)
        elif self.pace.full and isinstance(renderable, (LayoutUpdate, ChopsUpdate)):
            screen._compositor._dirty_regions.update(_regions(renderable))
            if self._put_off is None:
                self._put_off = asyncio.get_running_loop().call_later(LOOK_S, self._paint)
        else:
            with line.frame():
                super()._display(screen, renderable)
            self.pace.painted()

    def _paint(self) -> None:
        """Paint what was put off, as it is by now."""
        self._put_off = None
        if not self.is_running:
            return
        if self.pace.full:
            self._put_off = asyncio.get_running_loop().call_later(LOOK_S, self._paint)
        else:
            # A refresh forgets who asked for one: whoever did meanwhile must be part of this one.
            self.screen._compositor.update_widgets(self.screen._dirty_widgets)
            self.screen._compositor_refresh()

    @on(Resize)
    @on(Driver.SignalResume)
    def _repaint(self) -> None:
        """Who knows what the terminal shows: it has cut lines off, or others have used it."""
        self.screen.refresh()

    def _rate_changed(self) -> None:
        """Tell the rate."""
        for screen in self.screen_stack:
            for view in screen.query(LinesView):
                view.redraw()

    def action_suspend(self) -> None:
        """Stop, until a shell brings the program back."""
        if self.line is not None:
            self.line.suspend()


def _regions(update: LayoutUpdate | ChopsUpdate) -> list[Region]:
    if isinstance(update, LayoutUpdate):
        return [update.region]
    return [Region(left, y, right - left, 1) for y, left, right in update.spans]
