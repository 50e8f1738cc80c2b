"""The menu: every action of the screen beneath it, found by name, shown with its key; and what is on the screen."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui.action import Action
from tui.actions import actions
from tui.screens.page import Page


class Actions(Provider):
    """What the palette offers."""

    async def discover(self) -> Hits:
        """Everything, before a letter is typed."""
        for action in self._actions():
            yield DiscoveryHit(self._named(action), self._run(action), action.label, action.tooltip)

    async def search(self, query: str) -> Hits:
        """What matches."""
        matcher = self.matcher(query)
        for action in self._actions():
            name = self._named(action)
            if score := matcher.match(name):
                yield Hit(score, matcher.highlight(name), self._run(action), name, action.tooltip)
        for found in self.screen.found() if isinstance(self.screen, Page) else ():
            if score := matcher.match(found.name):
                yield Hit(score, matcher.highlight(found.name), found.go, found.name)

    def _actions(self) -> tuple[Action, ...]:
        scopes = self.screen.SCOPES if isinstance(self.screen, Page) else ()
        return tuple(
            action
            for action in actions(*scopes, "everywhere")
            if action.id != "command_palette" and not action.hidden and not action.shown_keys
        )

    def _named(self, action: Action) -> str:
        return f"{action.label}  ({action.key})"

    def _run(self, action: Action) -> partial[Coroutine[Any, Any, None]]:
        return partial(self.screen.run_action, action.call)
