"""Why this happens: the experiment's own words."""

from __future__ import annotations

from rich.text import Text

from tui.state import LabState
from tui.text import clean, styled, value, wrap
from tui.view import View
from tui.widgets.pane import Content


def lines(state: LabState, view: View, width: int) -> Content:
    """The question, the explanation paragraph by paragraph, and the parameters of the run."""
    spec = view.spec(state)
    if spec is None:
        return Content([styled((" The lab is not open yet.", "dim"))])
    body = [styled((f" {line}", "title")) for line in wrap(clean(spec.question), width - 2)]
    for paragraph in spec.why.strip().split("\n\n"):
        body.append(Text())
        body.extend(Text(f" {line}") for line in wrap(clean(" ".join(paragraph.split())), width - 2))
    if spec.parameters:
        chosen = state.run.parameters if state.running and state.run else view.parameters
        body.append(Text())
        for parameter in spec.parameters:
            setting = value(chosen.get(parameter.name, parameter.default))
            told = f"{setting}   {clean(parameter.help)}" if parameter.help else setting
            label = f" {clean(parameter.name)} = "
            first, *rest = wrap(told, width - len(label) - 1)
            body.append(styled((label, "dim"), first))
            body += [Text("   " + line) for line in wrap(" ".join(rest), width - 4) if line]
    return Content(body)
