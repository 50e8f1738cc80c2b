"""What a lab says of its experiments: what they answer, what they take, where they run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

Cell = str | int | float | bool | None
"""A value as it left the server, in what JSON can carry; anything else arrives as its text."""

Outcome = Literal["passed", "failed", "cancelled"]

_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}


def listed(choices: Sequence[Cell]) -> str:
    """Choices in a line; some have commas of their own."""
    return "; ".join(map(str, choices))


class ParameterSpec(msgspec.Struct, frozen=True):
    """A parameter of an experiment, with what it accepts."""

    name: str
    type: Literal["int", "float", "str", "bool"]
    default: Cell
    help: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Cell, ...] = ()
    pattern: str = ""
    """A regular expression that a text must match as a whole; none where any text will do."""

    @property
    def allowed(self) -> str:
        """What it accepts, in words."""
        if self.choices:
            return f"one of {listed(self.choices)}"
        if self.minimum is not None and self.maximum is not None:
            return f"{_KINDS[self.type]} from {self.minimum:,.12g} to {self.maximum:,.12g}"
        return self.help if self.type == "str" else _KINDS[self.type]

    def recognised(self, value: Cell) -> Cell:
        """The choice that was meant, also when written in capitals or with underscores; any other value as it is."""
        plain = str(value).strip().lower().replace("_", " ").replace("-", " ")
        return next((choice for choice in self.choices if str(choice) == plain), value)


class ExperimentSpec(msgspec.Struct, frozen=True):
    """An experiment, as a screen offers it."""

    slug: str
    title: str
    question: str
    why: str
    """Paragraphs for the person: what happens and for what reason; blank lines part them."""
    engines: tuple[str, ...]
    """Where it runs."""
    lacking: dict[str, str] = {}
    """Where it does not run: what that engine lacks, a sentence each."""
    parameters: tuple[ParameterSpec, ...] = ()
    dials: tuple[ParameterSpec, ...] = ()
    """What can be changed while it runs. One that has a parameter's name begins at what that was set to."""
    tables: tuple[str, ...] | None = None
    """The lab's tables that it is about; all when none are named, and no more than its own when there are none."""
    claims: tuple[str, ...] = ()
    """Of what must always hold in the lab, what it is about."""
    expected: Outcome = "passed"
    """How it ends with default parameters; ``failed`` where the point is to see a claim fall."""
    stepped: bool = True
    """Whether a person can let its statements go one by one; if not, it runs by itself, however it is started."""
