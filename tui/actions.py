"""Everything a key or a button can do. Bindings, footer, help and menu are all generated from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from textual.binding import Binding, BindingType

from tui import refusals
from tui.action import EVERYWHERE, SCREENS, Action, Scope


def actions(*scopes: Scope) -> tuple[Action, ...]:
    """The actions of these scopes with the keys in effect, in the order of the registry."""
    return tuple(action for action in _in_effect.values() if action.scope in scopes)


def find(action_id: str) -> Action:
    """The action of that id; raises `KeyError`."""
    return _in_effect[action_id]


def keys_of(*action_ids: str) -> str:
    """The first key of each, as a sentence names them: ``Space``, ``←→``, ``PgUp/PgDn``."""
    keys = [find(action_id).key for action_id in action_ids]
    return ("" if all(len(key) == 1 for key in keys) else "/").join(keys)


def rebind(keys: Mapping[str, Sequence[str]]) -> None:
    """Give these actions other keys, and all others their own ones; to be done before the screen opens."""
    _in_effect.clear()
    _in_effect.update(rebound(keys))


def rebound(keys: Mapping[str, Sequence[str]]) -> dict[str, Action]:
    """Every action by its id, these with other keys; what is deaf in a recording follows the keys of a live lab."""
    actions = {action.id: replace(action, keys=tuple(keys.get(action.id, action.keys))) for action in REGISTRY}
    deaf = actions.pop(DEAF)
    hearing = (*SCREENS["recording"], EVERYWHERE)
    heard = {key for action in actions.values() if action.scope in hearing for key in action.keys}
    live = [key for action in actions.values() if action.scope == "lab" for key in action.keys]
    return actions | {DEAF: replace(deaf, keys=tuple(key for key in live if key not in heard))}


def bindings(*scopes: Scope) -> list[BindingType]:
    """Key bindings for Textual, with every action's own keys; `keymap` has those in effect."""
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
        for action in _own.values()
        if action.scope in scopes
    ]


def keymap() -> dict[str, str]:
    """The keys that differ from an action's own, for `App.set_keymap`."""
    return {action.id: ",".join(action.keys) for action in _in_effect.values() if action.keys != _own[action.id].keys}


def footer(*scopes: Scope) -> tuple[Action, ...]:
    """The footer's buttons in order of importance: `?` is always the first."""
    return tuple(sorted((one for one in actions(*scopes, "everywhere") if one.footer), key=lambda one: one.footer))


DEAF = "deaf"
"""Answers, in a recording, the keys of the live screen that mean nothing else there."""

