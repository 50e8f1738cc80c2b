"""Keys: how a person calls them, and which of them reach a program in every terminal."""

from __future__ import annotations

import unicodedata

from textual.keys import _character_to_key, format_key

_NAMES = {
    "space": "Space",
    "enter": "Enter",
    "escape": "Esc",
    "tab": "Tab",
    "shift+tab": "Shift+Tab",
    "backspace": "Backspace",
    "delete": "Del",
    "insert": "Ins",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    **{f"f{number}": f"F{number}" for number in range(2, 10)},
}
_BY_NAME = {name.lower(): key for key, name in _NAMES.items()} | {key: key for key in _NAMES}

_MODIFIERS = {"ctrl", "shift", "alt", "option", "meta", "super", "cmd", "hyper"}

EATEN = {
    "ctrl+a": "GNU screen takes it",
    "ctrl+b": "tmux takes it",
    "ctrl+c": "it always interrupts",
    "ctrl+h": "terminals send Backspace for it",
    "ctrl+i": "terminals send Tab for it",
    "ctrl+j": "terminals send a line feed for it",
    "ctrl+m": "terminals send Enter for it",
    "ctrl+o": "macOS takes it",
    "ctrl+q": "terminals resume their output at it",
    "ctrl+s": "terminals stop their output at it",
    "ctrl+v": "terminals quote the next key at it",
    "ctrl+y": "macOS suspends the program at it",
    "ctrl+z": "shells suspend the program at it",
    "f1": "terminals open their help at it",
    "f10": "terminals open their menu at it",
    "f11": "terminals and macOS take it for the full screen",
    "f12": "macOS takes it",
}
"""Keys that something between keyboard and program keeps or changes, and what does."""

WRITTEN = (
    "a character that is printed, or one of Space, Enter, Esc, Tab, Shift+Tab, Backspace, Del, Ins, Left, Right, Up, "
    "Down, PgUp, PgDn, Home, End, F2 to F9, or ctrl+ and a letter"
)
"""What a key may be written as."""


class KeyRefusedError(ValueError):
    """A key that cannot be used; says why, as the end of a sentence."""


def key_name(key: str) -> str:
    """One of Textual's keys, as a person calls it."""
    return _NAMES.get(key) or format_key(key)


def read_key(written: str) -> str:
    """A key as a person writes it, as Textual calls it.

    Raises:
        KeyRefusedError: there is no such key, or it does not reach every program.
    """
    key = _BY_NAME.get(written.lower(), written.lower())
    if reason := EATEN.get(key):
        raise KeyRefusedError(f"does not arrive everywhere: {reason}")
    if key in _NAMES:
        return key
    # What combines with other characters is no key of its own.
    if len(written) == 1 and written.isprintable() and not written.isspace() and not unicodedata.combining(written):
        return _character_to_key(written)
    control, plus, letter = key.partition("+")
    if control == "ctrl" and plus and len(letter) == 1 and letter.isascii() and letter.isalpha():
        return key
    if plus and control in _MODIFIERS:
        raise KeyRefusedError(f"does not arrive everywhere: most terminals have no such key; write {WRITTEN}")
    raise KeyRefusedError(f"is no key: write {WRITTEN}")
