"""The bottom line: buttons with their keys, the help key first and never clipped."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.text import Text
from textual.events import Click

from tui.action import Action
from tui.text import styled
from tui.widgets.lines import LinesView

Possible = Callable[[Action], bool]


def buttons(actions: Sequence[Action], width: int) -> list[tuple[int, int, Action]]:
    """The buttons that fit: where each starts and ends (exclusive), and its action."""
    placed: list[tuple[int, int, Action]] = []
    x = 1
    for number, action in enumerate(actions):
        length = cell_len(action.key) + 1 + len(action.label)
        room = width if number == len(actions) - 1 else width - 3
        if x + length > room:
            break
        placed.append((x, x + length, action))
        x += length + 2
    return placed


def line(actions: Sequence[Action], width: int, possible: Possible) -> Text:
    """The footer as text; an ellipsis says that there are more keys, and what cannot act now is dimmed."""
    placed = buttons(actions, width)
    text = Text()
    for start, _, action in placed:
        text.append(" " * (start - text.cell_len))
        able = possible(action)
        text.append_text(styled((action.key, "key" if able else "off"), " ", (action.label, "" if able else "off")))
    return text if len(placed) == len(actions) else text.append("  …", "dim")


class FooterLine(LinesView):
    """The footer of a screen."""

    def __init__(self, actions: Sequence[Action], possible: Possible = lambda action: True) -> None:
        super().__init__(classes="bar")
        self._actions = actions
        self._possible = possible

    def draw(self, width: int, height: int) -> list[Text]:
        """One line."""
        return [line(self._actions, width, self._possible)]

    async def on_click(self, event: Click) -> None:
        """Press the button under the mouse."""
        for start, end, action in buttons(self._actions, self.size.width):
            if start <= event.x < end:
                await self.screen.run_action(action.call)
