"""Questions before something is lost. The answer is no, unless the one letter for yes is typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Key

from tui.screens.dialog import Dialog
from tui.state import LabState
from tui.text import clean, styled, wrap
from tui.widgets.table import rows_of


class Confirm(Dialog[bool]):
    """Says what will be lost, and takes one letter for yes; Enter is no.

    Where the letter is not `y`, every other key is no.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,n,q", "dismiss(False)", show=False)]

    def __init__(self, title: str, losses: Sequence[str], yes: str, no: str, letter: str = "y") -> None:
        super().__init__(title)
        self._losses = losses
        self._yes = yes
        self._no = no
        self._letter = letter

    def lines(self, width: int) -> list[Text]:
        """What will be lost, then the answers."""
        body: list[Text] = []
        for loss in self._losses:
            first, *rest = wrap(loss, width - 2)
            body += [styled(("! ", "wait"), first), *(Text(f"  {line}") for line in rest)]
        body.append(Text())
        if self._letter == "y":
            body.append(styled(("y", "key"), f" yes, {self._yes}      ", ("Enter", "key"), f" no, {self._no}"))
        else:
            body.append(styled("type ", (self._letter, "key"), f" to {self._yes}; anything else keeps it"))
        return body

    def on_key(self, event: Key) -> None:
        """Take the letter for yes; where it is a special one, any other for no."""
        if event.character == self._letter:
            event.stop()
            self.dismiss(True)
        elif self._letter != "y" and event.is_printable:
            event.stop()
            self.dismiss(False)


def reset_losses(state: LabState) -> list[str]:
    """What a reset would drop, sentence by sentence."""
    losses = [f"Schema {clean(state.schema)} is dropped and rebuilt from its seed."]
    losses += _tables("Dropped with it", state)
    if state.open_transactions:
        losses.append(f"Open transactions are rolled back: {clean(', '.join(state.open_transactions))}.")
    if state.undoable:
        losses.append(f"{clean(state.title(state.undoable))} can no longer be rolled back.")
    return losses


def rollback_losses(state: LabState) -> list[str]:
    """What a rollback would undo, sentence by sentence."""
    undone = state.run.experiment if state.running and state.run is not None else state.undoable
    losses = [
        f"What {clean(state.title(undone))} has written to {clean(state.schema)} is undone: open transactions "
        "by ROLLBACK, committed work the way production would, which is told afterwards. A fingerprint proves it."
    ]
    losses += _tables("Tables concerned", state)
    if state.open_transactions:
        losses.append(f"Open transactions: {clean(', '.join(state.open_transactions))}.")
    return losses


def leave_losses(state: LabState) -> list[str]:
    """What leaving would end, sentence by sentence."""
    losses = []
    if state.running and state.run is not None:
        losses.append(f"{clean(state.title(state.run.experiment))} is still running; it is cancelled.")
    if state.open_transactions:
        losses.append(f"Open transactions are rolled back: {clean(', '.join(state.open_transactions))}.")
    return losses


def _tables(told: str, state: LabState) -> list[str]:
    """What a sentence says of all tables and of how many rows they have; none where there are no tables."""
    counts = [f"{clean(table.table)} ({rows_of(table)})" for table in state.tables.values()]
    return [f"{told}: {', '.join(counts)}."] if counts else []
