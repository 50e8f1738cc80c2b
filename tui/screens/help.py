"""The keys of a screen, generated from the registry of actions."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from tui.action import Scope
from tui.actions import actions
from tui.screens.dialog import Dialog
from tui.text import styled, wrap

_KEY_CELLS = 13
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

    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark,q,enter", "dismiss", show=False)]

    def __init__(self, scopes: tuple[Scope, ...]) -> None:
        super().__init__("Keys")
        self._scopes = scopes

    def lines(self, width: int) -> list[Text]:
        """What the glyphs mean; then one line a key, what is used most first."""
        body: list[Text] = []
        if "panes" in self._scopes:
            legend = " · ".join(f"{glyph} {meaning}" for glyph, meaning in _LEGEND)
            body += [*(Text(line) for line in wrap(legend, width)), Text()]
        for action in actions(*self._scopes, "everywhere"):
            if action.hidden:
                continue
            first, *rest = wrap(action.tooltip, width - _KEY_CELLS)
            body.append(styled((action.all_keys.ljust(_KEY_CELLS), "key"), first))
            body += [Text(" " * _KEY_CELLS + line) for line in rest]
        return body
