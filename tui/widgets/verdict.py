"""What was claimed, and what the server's data says about it; then the notes and errors of the run."""

from __future__ import annotations

from rich.text import Text

from labs.stream.events import LabReset, RolledBack
from tui.state import LabState
from tui.text import clean, seconds, styled, value, wrap
from tui.view import View
from tui.widgets.pane import Content


def lines(state: LabState, view: View, width: int) -> Content:
    """Verdicts first, newest upkeep above them."""
    body: list[Text] = []
    if state.upkeep is not None:
        body += _upkeep(state.upkeep, width)
    for verdict in state.verdicts:
        good = verdict.holds
        mark = styled((" ✓ HOLDS ", "verdict.good") if good else (" ✗ DOES NOT HOLD ", "verdict.bad"))
        claim = wrap(clean(verdict.claim), width - mark.cell_len - 2)
        body.append(Text(" ").append_text(mark).append(f" {claim[0]}"))
        body += [Text(f"   {line}") for line in claim[1:]]
        told = " · ".join(f"{clean(name)} {value(number, 60)}" for name, number in verdict.evidence.items())
        body += [styled((f"   {line}", "dim")) for line in wrap(told, width - 4)] if told else []
    if not state.verdicts and state.upkeep is None:
        told = "No verdict yet: it is measured on the server when the experiment ends."
        body += [styled((f" {line}", "dim")) for line in wrap(told, width - 2)]
    start = state.run.started_at if state.run else 0.0
    for note in state.notes:
        at = f" {seconds(note.t - start):>6}  "
        for number, line in enumerate(wrap(clean(note.text), width - len(at) - 1)):
            body.append(styled((at if number == 0 else " " * len(at), "dim"), line))
    for error in state.errors:
        told = f"{clean(error.title)}: {clean(error.cause)} {clean(error.remedy)}"
        for number, line in enumerate(wrap(told, width - 4)):
            body.append(styled((" ✗ " if number == 0 else "   ", "error"), line))
    return Content(body)


def _upkeep(event: RolledBack | LabReset, width: int) -> list[Text]:
    if isinstance(event, LabReset):
        return [
            styled((" ✓ RESET ", "verdict.good"), f" from seed {event.seed}"),
            styled((f"   fingerprint {clean(event.fingerprint)}", "dim")),
        ]
    name = clean(event.experiment) or "nothing"
    mark = ("✓ ROLLED BACK ", "verdict.good") if event.clean else ("✗ NOT ROLLED BACK ", "verdict.bad")
    body = [styled(" ", (" " + mark[0], mark[1]), f" {name}")]
    for sentence in event.how:
        body += [Text(f"   {line}") for line in wrap(clean(sentence), width - 4)]
    if event.clean:
        body.append(styled(("   The fingerprint from before the experiment is back.", "dim")))
    for sentence in event.differences:
        body += [styled((f"   ! {line}", "wait")) for line in wrap(clean(sentence), width - 6)]
    return body
