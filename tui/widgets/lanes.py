"""The sessions side by side, time running down: each statement where it started, waits drawn as they last."""

from __future__ import annotations

import sys
from itertools import zip_longest

from rich.text import Text

from tui.sqltext import humanize
from tui.state import LabState, Session, Statement
from tui.text import clean, cut, milliseconds, plural, row, seconds, styled, value, wrap
from tui.view import View
from tui.widgets.pane import Content

TIME_CELLS = 6
STATEMENT_LINES = 3
"""A statement is wrapped over no more lines than these; the SQL pane has all of it."""
_NARROWEST_LANE = 18

Block = list[Text]
Moment = tuple[int, int, float]
"""Orders what happened: after how many statements, start (0) or end (1), seconds of the stream."""


def lines(state: LabState, view: View, width: int) -> Content:
    """The lanes of the latest run."""
    sessions = list(state.sessions.values())
    if not sessions:
        told = "No sessions yet: each one gets its lane here when the experiment starts."
        return Content([Text(), *(styled((f"  {line}", "dim")) for line in wrap(told, width - 4))])
    lane = max((width - TIME_CELLS - 1) // len(sessions) - 3, _NARROWEST_LANE)
    shown = sessions[: max((width - TIME_CELLS - 1) // (lane + 3), 1)]
    spare = width - TIME_CELLS - 1 - (lane + 3) * len(shown)
    widths = [lane] * (len(shown) - 1) + [lane + max(spare, 0)]
    head = _row(
        Text("sec".rjust(TIME_CELLS), "dim"), [_name(s, view, w) for s, w in zip(shown, widths, strict=True)], widths
    )
    body: list[Text] = []
    for at, owner, block in _rows(state, shown, widths):
        body.extend(_block_lines(at, owner, block, state, shown, widths))
    body.extend(_now(state, shown, widths))
    return Content(body, (head,))


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


def _rows(state: LabState, shown: list[Session], widths: list[int]) -> list[tuple[Moment, str, Block]]:
    """When, in whose lane, what: in the order of time.

    A statement that others overtook gets a second block where it ended, so that what lasted is seen to last.
    """
    width_of = {session.name: width for session, width in zip(shown, widths, strict=True)}
    rows: list[tuple[Moment, str, Block]] = []
    for statement in state.statements:
        name = statement.session
        if name not in width_of:
            continue
        overtaken = not statement.running and statement.ended_index > statement.index + 1
        rows.append((_began(statement), name, _start_block(statement, state, width_of[name], overtaken)))
        if overtaken:
            rows.append((_ended(statement), name, [_late_outcome(statement, width_of[name])]))
    return sorted(rows, key=lambda entry: entry[0])


def _began(statement: Statement) -> Moment:
    return (statement.index, 0, statement.started_at)


def _ended(statement: Statement) -> Moment:
    """Just after the last statement that had started by then."""
    if statement.ended_at is None:
        return (sys.maxsize, 1, 0.0)
    return (statement.ended_index - 1, 1, statement.ended_at)


def _start_block(statement: Statement, state: LabState, width: int, overtaken: bool) -> Block:
    sql = humanize(statement.sql, statement.parameters, state.schema)
    block = [Text(line) for line in wrap(sql, width, STATEMENT_LINES)]
    block[0].stylize("bold", 0, len(sql.split(" ", 1)[0]))
    # A BEGIN has no answer of its own: it travels with the statement after it.
    if statement.running or overtaken or (statement.milliseconds is None and not statement.failed):
        return block
    end = outcome(statement, width)
    if block[-1].cell_len + 2 + end.cell_len <= width:
        block[-1].append(" " * (width - block[-1].cell_len - end.cell_len)).append_text(end)
    else:
        block.append(Text("  ").append_text(end))
    return block


def outcome(statement: Statement, width: int) -> Text:
    """How a statement ended: rows and a single value, or SQLSTATE and the server's words."""
    if statement.failed:
        code = f"✗ {clean(statement.sqlstate or 'error')} "
        return styled((code + cut(clean(statement.message), max(width - len(code) - 2, 8)), "error"))
    text = styled(("ok", "ok"))
    if statement.rows is not None:
        text.append(f" {plural(statement.rows, 'row')}", "dim")
    if statement.preview and statement.rows == 1:
        shown = ", ".join(value(cell, 24) for cell in statement.preview[0])
        text.append(f" → {cut(shown, max(width - text.cell_len - 5, 6))}", "title")
    return text


def _late_outcome(statement: Statement, width: int) -> Text:
    role = "wait" if statement.waited_since is not None else "rule"
    waited = f", waited {milliseconds(statement.milliseconds)}" if role == "wait" and statement.milliseconds else ""
    end = outcome(statement, width - 2 - len(waited))
    return Text("└ ", role).append_text(end).append(waited, "wait")


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


def _now(state: LabState, shown: list[Session], widths: list[int]) -> list[Text]:
    """What every session is about now; nothing once the run has ended."""
    if not state.running:
        return []
    columns = [_now_block(session, state, width) for session, width in zip(shown, widths, strict=True)]
    return [
        _row(Text("now".rjust(TIME_CELLS) if number == 0 else "", "dim"), [cell or Text() for cell in cells], widths)
        for number, cells in enumerate(zip_longest(*columns))
    ]


def _now_block(session: Session, state: LabState, width: int) -> Block:
    if session.state == "waiting":
        age = seconds(state.now - session.since)
        return [styled((f"… waits {age} for {clean(', '.join(session.waiting_for)) or 'a lock'}", "wait"))]
    if session.held is not None:
        sql = humanize(session.held.sql, session.held.parameters, state.schema)
        return [Text(line, "dim") for line in wrap("▷ " + sql, width, STATEMENT_LINES)]
    if session.state == "running":
        return [styled(("┊ runs", "ok"))]
    if session.in_transaction and session.state != "done":
        return [styled(("● idle in its transaction", "dim"))]
    return [Text()]


def _row(time: Text, cells: list[Text], widths: list[int]) -> Text:
    return row([(time, TIME_CELLS), *((cell, width) for cell, width in zip(cells, widths, strict=True))], " │ ")
