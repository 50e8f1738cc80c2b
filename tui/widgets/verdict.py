"""What was claimed, and what the server's data says about it; then the notes and errors of the run."""

from __future__ import annotations

from rich.text import Text

from labs.stream.events import LabReset, Noted, RolledBack, VerdictReached
from tui.state import LabState
from tui.text import clean, seconds, spaced, styled, value, wrap
from tui.view import View
from tui.widgets.pane import Content


def lines(state: LabState, view: View, width: int) -> Content:
    """A rollback or reset, then the verdicts, which are dimmed when it came after them; then notes and errors."""
    body: list[Text] = []
    past = view.last(state) or state.upkeep is not None
    if state.upkeep is not None:
        body += _upkeep(state, state.upkeep, width)
    if past and state.verdicts and state.run is not None:
        body.append(styled((f" Before that: {clean(state.title(state.run.experiment))}", "dim")))
    for verdict in state.verdicts:
        body += _verdict(verdict, width, past=past)
    if not state.verdicts and state.upkeep is None:
        cancelled = state.run is not None and not (state.running or state.run.complete)
        told = (
            "No verdict: the run was ended before it came to one."
            if cancelled
            else "No verdict yet: it is measured on the server when the experiment ends."
        )
        body += [styled((f" {line}", "dim")) for line in wrap(told, width - 2)]
    start = state.run.started_at if state.run else 0.0
    for note in () if past else _later_notes(state):
        at = f" {seconds(note.t - start):>6}  "
        for number, line in enumerate(wrap(clean(note.text), width - len(at) - 1)):
            body.append(styled((at if number == 0 else " " * len(at), "dim"), line))
    for error in state.errors:
        told = f"{clean(error.title)}: {clean(error.cause)} {clean(error.remedy)}"
        for number, line in enumerate(wrap(told, width - 4)):
            body.append(styled((" ✗ " if number == 0 else "   ", "error"), line))
    return Content(body)


def _verdict(verdict: VerdictReached, width: int, *, past: bool) -> list[Text]:
    good = verdict.holds
    role = "dim" if past else "verdict.good" if good else "verdict.bad"
    mark = styled((" ✓ HOLDS " if good else " ✗ DOES NOT HOLD ", role))
    first, *rest = wrap(clean(verdict.claim), width - mark.cell_len - 2)
    told = " · ".join(f"{spaced(label)} {value(number, 60)}" for label, number in verdict.evidence.items())
    return [
        Text(" ").append_text(mark).append(f" {first}", "dim" if past else ""),
        *(Text(f"   {line}") for line in rest),
        *(styled((f"   {line}", "dim")) for line in (wrap(told, width - 4) if told else [])),
    ]


def _later_notes(state: LabState) -> list[Noted]:
    """What was noted from the first statement on; what came before it said what to look at. Without any, all of it."""
    first = state.statements[0].started_at if state.statements else 0.0
    return [note for note in state.notes if note.t >= first]


def _upkeep(state: LabState, event: RolledBack | LabReset, width: int) -> list[Text]:
    if isinstance(event, LabReset):
        return [
            styled((" ✓ RESET ", "verdict.good"), f" from seed {event.seed}"),
            styled((f"   fingerprint {clean(event.fingerprint)}", "dim")),
        ]
    name = clean(state.title(event.experiment)) or "nothing"
    mark = ("✓ ROLLED BACK ", "verdict.good") if event.clean else ("✗ NOT ROLLED BACK ", "verdict.bad")
    body = [styled(" ", (" " + mark[0], mark[1]), f" {name}")]
    for sentence in event.how:
        body += [Text(f"   {line}") for line in wrap(clean(sentence), width - 4)]
    if event.clean:
        body.append(styled(("   The fingerprint from before the experiment is back.", "dim")))
    for sentence in event.differences:
        body += [styled((f"   ! {line}", "wait")) for line in wrap(clean(sentence), width - 6)]
    return body
