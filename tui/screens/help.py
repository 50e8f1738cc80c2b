"""The keys of a screen, generated from the registry of actions."""

from __future__ import annotations

from itertools import zip_longest
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Key

from tui.action import Scope
from tui.actions import actions, find
from tui.screens.dialog import Dialog
from tui.text import fit, styled, wrap

_LEGEND = (
    ("►", "runs"),
    ("▷", "its next statement, held"),
    ("…", "waits"),
    ("┊", "still lasting"),
    ("✓", "ok"),
    ("✗", "refused"),
    ("*", "changed"),
    ("!", "broken"),
)


class HelpDialog(Dialog[None]):
    """Every key that works on the screen beneath."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,enter", "dismiss", show=False),
    ]

    def __init__(self, scopes: tuple[Scope, ...]) -> None:
        super().__init__("Keys")
        self._scopes = scopes

    def on_key(self, event: Key) -> None:
        """What opens it closes it."""
        if event.key in find("help").keys:
            event.stop()
            self.dismiss()

    def lines(self, width: int) -> list[Text]:
        """What the glyphs mean; then one line a key, what is used most first."""
        body: list[Text] = []
        if "panes" in self._scopes:
            legend = " · ".join(f"{glyph} {meaning}" for glyph, meaning in _LEGEND)
            body += [*(Text(line) for line in wrap(legend, width)), Text()]
        listed = [action for action in actions(*self._scopes, "everywhere") if not action.hidden]
        room = min(max(cell_len(action.all_keys) for action in listed), width // 3)
        for action in listed:
            keys, told = wrap(action.all_keys, room), wrap(action.tooltip, width - room - 2)
            body += [
                fit(styled((shown, "key")), room + 2).append(line)
                for shown, line in zip_longest(keys, told, fillvalue="")
            ]
        return body
