"""Colours by meaning. Orange asks for attention, blue says that all is well; no status is told by colour alone."""

from __future__ import annotations

from functools import lru_cache

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.theme import Theme as Roles
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import BUILTIN_THEMES, Theme

from labs.stream.terminal import Look
from tui.settings.settings import THEMES as CHOICES

NAMES = CHOICES[1:]

_DARK = Theme(
    name="dark",
    primary="#6cb6ff",
    secondary="#8ea3bd",
    accent="#f0a04b",
    warning="#f0a04b",
    error="#ff8272",
    success="#6cb6ff",
    foreground="#d5dce6",
    background="#14161a",
    surface="#1b1d22",
    panel="#24272e",
    dark=True,
)
_LIGHT = Theme(
    name="light",
    primary="#0a56a6",
    secondary="#4a5d75",
    accent="#8f4300",
    warning="#8f4300",
    error="#a81c16",
    success="#0a56a6",
    foreground="#202226",
    background="#fcfcfc",
    surface="#f5f5f6",
    panel="#f0f1f2",
    dark=False,
)
# Textual's own have dark blue on black, and red and green with a meaning.
_ANSI_DARK = Theme(
    name="ansi-dark",
    primary="ansi_cyan",
    secondary="ansi_cyan",
    accent="ansi_yellow",
    warning="ansi_yellow",
    error="ansi_bright_red",
    success="ansi_cyan",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=True,
    ansi=True,
    variables=BUILTIN_THEMES["ansi-dark"].variables | {"border-blurred": "ansi_white"},
)
_ANSI_LIGHT = Theme(
    name="ansi-light",
    primary="ansi_blue",
    secondary="ansi_blue",
    accent="ansi_magenta",
    warning="ansi_magenta",
    error="ansi_red",
    success="ansi_blue",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=False,
    ansi=True,
    variables=BUILTIN_THEMES["ansi-light"].variables | {"border-blurred": "ansi_black"},
)
THEMES: dict[str, Theme] = {
    "dark": _DARK,
    "light": _LIGHT,
    "ansi-dark": _ANSI_DARK,
    "ansi-light": _ANSI_LIGHT,
}

ROLES: dict[str, dict[str, str]] = {
    "dark": {
        "ok": "#6cb6ff",
        "wait": "bold #f0a04b",
        "error": "bold #ff8272",
        "changed": "bold #f0a04b",
        "title": "bold #f0f0f2",
        "focus": "bold #14161a on #6cb6ff",
        "key": "bold #6cb6ff",
        "rule": "#757a82",
        "dim": "#a2a6ad",
        "off": "#8f939a",
        "cursor": "bold #ffffff on #1d4a7a",
        "verdict.good": "bold #14161a on #6cb6ff",
        "verdict.bad": "bold #14161a on #f0a04b",
    },
    "light": {
        "ok": "#0a56a6",
        "wait": "bold #8f4300",
        "error": "bold #a81c16",
        "changed": "bold #8f4300",
        "title": "bold #0b1320",
        "focus": "bold #ffffff on #0a56a6",
        "key": "bold #0a56a6",
        "rule": "#6f7a86",
        "dim": "#48566a",
        "off": "#545f70",
        "cursor": "bold #0b1320 on #c0dff8",
        "verdict.good": "bold #ffffff on #0a56a6",
        "verdict.bad": "bold #ffffff on #8f4300",
    },
    # Secondary text keeps the terminal's own colour: what is dimmed there is too dark to read in many a palette. Only
    # what cannot act and what merely divides is dimmed.
    "ansi-dark": {
        "ok": "cyan",
        "wait": "bold yellow",
        "error": "bold bright_red",
        "changed": "bold yellow",
        "title": "bold",
        "focus": "bold reverse",
        "key": "bold cyan",
        "rule": "dim",
        "dim": "none",
        "off": "dim",
        "cursor": "not dim reverse",
        "verdict.good": "bold reverse cyan",
        "verdict.bad": "bold reverse yellow",
    },
    # Where bold makes a colour brighter, it takes it out of sight on white: here only what has no colour is bold.
    "ansi-light": {
        "ok": "blue",
        "wait": "magenta",
        "error": "red",
        "changed": "magenta",
        "title": "bold",
        "focus": "bold reverse",
        "key": "blue",
        "rule": "dim",
        "dim": "none",
        "off": "dim",
        "cursor": "not dim reverse",
        "verdict.good": "reverse blue",
        "verdict.bad": "reverse magenta",
    },
}


def fitting(look: Look, wanted: str = "auto") -> str:
    """The theme for a terminal: the one that is wanted, or the one that it was recognised to need."""
    ansi = look.colours == "none" or (not look.own_colours if wanted == "auto" else wanted.startswith("ansi-"))
    dark = look.dark if wanted == "auto" else wanted.endswith("dark")
    return next(name for name in NAMES if name.startswith("ansi-") == ansi and name.endswith("dark") == dark)


def after(name: str, look: Look) -> str:
    """The theme to go on to, among those that the terminal has colours for."""
    offered: list[str] = [other for other in NAMES if look.own_colours or other.startswith("ansi-")]
    at = offered.index(name) if name in offered else -1
    return offered[(at + 1) % len(offered)]


class Reversal(LineFilter):
    """Without colours, what stands on a background of its own is reversed instead."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments, some of them reversed."""
        return [
            Segment(
                text, style + _REVERSED if style and style.bgcolor and not style.bgcolor.is_default else style, control
            )
            for text, style, control in segments
        ]


_REVERSED = Style(reverse=True)


@lru_cache(maxsize=len(NAMES))
def console(theme: str) -> Console:
    """What turns the roles that lines are written in into colours."""
    return Console(theme=Roles(ROLES[theme]), force_terminal=True, markup=False, emoji=False)
