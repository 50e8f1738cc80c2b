"""The form that sets an experiment up: which one, and with what parameters. Pure; the screen only draws it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from labs.stream.specs import Cell, ExperimentSpec, ParameterSpec


@dataclass(slots=True)
class Form:
    """Field 0 is the experiment; then one field a parameter."""

    experiments: tuple[ExperimentSpec, ...]
    at: int = 0
    """Which experiment is chosen."""
    values: dict[str, Cell] = field(default_factory=dict)
    """Only what differs from the defaults has to be here."""
    line: int = 0
    """Which field the cursor is on."""
    typed: str = ""
    """What has been typed into the field."""
    problem: str = ""
    """Why what has been typed cannot be taken, as a sentence; empty when it can."""

    @property
    def experiment(self) -> ExperimentSpec:
        """The one chosen."""
        return self.experiments[self.at]

    @property
    def writing(self) -> bool:
        """Whether the cursor is on a free text, which takes any letter."""
        parameter = self.parameter
        return parameter is not None and parameter.type == "str" and not parameter.choices

    @property
    def parameter(self) -> ParameterSpec | None:
        """The one under the cursor; none on the experiment."""
        return self.experiment.parameters[self.line - 1] if self.line else None

    def value(self, parameter: ParameterSpec) -> Cell:
        """What a parameter is set to."""
        return self.values.get(parameter.name, parameter.default)

    def move(self, by: int) -> None:
        """Go to another field; not from one that holds what cannot be taken."""
        if self.problem:
            return
        self.typed = ""
        self.line = min(max(self.line + by, 0), len(self.experiment.parameters))

    def change(self, by: int) -> None:
        """Take the next or an earlier value of the field, within its bounds."""
        self.typed = self.problem = ""
        parameter = self.parameter
        if parameter is None:
            self.at = (self.at + by) % len(self.experiments)
            self.values = {}
            return
        self.values[parameter.name] = neighbour(parameter, self.value(parameter), by)

    def type(self, character: str) -> None:
        """Add a character to a number or a free text; what is out of bounds is refused. An experiment by its number."""
        parameter = self.parameter
        if parameter is None and character.isdecimal() and 0 < int(character) <= len(self.experiments):
            self.at, self.values = int(character) - 1, {}
        if parameter is None or parameter.choices or parameter.type == "bool":
            return
        self.typed += character
        self._take(parameter)

    def erase(self) -> None:
        """Take the last typed character back; with none left, the default comes back."""
        parameter = self.parameter
        if parameter is None:
            return
        self.typed = self.typed[:-1]
        self.problem = ""
        if self.typed:
            self._take(parameter)
        else:
            self.values.pop(parameter.name, None)

    def _take(self, parameter: ParameterSpec) -> None:
        if parameter.type == "str":
            fits = re.fullmatch(parameter.pattern or ".*", self.typed) is not None
            self.problem = "" if fits else f"{parameter.name} is not {self.typed}, but {parameter.allowed}."
            if fits:
                self.values[parameter.name] = self.typed
            return
        try:
            number = float(self.typed) if parameter.type == "float" else int(self.typed)
        except ValueError:
            self.typed = self.typed[:-1]
            return
        within = _bounded(parameter, number) == number
        self.problem = "" if within else f"{parameter.name} is {self.typed}, but must be {allowed(parameter)}."
        if within:
            self.values[parameter.name] = number


def allowed(parameter: ParameterSpec) -> str:
    """The range of a number, in words; empty when there is none."""
    if parameter.minimum is None or parameter.maximum is None:
        return ""
    return f"from {parameter.minimum:,.12g} to {parameter.maximum:,.12g}"


def neighbour(parameter: ParameterSpec, value: Cell, by: int) -> Cell:
    """The next or an earlier value that it accepts."""
    if parameter.choices:
        choices = parameter.choices
        at = choices.index(value) if value in choices else -by
        return choices[(at + by) % len(choices)]
    if parameter.type == "bool":
        return not value
    if isinstance(value, int):
        return _bounded(parameter, _magnitude(value, by) if _wide(parameter) else value + by)
    if isinstance(value, float):
        low, high = parameter.minimum, parameter.maximum
        step = (high - low) / 20 if low is not None and high is not None else 1.0
        return _bounded(parameter, round(value + by * step, 6))
    return value


def _wide(parameter: ParameterSpec) -> bool:
    """Whether it has too many values to be gone through one by one."""
    low, high = parameter.minimum, parameter.maximum
    return low is not None and high is not None and high >= 1_000 * max(low, 1)


def _magnitude(value: int, by: int) -> int:
    """The next power of ten above it, or below."""
    if by > 0:
        return int(10 ** len(str(value)))
    return int(10 ** (len(str(value - 1)) - 1)) if value > 1 else 0


def _bounded(parameter: ParameterSpec, number: float) -> Cell:
    low = parameter.minimum if parameter.minimum is not None else number
    high = parameter.maximum if parameter.maximum is not None else number
    bounded = min(max(number, low), high)
    return int(bounded) if parameter.type == "int" else bounded
