"""Who waits for whom, and who holds what."""

from __future__ import annotations

from collections import defaultdict

from rich.text import Text

from labs.stream.events import LockHeld, LockWait
from tui.state import LabState
from tui.text import clean, cut, seconds, styled, wrap
from tui.view import View
from tui.widgets.pane import Content

_MEANINGS = {
    "RowShare": "reads rows to lock them",
    "RowExclusive": "changes rows",
    "AccessExclusive": "nobody else may even read",
    "IS": "has rows locked to read them",
    "IX": "has rows locked to change them",
    "S": "read, and the gap before it",
    "X": "to change, and the gap before it",
    "S,REC_NOT_GAP": "read, without the gap before it",
    "X,REC_NOT_GAP": "to change, without the gap before it",
    "S,GAP": "only the gap before it: nobody may insert there",
    "X,GAP": "only the gap before it: nobody may insert there",
    "X,GAP,INSERT_INTENTION": "to insert into the gap before it",
    "X,INSERT_INTENTION": "to insert after the last row",
}
"""PostgreSQL's modes of tables, then InnoDB's, of tables and of rows."""

LONGEST = 240
"""Of an object's name, so many characters are shown."""

_EVERYBODYS = ("AccessShare", "SHARED_READ", "SHARED_WRITE")
"""Modes in which a table, or its definition, is locked by whoever reads or writes it."""


def lines(state: LabState, view: View, width: int) -> Content:
    """The wait-for graph, edge by edge, then who has what locked, session by session."""
    sample = state.locks
    if state.running and not state.sessions:
        return Content([styled((" No session has a lane: there is nothing to show here.", "dim"))])
    if sample is None or view.last(state) or not (sample.waits or sample.held):
        text = "No lock is held and nobody waits." if state.running else "Nothing runs: no lock is held."
        return Content([styled((f" {text}", "dim"))])
    body: list[Text] = []
    for wait in sample.waits:
        age = wait.milliseconds / 1000 + max(state.now - sample.t, 0.0)
        edge = styled(
            (f" {clean(wait.waiter)} waits for {clean(wait.blocker)}", "wait"), (f"   {seconds(age):<6}", "title")
        )
        first, *rest = wrap(_reason(wait), max(width - edge.cell_len - 2, 20))
        body += [edge.append(f" {first}"), *(Text("   " + line) for line in rest)]
    if cycle := _cycle([(wait.waiter, wait.blocker) for wait in sample.waits]):
        body.append(styled((" ! DEADLOCK ", "verdict.bad"), " " + " → ".join(clean(name) for name in cycle)))
    if not sample.waits:
        body.append(styled((" Nobody waits.", "dim")))
    wanted = {wait.object for wait in sample.waits}
    has: dict[str, list[str]] = defaultdict(list)
    queues: list[Text] = []
    for lock in sample.held:
        if _is_place(lock):
            told = f"{clean(lock.session)} is first in the queue for {_named(lock.object)}"
            queues += [Text(f" {line}") for line in wrap(told, width - 2)]
        elif lock.object in wanted or not _teaches_nothing(lock):
            has[lock.session].append(f"{_named(lock.object)}: {_meant(lock.mode)}")
    for session in sorted(has):
        label = f" {clean(session)} has  "
        for number, told in enumerate(has[session]):
            for line in wrap(told, width - len(label)):
                body.append(styled((label if number == 0 else " " * len(label), "title"), (line, "dim")))
                label = " " * len(label)
    return Content(body + queues)


def _reason(wait: LockWait) -> str:
    """What keeps somebody waiting, as the end of a sentence about both.

    PostgreSQL keeps it in the row itself who has locked it: one waits for that one's transaction to end, or, where
    others wait for it already, for one's place in the queue.
    """
    what, _, transaction = wait.object.rpartition("transaction ")
    if _of_postgres(wait) and transaction.isdecimal():
        until = f"until its transaction {transaction} ends"
        row = what.removesuffix(", ")
        return f"which has locked or changed {_named(row)}: {until}" if row else until
    if _is_place(wait):
        return f"which is ahead in the queue for {_named(wait.object)}"
    return f"for {_named(wait.object)}: {_meant(wait.mode)}"


def _is_place(lock: LockHeld | LockWait) -> bool:
    """Whether it is no lock of a row, but PostgreSQL's of the first place in the queue for one."""
    return _of_postgres(lock) and lock.object.startswith("row ")


def _of_postgres(lock: LockHeld | LockWait) -> bool:
    return lock.mode.endswith("Lock")


def _teaches_nothing(lock: LockHeld) -> bool:
    """Whether every transaction has such a lock, whatever it does."""
    return _mode(lock.mode) in _EVERYBODYS or lock.object.startswith(("transaction", "virtualxid"))


def _meant(mode: str) -> str:
    """A mode, and in a few words what it means, where there are any."""
    name = _mode(mode)
    return f"{name}, {_MEANINGS[name]}" if name in _MEANINGS else name


def _mode(mode: str) -> str:
    """PostgreSQL's modes all end in the same word."""
    return _named(mode).removesuffix("Lock")


def _named(thing: str) -> str:
    """A lock's object or mode; a row's key can be of any length."""
    return cut(clean(thing[:LONGEST]), LONGEST)


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
