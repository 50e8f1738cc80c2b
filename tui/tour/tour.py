"""A tour of the program, in three minutes: each step waits for something real to have happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from labs.stream.places import data_home
from tui.actions import keys_of
from tui.text import styled, wrap

if TYPE_CHECKING:
    from tui.state import LabState, Run
    from tui.view import View

LINES = 3
"""How high the tour's text is at most."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A lab that the person is in: all that a tour can see."""

    lab: str
    """Empty before it is open."""
    state: LabState
    view: View
    pane: str
    """The one that is chosen."""


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next and why, and how it is known to have been done."""

    text: str
    done: Callable[[Scene, Run | None], bool]
    """Of the lab, and of the latest run that began since the tour did."""
    in_lab: bool = True
    """Whether it is for somebody who is in a lab; the others are for the catalogue."""


class Tour:
    """Where somebody is on the tour, if they are on it at all."""

    def __init__(self) -> None:
        self._steps: Sequence[Step] = ()
        self._at = 0
        self._before: Run | None = None
        self.offered = not _taken().exists()
        """Whether nobody has been on it here."""

    @property
    def on(self) -> bool:
        """Whether somebody is on it."""
        return bool(self._steps)

    def start(self, scene: Scene | None) -> None:
        """Begin, whatever has happened before; without a scene, in the catalogue."""
        from tui.tour.steps import steps

        self.offered = False
        self._steps, self._at = steps(), 0
        self._before = scene.state.run if scene else None

    def stop(self) -> None:
        """End it, and do not offer it again."""
        self._steps = ()
        with suppress(OSError):
            data_home().mkdir(parents=True, exist_ok=True)
            _taken().touch()

    def follow(self, scene: Scene | None) -> None:
        """Go on as far as what was asked for has been done."""
        if scene is None:
            return
        run = scene.state.run if scene.state.run is not self._before else None
        while self._at < len(self._steps) - 1 and self._steps[self._at].done(scene, run):
            self._at += 1

    def lines(self, scene: Scene | None, width: int) -> list[Text]:
        """The step, and how to leave."""
        if not self.on:
            return []
        step = self._steps[self._at]
        here = styled((f" TOUR {self._at + 1}/{len(self._steps)} ", "focus"), " ")
        told = step.text
        if step.in_lab and scene is None:
            told = f"The tour goes on in the lab Races: {keys_of('jump.5')}, then {keys_of('open')}."
        elif scene is not None and not step.in_lab:
            told = f"The tour goes on in the catalogue: {keys_of('back')}."
        indent = here.cell_len
        first, *rest = wrap(f"{told} ({keys_of('tour')} ends it)", width - indent - 1, LINES)
        return [here.append(first), *(Text(" " * indent + line) for line in rest)]


def _taken() -> Path:
    return data_home() / "tour-taken"
