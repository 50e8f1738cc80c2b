"""Keys and settings as text: for the terminal, and for the page of documentation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tui.action import Scope
from tui.actions import actions, rebound
from tui.settings.keys import EATEN, WRITTEN, key_name
from tui.settings.settings import Settings
from tui.text import clean, wrap

_TITLES: dict[Scope, str] = {
    "everywhere": "Everywhere",
    "catalogue": "Catalogue",
    "lab": "Lab",
    "replay": "Recording",
    "panes": "Panes of a lab or a recording",
}
_LINE_CHARACTERS = 120


def keys_lines() -> Iterator[str]:
    """A line an action: its keys, its id, what it does."""
    for scope, title in _TITLES.items():
        yield from (title, "")
        for action in actions(scope):
            if not action.hidden:
                yield f"  {action.all_keys:<16} {action.id:<22} {action.tooltip}"
        yield ""


def keys_page() -> Iterator[str]:
    """The same as a page in Markdown, and how to change it."""
    told = (
        "Made by `ninelabs keys --markdown`. The settings give an action other keys, by its id; `ninelabs config` says "
        f"where they are. A key is {WRITTEN}. These do not arrive everywhere, and are refused: "
        + "; ".join(f"{key} ({reason})" for key, reason in EATEN.items())
        + "."
    )
    yield from ("# Keys", "", *wrap(told, _LINE_CHARACTERS), "")
    yield from ("```toml", "[keys]", 'run = "F6"', 'step = ["Space", "F5"]', "```", "")
    yield "In windows the keys are fixed, and the windows say which they are."
    for scope, title in _TITLES.items():
        yield from ("", f"## {title}", "", "| keys | id | what it does |", "|---|---|---|")
        for action in actions(scope):
            if not action.hidden:
                keys = " ".join(f"`{key}`" for key in action.all_keys.split())
                yield f"| {keys} | {f'`{action.id}`' if action.rebindable else ''} | {action.tooltip} |"


def settings_lines(settings: Settings, path: Path) -> Iterator[str]:
    """Settings in the form of their file."""
    yield f"# {clean(str(path))}" if path.exists() else f"# {clean(str(path))} is not there; this holds without it."
    yield f"theme = {json.dumps(settings.theme)}"
    yield f"quiet = {json.dumps(settings.quiet)}"
    yield from ("", "[keys]")
    for action in rebound(settings.keys).values():
        if action.rebindable:
            names = [key_name(key) for key in action.keys]
            yield f"{json.dumps(action.id)} = {json.dumps(names, ensure_ascii=False)}"
