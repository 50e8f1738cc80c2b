"""What an experiment finds cell by cell, on one engine after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from tui.state import Run

Key = tuple[str, str, str]
"""A cell: what was tried or measured, the engine, the isolation level or the variant."""

CellT = TypeVar("CellT")


@dataclass(slots=True)
class Survey(Generic[CellT]):
    """The cells so far. They outlive their run, so that engines can be compared and a cell be opened."""

    cells: dict[Key, CellT] = field(default_factory=dict)
    run: Run | None = None
    """The one that filled in the latest cell."""

    def put(self, run: Run | None, key: Key, cell: CellT) -> None:
        """Fill in a cell."""
        self.begin(run, key[1])
        self.cells[key] = cell

    def begin(self, run: Run | None, engine: str) -> None:
        """A run's first word on its cells clears its engine's, and all that other parameters led to."""
        if run is not self.run:
            before, self.run = self.run, run
            alike = before is not None and run is not None and before.settings[:2] == run.settings[:2]
            self.cells = {other: found for other, found in self.cells.items() if alike and other[1] != engine}
