"""Everything a key or a button can do. Bindings, footer, help and menu are all generated from here."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from tui import refusals
from tui.action import Action, Scope


def actions(*scopes: Scope) -> tuple[Action, ...]:
    """The actions of these scopes, in the order of the registry."""
    return tuple(action for action in REGISTRY if action.scope in scopes)


def find(action_id: str) -> Action:
    """The action of that id; raises `KeyError`."""
    return _BY_ID[action_id]


def bindings(*scopes: Scope) -> list[BindingType]:
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
        for action in actions(*scopes)
    ]


def footer(*scopes: Scope) -> tuple[Action, ...]:
    """The footer's buttons in order of importance: `?` is always the first."""
    return tuple(sorted((one for one in actions(*scopes, "everywhere") if one.footer), key=lambda one: one.footer))


REGISTRY: tuple[Action, ...] = (
    # catalogue
    Action("open", ("enter", "space"), "open", "Open the selected lab.", "catalogue", footer=2),
    Action("move.down", ("down", "j"), "down", "Go to the next lab.", "catalogue", argument="1"),
    Action("move.up", ("up", "k"), "up", "Go to the lab before.", "catalogue", argument="-1"),
    Action(
        "engine.catalogue",
        ("E",),
        "engine",
        "Go on on the other one of the program's own servers.",
        "catalogue",
        footer=3,
    ),
    *(
        Action(
            f"jump.{number}",
            (str(number),),
            f"lab {number}",
            "Go to a lab by its number.",
            "catalogue",
            argument=str(number),
            hidden=number > 1,
            shown_keys="1-9",
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
    Action("run", ("r",), "run", "Run the experiment without stopping.", "lab", footer=3, refusal=refusals.cannot_run),
    Action(
        "level",
        ("i",),
        "next level",
        "Run the same order again at the next isolation level; what differs is marked.",
        "lab",
        footer=10,
        refusal=refusals.cannot_go_on_to_next_level,
    ),
    Action(
        "engine.lab",
        ("E",),
        "engine",
        "Go on on the other one of the program's own servers; then r or Space runs the same order there.",
        "lab",
        footer=8,
        refusal=refusals.needs_peace,
    ),
    Action(
        "play_on",
        ("a",),
        "play on",
        "Let a stepped run go on by itself.",
        "lab",
        footer=12,
        refusal=refusals.cannot_play_on,
    ),
    Action(
        "experiment.next",
        ("n",),
        "next",
        "Select the next experiment.",
        "lab",
        footer=11,
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
        footer=9,
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
        refusal=refusals.cannot_reset,
    ),
    Action(
        "cancel",
        ("c",),
        "cancel",
        "End the running experiment: statements cancelled, transactions rolled back.",
        "lab",
        footer=18,
        refusal=refusals.cannot_cancel,
    ),
    Action("back", ("escape",), "back", "Go back to the catalogue.", "lab", footer=6),
    Action(
        "lane.right",
        ("right", "l"),
        "lane right",
        "Choose the lane to the right; in a table of cells, the next cell.",
        "lab",
        footer=25,
        refusal=refusals.cannot_choose_lane,
        argument="1",
    ),
    Action(
        "lane.left",
        ("left", "h"),
        "lane left",
        "Choose the lane to the left; in a table of cells, the cell before.",
        "lab",
        refusal=refusals.cannot_choose_lane,
        argument="-1",
    ),
    Action(
        "step_lane",
        ("enter",),
        "step lane",
        "Let the next statement of the chosen lane go; in a table of cells, show the cell in the lanes.",
        "lab",
        refusal=refusals.cannot_step_lane,
    ),
    Action("edge.top", ("g", "home"), "top", "Go to the pane's first line.", "lab", argument="-1"),
    Action("edge.bottom", ("G", "end"), "bottom", "Go to the pane's last line and stay with it.", "lab", argument="1"),
    # replay
    Action("forward", ("space", "right"), "next step", "Go on to the next step; pause what plays.", "replay", footer=2),
    Action("backward", ("left",), "back", "Go one step back.", "replay", footer=3),
    Action("play", ("a",), "play", "Play by itself at a pace that can be followed; again: pause.", "replay", footer=4),
    Action("from_start", ("g",), "from the start", "Go back to the first step.", "replay", footer=5),
    Action("to_end", ("G",), "to the end", "Go on to the last step.", "replay", footer=9),
    Action("recorded.next", ("n",), "next", "Go to the next experiment of the recording.", "replay", 8, argument="1"),
    Action("recorded.previous", ("N",), "previous", "Go to the experiment before.", "replay", argument="-1"),
    Action("stop", ("escape",), "leave", "Leave the program.", "replay"),
    Action("edge.first", ("home",), "top", "Go to the pane's first line.", "replay", argument="-1"),
    Action("edge.last", ("end",), "bottom", "Go to the pane's last line.", "replay", argument="1"),
    Action("cell.right", ("l",), "cell right", "Of a table of cells, go to the next one.", "replay", argument="1"),
    Action("cell.left", ("h",), "cell left", "Of a table of cells, go to the one before.", "replay", argument="-1"),
    Action("deaf", ("r", "i", "E", "u", "R", "e", "c", "enter"), "", "What needs a server.", "replay", hidden=True),
    # the panes of a lab, live or replayed
    Action("pane.next", ("tab",), "next pane", "Go to the next pane.", "panes", footer=24, argument="1"),
    Action("pane.previous", ("shift+tab",), "pane before", "Go to the pane before.", "panes", argument="-1"),
    *(
        Action(f"show.{pane}", (key,), label, told, "panes", footer=place, argument=f"'{pane}'")
        for pane, key, label, place, told in (
            ("why", "w", "why", 14, "Show why this happens."),
            ("sql", "s", "SQL", 15, "Show every statement as it was sent."),
            ("verdict", "v", "verdict", 16, "Show what was claimed and measured."),
            ("orders", "o", "orders", 17, "Show what came of every order; arrows choose a cell, Enter opens it."),
            (
                "anomalies",
                "A",
                "anomalies",
                19,
                "Show which anomaly occurs where; arrows choose a cell, Enter opens it.",
            ),
            ("chart", "C", "chart", 25, "Show what was measured, side by side."),
            ("locks", "L", "locks", 20, "Show who waits for whom, and who has what locked."),
            ("table", "t", "table", 21, "Show the tables, and what must always hold."),
            ("lanes", "S", "sessions", 22, "Show the sessions, and let them be what scrolls."),
        )
    ),
    Action(
        "scroll.down",
        ("down", "j"),
        "scroll down",
        "Scroll the pane down; in a table of cells, go down.",
        "panes",
        argument="1",
    ),
    Action(
        "scroll.up", ("up", "k"), "scroll up", "Scroll the pane up; in a table of cells, go up.", "panes", argument="-1"
    ),
    Action("page.down", ("pagedown",), "page down", "Scroll the pane down by its height.", "panes", argument="1"),
    Action("page.up", ("pageup",), "page up", "Scroll the pane up by its height.", "panes", argument="-1"),
    # everywhere
    Action("help", ("question_mark",), "keys", "Show the keys of this screen.", "everywhere", footer=1),
    Action("command_palette", ("colon", "ctrl+p"), "menu", "Find an action by name.", "everywhere", footer=13),
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
