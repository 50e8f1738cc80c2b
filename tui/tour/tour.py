"""A tour of the program, in three minutes: each step waits for something real to have happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from labs.stream.places import data_home, make_home
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

    @property
    def recorded(self) -> bool:
        """Whether it is a recording, where nothing can be done."""
        return not self.view.live and not self.view.past


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next and why, and how it is known to have been done."""

    text: str
    done: Callable[[Scene, Run | None], bool]
    """Of the lab, and of the latest run that began since the tour did; in the past there is none."""
    elsewhere: Callable[[Scene | None], str]
    """Where the tour goes on, if this is not for where the person is; empty if it is."""


class Tour:
    """Where somebody is on the tour, if they are on it at all."""

    def __init__(self) -> None:
        self._steps: Sequence[Step] = ()
        self._at = 0
        self._looked = False
        """Whether it has seen the present of a lab."""
        self._before: Run | None = None
        """The run that was there then."""
        self.offered = not _taken().exists()
        """Whether nobody has been on it here."""

    @property
    def on(self) -> bool:
        """Whether somebody is on it."""
        return bool(self._steps)

    def start(self) -> None:
        """Begin, whatever has happened before."""
        from tui.tour.steps import steps

        self.offered = False
        self._steps, self._at = steps(), 0
        self._looked, self._before = False, None

    def stop(self) -> None:
        """End it, and do not offer it again."""
        self._steps = ()
        with suppress(OSError):
            make_home(data_home())
            _taken().touch()

    def follow(self, scene: Scene | None) -> None:
        """Go on as far as what was asked for has been done."""
        if scene is None or scene.recorded:
            return
        if not self._looked and not scene.view.past:
            self._looked, self._before = True, scene.state.run
        fresh = not scene.view.past and scene.state.run is not self._before
        run = scene.state.run if fresh else None
        while self._at < len(self._steps) - 1 and self._steps[self._at].done(scene, run):
            self._at += 1

    def lines(self, scene: Scene | None, width: int) -> list[Text]:
        """The step, or where it is to be taken, and how to leave."""
        if not self.on:
            return []
        step = self._steps[self._at]
        here = styled((f" TOUR {self._at + 1}/{len(self._steps)} ", "focus"), " ")
        indent = here.cell_len
        told = step.elsewhere(scene) or step.text
        first, *rest = wrap(f"{told} ({keys_of('tour')} ends it)", width - indent - 1, LINES)
        return [here.append(first), *(Text(" " * indent + line) for line in rest)]


def refusal(scene: Scene | None) -> str:
    """Why a tour cannot begin there, as a sentence; empty when it can."""
    if scene is None or not scene.recorded:
        return ""
    return f"The tour needs a lab that is live, and this is a recording. {keys_of('stop')} leaves it."


def _taken() -> Path:
    return data_home() / "tour-taken"
