"""Who waits for whom, and who holds what."""

from __future__ import annotations

from collections import defaultdict

from rich.text import Text

from tui.state import LabState
from tui.text import clean, seconds, styled, wrap
from tui.view import View
from tui.widgets.pane import Content


def lines(state: LabState, view: View, width: int) -> Content:
    """The wait-for graph, edge by edge, then the locks held, session by session."""
    sample = state.locks
    if sample is None or not (sample.waits or sample.held):
        text = "No lock is held and nobody waits." if state.running else "Nothing runs: no lock is held."
        return Content([styled((f" {text}", "dim"))])
    body: list[Text] = []
    for wait in sample.waits:
        age = wait.milliseconds / 1000 + max(state.now - sample.t, 0.0)
        edge = styled(
            (f" {clean(wait.blocker)}", "title"),
            (" ◄── ", "wait"),
            (clean(wait.waiter), "title"),
            (f"   … waits {seconds(age)}", "wait"),
        )
        body.append(edge.append(f"   {_mode(wait.mode)} on {clean(wait.object)}"))
    if cycle := _cycle([(wait.waiter, wait.blocker) for wait in sample.waits]):
        body.append(styled((" ! DEADLOCK ", "verdict.bad"), " " + " → ".join(clean(name) for name in cycle)))
    if not sample.waits:
        body.append(styled((" Nobody waits.", "dim")))
    held: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for lock in sample.held:
        held[lock.session].setdefault(clean(lock.object), []).append(_mode(lock.mode))
    for session in sorted(held):
        label = f" {clean(session)} holds  "
        told = " · ".join(f"{thing}: {', '.join(modes)}" for thing, modes in held[session].items())
        for number, line in enumerate(wrap(told, width - len(label))):
            body.append(styled((label if number == 0 else " " * len(label), "title"), line))
    return Content(body)


def _mode(mode: str) -> str:
    """PostgreSQL's modes all end in the same word."""
    return clean(mode).removesuffix("Lock")


def _cycle(edges: list[tuple[str, str]]) -> list[str]:
    """One closed chain of waits, first name repeated at its end; empty when there is none."""
    blockers: dict[str, list[str]] = defaultdict(list)
    for waiter, blocker in edges:
        blockers[waiter].append(blocker)

    def walk(path: list[str]) -> list[str]:
        for name in blockers[path[-1]]:
            if name == path[0]:
                return [*path, name]
            if name not in path and (found := walk([*path, name])):
                return found
        return []

    return next((found for start in sorted(blockers) if (found := walk([start]))), [])
