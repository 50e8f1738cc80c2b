"""One thing that a person can do, and the name of its key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tui.settings.keys import key_name

if TYPE_CHECKING:
    from tui.state import LabState
    from tui.view import View

Scope = Literal["everywhere", "catalogue", "lab", "panes", "replay"]
Refusal = Callable[["LabState", "View"], str]
"""Why an action cannot act now, as a sentence; empty when it can."""

EVERYWHERE: Scope = "everywhere"
SCREENS: dict[str, tuple[Scope, ...]] = {
    "catalogue": ("catalogue",),
    "lab": ("lab", "panes"),
    "recording": ("replay", "panes"),
}
"""The scopes that are active together on each screen; what is everywhere is active on all of them."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a person can do on a screen."""

    id: str
    """Also its name for rebinding, and of the method ``action_<id>`` that does it."""
    keys: tuple[str, ...]
    """As Textual names them; the first one is shown."""
    label: str
    """One or two words, for the footer."""
    tooltip: str
    """One sentence, for help and palette."""
    scope: Scope
    footer: int = 0
    """Its place among the footer's buttons: 1 is the most important, 0 is not there."""
    refusal: Refusal | None = None
    priority: bool = False
    argument: str = ""
    """Of the method, as written in a binding."""
    hidden: bool = False
    """Whether help and menu leave it out."""
    shown_keys: str = ""
    """What help shows in the place of its keys."""

    @property
    def call(self) -> str:
        """The action as Textual runs it."""
        target = "app." if self.scope == "everywhere" else "screen."
        return f"{target}{self.id.partition('.')[0]}({self.argument})"

    @property
    def rebindable(self) -> bool:
        """Whether a person may give it other keys."""
        return not (self.hidden or self.shown_keys or self.priority)

    @property
    def key(self) -> str:
        """The first key, as printed on a keyboard."""
        return key_name(self.keys[0])

    @property
    def all_keys(self) -> str:
        """Every key, as printed on a keyboard."""
        return self.shown_keys or " ".join(key_name(key) for key in self.keys)
