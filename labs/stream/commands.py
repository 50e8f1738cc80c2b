"""What a screen can ask of a runner; one JSON object a line, tagged with its class name under ``type``."""

from __future__ import annotations

import msgspec

from labs.stream.specs import Cell


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=str):
    """What all commands share."""


class OpenLab(Command, frozen=True):
    """Open one lab; a runner opens exactly one."""

    lab: str


class UseEngine(Command, frozen=True):
    """Go on with the open lab on the program's own server of another kind; ends what runs."""

    engine: str


class RunExperiment(Command, frozen=True):
    """Run an experiment, from parameters that its specification allows; absent ones take their default."""

    experiment: str
    parameters: dict[str, Cell] = {}
    stepped: bool = False
    """Hold every statement until a `Step` lets it go."""


class Step(Command, frozen=True):
    """Let one statement go: of the session named, or else of the one that the order suggests."""

    session: str | None = None


class PlayOn(Command, frozen=True):
    """Let the rest of a stepped run follow its order by itself."""


class TurnDial(Command, frozen=True):
    """Change what the running experiment lets be changed while it runs."""

    dial: str
    value: Cell


class Cancel(Command, frozen=True):
    """End the running experiment: statements cancelled, transactions rolled back."""


class RollBack(Command, frozen=True):
    """Undo the latest experiment that is not undone yet."""


class Reset(Command, frozen=True):
    """Drop the lab's schema and rebuild it from the seed."""


class Close(Command, frozen=True):
    """Leave: as `Cancel`, then end the runner. The end of the command stream means the same."""


AnyCommand = OpenLab | UseEngine | RunExperiment | Step | PlayOn | TurnDial | Cancel | RollBack | Reset | Close
