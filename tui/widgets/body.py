"""The area between the header and the message line of a lab screen: its panes, divided by `tui.plan`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.geometry import Offset, Region, Size, Spacing
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

from tui.plan import EMPTY_LANES, LANES, PANES, TOPS, Place, groups, plan
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
                place = pane.place = places.get(pane.pane)
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
        """The panes below the lanes, the latest chosen first."""
        self._tops: tuple[str, ...] = (LANES,)
        """The panes that there are in the lanes' place, the visible one first."""
        self._needs: dict[str, int] = {}
        """How high a pane had to be so far in this run: it grows, so that the screen does not jump to and fro."""
        self._lanes_first = False
        self._growing = False
        self._plan = PlanLayout(self._places)
        self._zoomed = False
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

    @property
    def top(self) -> str:
        """The visible one of the panes in the lanes' place."""
        return self._tops[0]

    def offer(self, names: Sequence[str]) -> None:
        """Have these panes in the lanes' place, and no others; the lanes are always among them."""
        if set(names) != set(self._tops):
            front = self.top if self.top in names else LANES
            self._tops = (front, *(name for name in names if name != front))
            if self._focused not in (*self._tops, *PANES):
                self.choose(front)
            self._arrange()

    def offers(self, name: str) -> bool:
        """Whether the pane is one of those in the lanes' place."""
        return name in self._tops

    def show(self, name: str) -> None:
        """Bring a pane to the front, without taking the scrolling keys to or from the lanes' place."""
        if (self._focused in TOPS) == (name in TOPS):
            self.choose(name)
        else:
            self._raise(name)

    def choose(self, name: str) -> None:
        """Bring a pane to the front, and let it be the one that scrolls; to be drawn anew by who asks for it."""
        self._focused = name
        self._raise(name)
        for pane in self._panes.values():
            pane.focused_pane = pane.pane == name

    def choose_next(self, by: int) -> None:
        """Choose the next pane, or an earlier one."""
        names = [name for name in self._panes if name in (*self._tops, *PANES)]
        self.choose(names[(names.index(self._focused) + by) % len(names)])

    @property
    def zoomed(self) -> bool:
        """Whether the chosen pane has all the room."""
        return self._zoomed

    def zoom(self) -> None:
        """Give the chosen pane all the room, or the others theirs again."""
        self._zoomed = not self._zoomed
        self._needs = {}
        self._arrange()

    def start_afresh(self) -> None:
        """Show a new run, each pane from where it begins to be read."""
        self._needs = {}
        for pane in self._panes.values():
            pane.start_afresh()
        self._arrange()

    def restart(self, name: str) -> None:
        """Show a pane from where it begins to be read."""
        self._panes[name].start_afresh()

    def settle(self, *, lanes_first: bool, growing: bool) -> None:
        """Give the pane below the lanes the height that it has come to need; while it grows, it does not shrink."""
        self._growing = growing
        changed, self._lanes_first = lanes_first != self._lanes_first, lanes_first
        if len(groups(*self.screen.size)) == 1 and not self._zoomed and (self._measure(self.size.width) or changed):
            self._arrange()

    def _measure(self, width: int) -> bool:
        """See how high the lanes and the pane below them would have to be; whether that differs from before."""
        before = dict(self._needs)
        name = self._shown[0]
        least = self._needs.get(name, 0) if self._growing else 0
        self._needs[name] = max(self._panes[name].measure(width), least)
        lanes = self._panes[self.top].measure(width)
        self._needs[LANES] = lanes if self._lanes_first else min(lanes, EMPTY_LANES)
        return self._needs != before

    def _raise(self, name: str) -> None:
        if name in TOPS:
            self._tops = (name, *(other for other in self._tops if other != name))
        else:
            self._shown.remove(name)
            self._shown.insert(0, name)
        self._needs = {}
        self._arrange()

    def _arrange(self) -> None:
        for pane in self._panes.values():
            # A layout is forgotten by the ancestors of the widget that asks.
            pane.refresh(repaint=False, layout=True)

    def _places(self, size: Size) -> dict[str, Place]:
        if len(groups(*self.screen.size)) == 1 and not self._zoomed:
            self._measure(size.width)
        return plan(
            size.width,
            size.height,
            self.screen.size,
            tuple(self._shown),
            self._needs.get(self._shown[0], 0),
            self._needs.get(LANES, EMPTY_LANES),
            lanes_first=self._lanes_first,
            tops=self._tops,
            zoomed=self._focused if self._zoomed else "",
        )
