"""In which form the run on the screen is to be taken along."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from tui.export.form import FORMS, Form
from tui.screens.dialog import Dialog
from tui.text import styled, wrap


class ExportDialog(Dialog[Form]):
    """A letter a form."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(form[0], f"choose('{form}')", show=False) for form in FORMS),
        Binding("x", "dismiss", show=False),
    ]

    def __init__(self) -> None:
        super().__init__("Export")

    def lines(self, width: int) -> list[Text]:
        """Each form, and what it is good for."""
        body: list[Text] = []
        for form, told in FORMS.items():
            first, *rest = wrap(told, width - 14)
            body.append(styled((form[0], "key"), f"  {form:<11}", first))
            body += [Text(" " * 14 + line) for line in rest]
        return body

    def action_choose(self, form: Form) -> None:
        """Answer with it."""
        self.dismiss(form)
