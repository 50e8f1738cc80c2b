"""The sessions side by side, time running down: each statement where it started, waits drawn as they last."""

from __future__ import annotations

import sys
from itertools import zip_longest

from rich.text import Text

from tui.sqltext import humanize
from tui.state import LabState, Session, Statement
from tui.text import clean, row, seconds, shorten, styled, wrap
from tui.view import View
from tui.widgets.blocks import FULL, LEVELS, STATEMENT_LINES, Block, grouped, late_outcome, overtaken, start_block
from tui.widgets.pane import Content

TIME_CELLS = 6
_NARROWEST_LANE = 18

Moment = tuple[int, int, float]
"""Orders what happened: after how many statements, start (0) or end (1), seconds of the stream."""


def lines(state: LabState, view: View, width: int, height: int = sys.maxsize) -> Content:
    """The lanes of the latest run. Where they are higher than there is room for, what is done takes one line each."""
    sessions = list(state.sessions.values())
    if not sessions or view.last(state):
        return Content(_empty(state, view, width))
    lane = max((width - TIME_CELLS - 1) // len(sessions) - 3, _NARROWEST_LANE)
    shown = sessions[: max((width - TIME_CELLS - 1) // (lane + 3), 1)]
    spare = width - TIME_CELLS - 1 - (lane + 3) * len(shown)
    widths = [lane] * (len(shown) - 1) + [lane + max(spare, 0)]
    head = _row(
        Text("sec".rjust(TIME_CELLS), "dim"), [_name(s, view, w) for s, w in zip(shown, widths, strict=True)], widths
    )
    body: list[Text] = []
    for level in LEVELS:
        body = []
        for at, owner, block in _rows(state, shown, widths, level):
            body.extend(_block_lines(at, owner, block, state, shown, widths))
        body.extend(_now(state, shown, widths, level))
        if len(body) < height:
            break
    return Content(body, (head,))


def _empty(state: LabState, view: View, width: int) -> list[Text]:
    """Before there is a lane: the question, and which experiment it was that ran last."""
    spec = view.spec(state)
    told = [(spec.question, "title")] if spec else []
    told.append(("No sessions yet: each one gets its lane here when the experiment starts.", "dim"))
    if view.last(state) and state.run is not None:
        ended = f", {state.run.ended.outcome}" if state.run.ended else ""
        told.append((f"Last run: {state.title(state.run.experiment)}{ended}.", "dim"))
    body = [Text()]
    for text, role in told:
        body += [styled((f"  {line}", role)) for line in wrap(clean(text), width - 4)]
    return body


def _name(session: Session, view: View, width: int) -> Text:
    chosen = session.name == view.lane
    name = clean(session.name) + (f" {session.backend_pid}" if session.backend_pid else "")
    text = styled((f"►{name}" if chosen else f" {name}", "focus" if chosen else "title"), "  ")
    return text.append_text(_status(session))


def _status(session: Session) -> Text:
    open_transaction = "IN TX" if session.in_transaction else ""
    match session.state:
        case "waiting":
            return styled((f"… WAITS for {clean(', '.join(session.waiting_for)) or 'a lock'}", "wait"))
        case "running":
            return styled(("► RUNS " + open_transaction, "ok"))
        case "held":
            return styled((f"▷ {open_transaction or 'ready'}", "ok" if session.in_transaction else "dim"))
        case "aborted":
            return styled(("✗ ABORTED", "error"))
        case "done":
            return styled(("✓ done", "dim"))
        case _:
            return styled((f"● {open_transaction or 'idle'}", "ok" if session.in_transaction else "dim"))


def _rows(state: LabState, shown: list[Session], widths: list[int], level: int) -> list[tuple[Moment, str, Block]]:
    """When, in whose lane, what: in the order of time.

    A statement that others overtook gets a second block where it ended, so that what lasted is seen to last.
    """
    width_of = {session.name: width for session, width in zip(shown, widths, strict=True)}
    rows: list[tuple[Moment, str, Block]] = []
    for group in grouped(state.statements, level):
        statement = group[-1]
        name = statement.session
        if name not in width_of:
            continue
        rows.append((_began(group[0]), name, start_block(group, state, width_of[name], level)))
        if overtaken(statement):
            rows.append((_ended(statement), name, late_outcome(statement, width_of[name])))
    return sorted(rows, key=lambda entry: entry[0])


def _began(statement: Statement) -> Moment:
    return (statement.index, 0, statement.started_at)


def _ended(statement: Statement) -> Moment:
    """Just after the last statement that had started by then."""
    if statement.ended_at is None:
        return (sys.maxsize, 1, 0.0)
    return (statement.ended_index - 1, 1, statement.ended_at)


def _block_lines(
    at: Moment, owner: str, block: Block, state: LabState, shown: list[Session], widths: list[int]
) -> list[Text]:
    """A block in its own lane; in the others, the line of whatever lasts past it."""
    since = at[2] - (state.run.started_at if state.run else 0.0)
    beside = {session.name: _lasting(session.name, at, state) for session in shown if session.name != owner}
    return [
        _row(
            Text(f"{since:6.1f}" if number == 0 else "", "dim"),
            [beside.get(session.name, line) for session in shown],
            widths,
        )
        for number, line in enumerate(block)
    ]


def _lasting(session: str, at: Moment, state: LabState) -> Text:
    """The line of a session's statement that had begun by then and had not ended."""
    for statement in reversed(state.statements):
        if statement.session == session and _began(statement) < at:
            lasts = _ended(statement) > at
            return Text("┊", "wait" if statement.waited_since is not None else "rule") if lasts else Text()
    return Text()


def _now(state: LabState, shown: list[Session], widths: list[int], level: int) -> list[Text]:
    """What every session is about now; nothing once the run has ended."""
    if not state.running:
        return []
    columns = [_now_block(session, state, width, level) for session, width in zip(shown, widths, strict=True)]
    return [
        _row(Text("now".rjust(TIME_CELLS) if number == 0 else "", "dim"), [cell or Text() for cell in cells], widths)
        for number, cells in enumerate(zip_longest(*columns))
    ]


def _now_block(session: Session, state: LabState, width: int, level: int) -> Block:
    if session.state == "waiting":
        age = seconds(state.now - session.since)
        return [styled((f"… waits {age} for {clean(', '.join(session.waiting_for)) or 'a lock'}", "wait"))]
    if session.held is not None:
        sql = humanize(session.held.sql, session.held.parameters, state.schema)
        if level != FULL:
            return [Text(shorten("▷ " + sql, width), "dim")]
        return [Text(line, "dim") for line in wrap("▷ " + sql, width, STATEMENT_LINES)]
    if session.state == "running":
        return [styled(("┊ runs", "ok"))]
    if session.in_transaction and session.state != "done":
        return [styled(("● idle in its transaction", "dim"))]
    return [Text()]


def _row(time: Text, cells: list[Text], widths: list[int]) -> Text:
    return row([(time, TIME_CELLS), *((cell, width) for cell, width in zip(cells, widths, strict=True))], " │ ")
