"""The area between the header and the message line of a lab screen: its panes, divided by `tui.plan`."""

from __future__ import annotations

from collections.abc import Callable

from textual.geometry import Offset, Region, Size, Spacing
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

from tui.plan import LANES, PANES, Place, plan
from tui.widgets.pane import Pane

Places = Callable[[Size], dict[str, Place]]


class PlanLayout(Layout):
    """Puts panes where a plan wants them; a pane without a place is not on the screen."""

    name = "plan"

    def __init__(self, places: Places) -> None:
        self._places = places

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> ArrangeResult:
        """Place what is visible."""
        places = self._places(size)
        arranged = []
        for pane in children:
            if isinstance(pane, Pane):
                pane.place = place = places.get(pane.pane)
                if place is not None:
                    region = Region(place.x, place.y, place.width, place.height)
                    arranged.append(WidgetPlacement(region, Offset(), Spacing(), pane))
        return arranged


class Body(Widget):
    """Which panes are to be seen, and which one of them the scrolling keys move."""

    def __init__(self, panes: dict[str, Pane]) -> None:
        super().__init__(*panes.values(), id="body")
        self._panes = panes
        self._shown = list(PANES)
        """The panes, the latest chosen first."""
        self._plan = PlanLayout(self._places)
        self._focused = PANES[0]
        self.focused.focused_pane = True

    @property
    def layout(self) -> Layout:
        """The plan's."""
        return self._plan

    @property
    def focused(self) -> Pane:
        """The pane that scrolls."""
        return self._panes[self._focused]

    def show(self, name: str) -> None:
        """Bring a pane to the front, without taking the scrolling keys from the lanes."""
        if self._focused == LANES:
            self._raise(name)
        else:
            self.choose(name)

    def choose(self, name: str) -> None:
        """Bring a pane to the front, and let it be the one that scrolls."""
        self._focused = name
        if name != LANES:
            self._raise(name)
        for pane in self._panes.values():
            pane.focused_pane = pane.pane == name
            pane.redraw()

    def choose_next(self, by: int) -> None:
        """Choose the next pane, or an earlier one."""
        names = list(self._panes)
        self.choose(names[(names.index(self._focused) + by) % len(names)])

    def start_afresh(self) -> None:
        """Show a new run, each pane from where it begins to be read."""
        for pane in self._panes.values():
            pane.start_afresh()
        if self._shown[0] in ("why", "verdict"):
            self.show("locks")

    def _raise(self, name: str) -> None:
        self._shown.remove(name)
        self._shown.insert(0, name)
        for pane in self._panes.values():
            # A layout is forgotten by the ancestors of the widget that asks.
            pane.refresh(repaint=False, layout=True)

    def _places(self, size: Size) -> dict[str, Place]:
        return plan(size.width, size.height, self.screen.size, tuple(self._shown))
