"""The menu: every action of the screen beneath it, found by name, shown with its key."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui.actions import Action, actions
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

    def _actions(self) -> tuple[Action, ...]:
        scope = self.screen.SCOPE if isinstance(self.screen, Page) else "everywhere"
        return tuple(action for action in actions(scope, "everywhere") if action.id != "command_palette")

    def _named(self, action: Action) -> str:
        return f"{action.label}  ({action.key})"

    def _run(self, action: Action) -> partial[Coroutine[Any, Any, None]]:
        return partial(self.screen.run_action, action.call)