REGISTRY: tuple[Action, ...] = (
    # catalogue
    Action(
        "open", ("enter", "space"), "open", "Open the selected lab. On a recording: show it.", "catalogue", footer=2
    ),
    Action("move.down", ("down", "j"), "down", "Go to the next lab, or recording.", "catalogue", argument="1"),
    Action("move.up", ("up", "k"), "up", "Go to the one before.", "catalogue", argument="-1"),
    Action(
        "engine.catalogue",
        ("E",),
        "engine",
        "Go on on the other one of the program's own servers.",
        "catalogue",
        footer=3,
    ),
    Action(
        "recordings.next",
        ("tab", "shift+tab"),
        "recordings",
        "Go to the lab's recordings, and back to the labs.",
        "catalogue",
        footer=4,
    ),
    Action("recordings.in", ("right", "l"), "recordings", "Go to the lab's recordings.", "catalogue", argument="True"),
    Action("recordings.out", ("left", "h", "escape"), "labs", "Go back to the labs.", "catalogue", argument="False"),
    Action(
        "resume", ("b",), "go on", "Go on with the lab's latest run where it was broken off.", "catalogue", footer=9
    ),
    Action(
        "forget",
        ("B",),
        "do not go on",
        "Let the run that was broken off count as cancelled, so that it is not offered any more.",
        "catalogue",
    ),
    Action(
        "copy.catalogue",
        ("y",),
        "copy",
        "Copy what is told of the lab, for the terminal's clipboard and to a file.",
        "catalogue",
        footer=14,
    ),
    Action("remove", ("D", "delete"), "delete", "Delete the chosen recording.", "catalogue", footer=30),
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
        "Go on on the other one of the program's own servers; what runs next runs there.",
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
    Action(
        "pause",
        ("p",),
        "pause",
        "Have the running experiment stand still, where it can; again: go on.",
        "lab",
        footer=19,
        refusal=refusals.cannot_turn,
    ),
    Action(
        "dial.up",
        ("plus", "equals_sign"),
        "dial up",
        "Raise what the running experiment lets be changed, such as how long it rests.",
        "lab",
        refusal=refusals.cannot_turn,
        argument="1",
    ),
    Action(
        "dial.down",
        ("minus",),
        "dial down",
        "Lower it.",
        "lab",
        refusal=refusals.cannot_turn,
        argument="-1",
    ),
    Action("edge.top", ("g", "home"), "top", "Go to the pane's first line.", "lab", argument="-1"),
    Action("edge.bottom", ("end",), "bottom", "Go to the pane's last line and stay with it.", "lab", argument="1"),
    Action("past.back", ("comma",), "back in time", "Show what there was a step before.", "lab", 26, argument="-1"),
    Action("past.on", ("full_stop",), "on in time", "From the past, go on towards the present.", "lab", argument="1"),
    Action(
        "again",
        ("f",),
        "run to here",
        "From the past, run the experiment again up to the step that is shown, and go on from there.",
        "lab",
        refusal=refusals.cannot_run_to_here,
    ),
    Action("live", ("G",), "live", "Go back to the present; there, to the pane's last line.", "lab"),
    # replay
    Action(
        "forward",
        ("space", "right", "full_stop"),
        "next step",
        "Go on to the next step; pause what plays.",
        "replay",
        footer=2,
    ),
    Action("backward", ("left", "comma"), "back", "Go one step back.", "replay", footer=3),
    Action("play", ("a",), "play", "Play by itself at a pace that can be followed; again: pause.", "replay", footer=4),
    Action("speed.up", ("plus", "equals_sign"), "faster", "Play faster.", "replay", argument="1"),
    Action("speed.down", ("minus",), "slower", "Play slower.", "replay", argument="-1"),
    Action("from_start", ("g",), "from the start", "Go back to the first step.", "replay", footer=5),
    Action("to_end", ("G",), "to the end", "Go on to the last step.", "replay", footer=9),
    Action("recorded.next", ("n",), "next", "Go to the next experiment of the recording.", "replay", 8, argument="1"),
    Action("recorded.previous", ("N",), "previous", "Go to the experiment before.", "replay", argument="-1"),
    Action("stop", ("escape",), "leave", "Leave the recording.", "replay", footer=6),
    Action("edge.first", ("home",), "top", "Go to the pane's first line.", "replay", argument="-1"),
    Action("edge.last", ("end",), "bottom", "Go to the pane's last line.", "replay", argument="1"),
    Action("cell.right", ("l",), "cell right", "Of a table of cells, go to the next one.", "replay", argument="1"),
    Action("cell.left", ("h",), "cell left", "Of a table of cells, go to the one before.", "replay", argument="-1"),
    Action(DEAF, (), "", "What needs a server.", "replay", hidden=True),
    # the panes of a lab, live or replayed
    Action("zoom", ("z",), "zoom", "Give the pane the whole screen; again: show the others too.", "panes", footer=23),
    Action(
        "copy", ("y",), "copy", "Copy all of the pane, for the terminal's clipboard and to a file.", "panes", footer=26
    ),
    Action(
        "export", ("x",), "export", "Export the run: Markdown, a picture, or SQL for two terminals.", "panes", footer=26
    ),
    Action("pane.next", ("tab",), "next pane", "Go to the next pane.", "panes", footer=24, argument="1"),
    Action("pane.previous", ("shift+tab",), "pane before", "Go to the pane before.", "panes", argument="-1"),
    *(
        Action(f"show.{pane}", (key,), label, told, "panes", footer=place, argument=f"'{pane}'")
        for pane, key, label, place, told in (
            ("why", "w", "why", 14, "Show why this happens."),
            ("sql", "s", "SQL", 15, "Show every statement as it was sent."),
            ("verdict", "v", "verdict", 16, "Show what was claimed and measured."),
            ("orders", "o", "orders", 17, "Show what came of every order, a cell each."),
            (
                "anomalies",
                "A",
                "anomalies",
                19,
                "Show which anomaly occurs where, a cell each.",
            ),
            ("errors", "exclamation_mark", "error", 27, "Show what went wrong, why, and what to do next."),
            ("versions", "V", "versions", 28, "Show what a row was when: its changes side by side, other rows below."),
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
    Action("tour", ("T",), "tour", "Be shown round, in three minutes; again: end the tour.", "everywhere", footer=8),
    Action(
        "theme.next", ("f2",), "theme", "Go on to the next theme: dark, light, or the terminal's own.", "everywhere"
    ),
    Action("leave", ("q",), "quit", "Leave the program.", "everywhere", footer=7),
    Action(
        "interrupt",
        ("ctrl+c",),
        "interrupt",
        "Leave at once; whatever runs is cancelled and rolled back.",
        "everywhere",
        priority=True,
    ),
    Action(
        "suspend",
        ("ctrl+z",),
        "suspend",
        "Go back to the shell for a while; fg returns, and the lab goes on meanwhile.",
        "everywhere",
        priority=True,
    ),
)

_own = rebound({})
_in_effect = dict(_own)
