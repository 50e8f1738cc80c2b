"""Choosing an experiment and its parameters, with arrows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Key

from labs.stream.specs import Cell, ParameterSpec, listed
from tui.form import Form, allowed
from tui.screens.dialog import Dialog
from tui.text import clean, cut, shorten, styled, value, wrap


@dataclass(frozen=True, slots=True)
class Setup:
    """What was chosen, and whether to run it at once."""

    experiment: str
    parameters: dict[str, Cell]
    run: bool


class SetupDialog(Dialog[Setup]):
    """The form, as a window. Enter takes it; `r` takes it and runs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,tab,j", "move(1)", show=False),
        Binding("left,h", "change(-1)", show=False),
        Binding("right,space,l", "change(1)", show=False),
        Binding("backspace", "erase", show=False),
        Binding("enter", "take(False)", show=False),
        Binding("e", "dismiss", show=False),
    ]

    def __init__(self, form: Form) -> None:
        super().__init__("Set up")
        self._form = form

    def lines(self, width: int) -> list[Text]:
        """A line a field, then what the one under the cursor means."""
        form = self._form
        spec = form.experiment
        body = [self._field(0, "experiment", f"{clean(spec.title)}  ({form.at + 1} of {len(form.experiments)})", width)]
        for number, parameter in enumerate(spec.parameters, 1):
            here = parameter == form.parameter and form.typed
            setting = clean(form.typed) if here else value(form.value(parameter))
            body.append(self._field(number, clean(parameter.name), setting, width, _range(parameter)))
        body.append(Text())
        if form.problem:
            body += [styled((line, "error")) for line in wrap("✗ " + clean(form.problem), width)]
        else:
            body += [styled((line, "dim")) for line in wrap(self._explained(), width)]
        if form.parameter is None:
            body += [Text(), *self._experiments(width)]
        body.append(Text())
        body.append(
            styled(
                ("↑↓", "key"),
                " field  ",
                *(("type", "key"), " it  ") if form.writing else (("←→", "key"), " change  "),
                ("Enter", "key"),
                " take it  ",
                *() if form.writing else (("r", "key"), " run  "),
                ("Esc", "key"),
                " leave as it was",
            )
        )
        return body

    def _field(self, number: int, name: str, setting: str, width: int, allowed: str = "") -> Text:
        here = number == self._form.line
        room = width - 26 - len(allowed)
        text = f"{'►' if here else ' '} {cut(name, 16):<16}  ← {shorten(setting, room)} →"
        return Text(text.ljust(width - len(allowed)) + allowed, "cursor" if here else "")

    def _experiments(self, width: int) -> list[Text]:
        """All titles in two columns, the one chosen marked."""
        form = self._form
        half = (len(form.experiments) + 1) // 2
        room = width // 2
        lines = [Text() for _ in range(half)]
        for number, spec in enumerate(form.experiments):
            name = f"{'►' if number == form.at else ' '}{number + 1:>3}  {cut(clean(spec.title), room - 8)}"
            lines[number % half].append(name.ljust(room), "cursor" if number == form.at else "dim")
        return lines

    def _explained(self) -> str:
        parameter = self._form.parameter
        if parameter is None:
            return clean(self._form.experiment.question)
        told = [clean(parameter.help)] if parameter.help else []
        if parameter.choices:
            told.append("one of " + listed([value(choice, 40) for choice in parameter.choices]))
        elif bounds := allowed(parameter):
            told.append(bounds)
        return "; ".join(told) or "no restrictions"

    async def on_key(self, event: Key) -> None:
        """Letters and digits go into the field under the cursor, where it takes any; whatever key comes, in its turn.

        Textual carries out a binding only after the screen has seen the key, and what was typed quickly behind it.
        """
        writing = self._form.writing
        if event.key == "r" and not writing:
            event.stop()
            self.action_take(True)
        elif event.is_printable and event.character and (writing or event.character not in "hjkl"):
            if writing:  # None of them is a key then.
                event.stop()
            self._form.type(event.character)
            self.redraw()
        elif (bound := self.active_bindings.get(event.key)) is not None and bound.node is self:
            event.stop()
            await self.run_action(bound.binding.action)

    def action_move(self, by: int) -> None:
        """Go to another field."""
        self._form.move(by)
        self.redraw()

    def action_change(self, by: int) -> None:
        """Change the field under the cursor."""
        self._form.change(by)
        self.redraw()

    def action_erase(self) -> None:
        """Take back what was typed."""
        self._form.erase()
        self.redraw()

    def action_take(self, run: bool) -> None:
        """Answer with what was chosen, unless it cannot be taken."""
        if self._form.problem:
            return
        self.dismiss(Setup(self._form.experiment.slug, dict(self._form.values), run))


def _range(parameter: ParameterSpec) -> str:
    """What a field takes, as short as it can be told."""
    if parameter.choices:
        return f"one of {len(parameter.choices)} "
    return f"{allowed(parameter)} " if allowed(parameter) else ""
