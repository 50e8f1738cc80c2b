"""Colours by meaning. Orange asks for attention, blue says that all is well; no status is told by colour alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from rich.console import Console
from rich.theme import Theme as Roles
from textual.theme import Theme

ANSI = "ansi-dark"
"""Textual's theme of the terminal's own sixteen colours."""

DARK = Theme(
    name="ninelabs-dark",
    primary="#6cb6ff",
    secondary="#8ea3bd",
    accent="#f0a04b",
    warning="#f0a04b",
    error="#ff8272",
    success="#6cb6ff",
    foreground="#d5dce6",
    background="#10151d",
    surface="#161d28",
    panel="#1d2735",
    dark=True,
)

_DARK_ROLES = {
    "ok": "#6cb6ff",
    "wait": "bold #f0a04b",
    "error": "bold #ff8272",
    "changed": "bold #f0a04b",
    "title": "bold #e8eef7",
    "focus": "bold #10151d on #6cb6ff",
    "key": "bold #6cb6ff",
    "rule": "#4a5a70",
    "dim": "#93a1b4",
    "off": "#8492a6",
    "cursor": "bold #ffffff on #26405f",
    "verdict.good": "bold #10151d on #6cb6ff",
    "verdict.bad": "bold #10151d on #f0a04b",
}

_ANSI_ROLES = {
    "ok": "bright_blue",
    "wait": "bold yellow",
    "error": "bold red",
    "changed": "bold yellow",
    "title": "bold",
    "focus": "bold reverse",
    "key": "bold bright_blue",
    "rule": "dim",
    "dim": "dim",
    "off": "dim",
    "cursor": "reverse",
    "verdict.good": "bold reverse bright_blue",
    "verdict.bad": "bold reverse yellow",
}


def wants_ansi(environment: Mapping[str, str]) -> bool:
    """Whether the terminal has only sixteen colours, or the person asked for none."""
    if environment.get("NO_COLOR"):
        return True
    if environment.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return False
    term = environment.get("TERM", "").lower()
    return not ("256" in term or "direct" in term or term.endswith(("-kitty", "-ghostty")) or term == "alacritty")


@lru_cache(maxsize=2)
def console(ansi: bool) -> Console:
    """What turns the roles that lines are written in into colours."""
    return Console(theme=Roles(_ANSI_ROLES if ansi else _DARK_ROLES), force_terminal=True, markup=False, emoji=False)
