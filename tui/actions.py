"""Everything a key or a button can do. Bindings, footer, help and palette are all generated from here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from textual.binding import Binding, BindingType

from tui import refusals

if TYPE_CHECKING:
    from tui.state import LabState
    from tui.view import View

Scope = Literal["everywhere", "catalogue", "lab"]
Refusal = Callable[["LabState", "View"], str]
"""Why an action cannot act now, as a sentence; empty when it can."""

_KEY_NAMES = {
    "question_mark": "?",
    "colon": ":",
    "space": "Space",
    "enter": "Enter",
    "escape": "Esc",
    "tab": "Tab",
    "shift+tab": "Shift+Tab",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
}


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

    @property
    def call(self) -> str:
        """The action as Textual runs it."""
        target = "app." if self.scope == "everywhere" else "screen."
        return f"{target}{self.id.partition('.')[0]}({self.argument})"

    @property
    def key(self) -> str:
        """The first key, as printed on a keyboard."""
        return key_name(self.keys[0])

    @property
    def all_keys(self) -> str:
        """Every key, as printed on a keyboard."""
        return " ".join(key_name(key) for key in self.keys)


def key_name(key: str) -> str:
    """A key as a person calls it."""
    return _KEY_NAMES.get(key, key)


def actions(*scopes: Scope) -> tuple[Action, ...]:
    """The actions of these scopes, in the order of the registry."""
    return tuple(action for action in REGISTRY if action.scope in scopes)


def find(action_id: str) -> Action:
    """The action of that id; raises `KeyError`."""
    return _BY_ID[action_id]


def bindings(scope: Scope) -> list[BindingType]:
    """Key bindings for Textual."""
    return [
        Binding(
            ",".join(action.keys),
            action.call,
            action.label,
            tooltip=action.tooltip,
            id=action.id,
            show=False,
            priority=action.priority,
        )
        for action in actions(scope)
    ]


def footer(scope: Scope) -> tuple[Action, ...]:
    """The footer's buttons in order of importance: `?` is always the first."""
    return tuple(sorted((one for one in actions(scope, "everywhere") if one.footer), key=lambda one: one.footer))


REGISTRY: tuple[Action, ...] = (
    # catalogue
    Action("open", ("enter", "space"), "open", "Open the selected lab.", "catalogue", footer=2),
    Action("move.down", ("down", "j"), "down", "Go to the next lab.", "catalogue", argument="1"),
    Action("move.up", ("up", "k"), "up", "Go to the lab before.", "catalogue", argument="-1"),
    *(
        Action(
            f"jump.{number}", (str(number),), f"lab {number}", f"Go to lab {number}.", "catalogue", argument=str(number)
        )
        for number in range(1, 10)
    ),
    # lab
    Action(
        "step",
        ("space",),
        "step",
        "Start the experiment step by step; then let the next statement go.",
        "lab",
        footer=2,
        refusal=refusals.cannot_step,
    ),
    Action("run", ("r",), "run", "Run the experiment without stopping.", "lab", footer=3, refusal=refusals.needs_peace),
    Action(
        "play_on",
        ("a",),
        "play on",
        "Let a stepped run go on by itself.",
        "lab",
        footer=10,
        refusal=refusals.cannot_play_on,
    ),
    Action(
        "experiment.next",
        ("n",),
        "next",
        "Select the next experiment.",
        "lab",
        footer=9,
        refusal=refusals.needs_peace,
        argument="1",
    ),
    Action(
        "experiment.previous",
        ("N",),
        "previous",
        "Select the experiment before.",
        "lab",
        refusal=refusals.needs_peace,
        argument="-1",
    ),
    Action(
        "setup",
        ("e",),
        "set up",
        "Choose the experiment and its parameters.",
        "lab",
        footer=8,
        refusal=refusals.needs_peace,
    ),
    Action(
        "roll_back",
        ("u",),
        "rollback",
        "Undo the latest experiment, the way production would.",
        "lab",
        footer=4,
        refusal=refusals.cannot_roll_back,
    ),
    Action(
        "reset",
        ("R",),
        "reset",
        "Drop the lab's own schema and rebuild it from the seed.",
        "lab",
        footer=5,
        refusal=refusals.needs_peace,
    ),
    Action(
        "cancel",
        ("c",),
        "cancel",
        "End the running experiment: statements cancelled, transactions rolled back.",
        "lab",
        footer=15,
        refusal=refusals.cannot_cancel,
    ),
    Action("back", ("escape",), "back", "Go back to the catalogue.", "lab", footer=6),
    Action(
        "lane.right",
        ("right", "l"),
        "lane right",
        "Choose the lane to the right.",
        "lab",
        footer=17,
        refusal=refusals.cannot_choose_lane,
        argument="1",
    ),
    Action(
        "lane.left",
        ("left", "h"),
        "lane left",
        "Choose the lane to the left.",
        "lab",
        refusal=refusals.cannot_choose_lane,
        argument="-1",
    ),
    Action(
        "step_lane",
        ("enter",),
        "step lane",
        "Let the next statement of the chosen lane go.",
        "lab",
        refusal=refusals.cannot_step_lane,
    ),
    Action("pane.next", ("tab",), "next pane", "Go to the next pane.", "lab", footer=16, argument="1"),
    Action("pane.previous", ("shift+tab",), "pane before", "Go to the pane before.", "lab", argument="-1"),
    Action("show.why", ("w",), "why", "Show why this happens.", "lab", footer=12, argument="'why'"),
    Action("show.sql", ("s",), "SQL", "Show every statement as it was sent.", "lab", footer=13, argument="'sql'"),
    Action(
        "show.verdict", ("v",), "verdict", "Show what was claimed and measured.", "lab", footer=14, argument="'verdict'"
    ),
    Action("scroll.down", ("down", "j"), "scroll down", "Scroll the pane down.", "lab", argument="1"),
    Action("scroll.up", ("up", "k"), "scroll up", "Scroll the pane up.", "lab", argument="-1"),
    Action("page.down", ("pagedown",), "page down", "Scroll the pane down by its height.", "lab", argument="1"),
    Action("page.up", ("pageup",), "page up", "Scroll the pane up by its height.", "lab", argument="-1"),
    Action("edge.top", ("g", "home"), "top", "Go to the pane's first line.", "lab", argument="-1"),
    Action("edge.bottom", ("G", "end"), "bottom", "Go to the pane's last line and stay with it.", "lab", argument="1"),
    # everywhere
    Action("help", ("question_mark",), "keys", "Show the keys of this screen.", "everywhere", footer=1),
    Action("command_palette", ("colon", "ctrl+p"), "menu", "Find an action by name.", "everywhere", footer=11),
    Action("leave", ("q",), "quit", "Leave the program.", "everywhere", footer=7),
    Action(
        "interrupt",
        ("ctrl+c",),
        "interrupt",
        "Leave at once; whatever runs is cancelled and rolled back.",
        "everywhere",
        priority=True,
    ),
)

_BY_ID = {action.id: action for action in REGISTRY}
