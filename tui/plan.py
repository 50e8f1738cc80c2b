"""Where the panes of a lab screen stand, at any size: pure geometry."""

from __future__ import annotations

from dataclasses import dataclass

LOWEST_PANE = 4
"""Lines of the pane below the lanes, its title included."""

EMPTY_LANES = 8
"""Lanes that need fewer lines than these have nothing in them yet."""

LANES = "lanes"
ORDERS = "orders"
ANOMALIES = "anomalies"
VERSIONS = "versions"
CHART = "chart"
ERRORS = "errors"
TOPS = (LANES, ORDERS, ANOMALIES, VERSIONS, CHART, ERRORS)
"""They share the place at the top; all but the lanes only come where a run has found something for them."""
PANES = ("locks", "table", "sql", "why", "verdict")


@dataclass(frozen=True, slots=True)
class Place:
    """A pane on the screen, in cells of the area between the header and the message line."""

    x: int
    y: int
    width: int
    height: int
    tabs: tuple[str, ...]
    """The panes that share this place, itself included."""
    zoomed: bool = False
    """Whether it has taken the place of all others."""

    @property
    def divided(self) -> bool:
        """Whether a rule parts it from a neighbour on its left."""
        return self.x > 0


def groups(width: int, height: int) -> tuple[tuple[str, ...], ...]:
    """Which panes share a place on a screen of this size."""
    if width >= 160 and height >= 40:
        return (("sql",), ("locks",), ("table",), ("verdict",), ("why",))
    if width >= 100:
        return (("locks", "sql"), ("table", "why", "verdict"))
    return (PANES,)


def plan(
    width: int,
    height: int,
    screen: tuple[int, int],
    shown: tuple[str, ...],
    need: int = 0,
    lanes_need: int = 99,
    lanes_first: bool = False,
    tops: tuple[str, ...] = (LANES,),
    zoomed: str = "",
) -> dict[str, Place]:
    """The visible panes and their places.

    Args:
        width: of the area to divide.
        height: of the area to divide.
        screen: columns and lines of the whole screen, which decide how panes are grouped.
        shown: the panes chosen by the person, the latest first; of each group the first such one is visible.
        need: how high the pane below the lanes would have to be, where there is one; the lanes get what it leaves.
        lanes_need: how high the lanes would have to be: empty ones leave the rest to the pane.
        lanes_first: whether the lanes get all that they need.
        tops: the panes in the lanes' place, the visible one first.
        zoomed: the pane that has all the room, if there is one.
    """
    front, tabs = tops[0], tuple(pane for pane in TOPS if pane in tops)
    if zoomed:
        return {zoomed: Place(0, 0, width, height, (*tabs, *PANES), zoomed=True)}
    together = groups(*screen)
    visible = [next((pane for pane in shown if pane in group), group[0]) for group in together]
    if len(together) == 1:
        most = height - lanes_need if lanes_first or lanes_need < EMPTY_LANES else height * 9 // 20
        lanes = height - max(min(need, most), LOWEST_PANE)
        return {
            front: Place(0, 0, width, lanes, tabs),
            visible[0]: Place(0, lanes, width, height - lanes, together[0]),
        }
    if len(together) == 2:
        lanes = height * 11 // 20
        left = width // 2
        return {
            front: Place(0, 0, width, lanes, tabs),
            visible[0]: Place(0, lanes, left, height - lanes, together[0]),
            visible[1]: Place(left, lanes, width - left, height - lanes, together[1]),
        }
    left = width * 58 // 100
    lanes = height * 13 // 20
    places = {
        front: Place(0, 0, left, lanes, tabs),
        "sql": Place(0, lanes, left, height - lanes, ("sql",)),
    }
    top = 0
    for pane, share in (("locks", 9), ("table", 13), ("verdict", 12), ("why", 0)):
        tall = height * share // 45 if share else height - top
        places[pane] = Place(left, top, width - left, tall, (pane,))
        top += tall
    return places
