"""The sessions side by side, time running down: each statement where it started, waits drawn as they last."""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, zip_longest
from typing import overload

from rich.text import Text

from tui.compare import differences, sentence
from tui.sqltext import humanize
from tui.state import LabState, Session, Statement
from tui.text import clean, cut, row, seconds, shorten, styled, wrap
from tui.view import View
from tui.widgets.blocks import (
    FULL,
    LEVELS,
    STATEMENT_LINES,
    Block,
    Group,
    Marks,
    ended_block,
    grouped,
    late_outcome,
    overtaken,
    start_block,
)
from tui.widgets.pane import Content

TIME_CELLS = 6
_NARROWEST_LANE = 18

Moment = tuple[int, int, float]
"""Orders what happened: after how many statements; a part (-1), a start (0) or an end (1); seconds of the stream."""

Row = tuple[Moment, str, Block]
"""When, in whose lane, what; without a lane, across all of them."""


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
    found = differences(state)
    marks = {one.statement.number: one.before for one in found}
    said = sentence(state, found, width - 4)
    heads = (*([styled((" ≠ " if found else " = ", "changed"), cut(said, width - 3))] if said else []), head)
    room = height - len(heads) + 1
    parts = state.run.parts if state.run else {}
    dividers = [_divider(at, text, width) for at, text in parts.items() if at < len(state.statements)]

    def drawn(level: int, finer: int = 0) -> Timeline:
        """All at that level, but the latest statements one level finer."""
        parted = len(state.statements) - finer
        rows = list(dividers)
        for statements, told in ((state.statements[:parted], level), (state.statements[parted:], level - 1)):
            rows += _rows(grouped(statements, told, marks, parts), state, shown, widths, told, marks)
        rows.sort(key=lambda entry: entry[0])
        return Timeline(rows, _now(state, shown, widths, level), state, shown, widths)

    for level in LEVELS:
        if level != LEVELS[-1] and len(grouped(state.statements, level, marks, parts)) >= room:
            continue
        body = drawn(level)
        if len(body) < room:
            break
    if level != FULL and len(body) < room:
        # What room is left goes to what happened last.
        latest = range(1, min(len(state.statements), room) + 1)
        body = drawn(level, bisect_left(latest, room, key=lambda finer: len(drawn(level, finer))))
    return Content(body, heads)


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


def _rows(
    groups: Sequence[Group], state: LabState, shown: list[Session], widths: list[int], level: int, marks: Marks
) -> list[Row]:
    """When, in whose lane, what.

    A statement that others overtook gets a second block where it ended, so that what lasted is seen to last.
    """
    width_of = {session.name: width for session, width in zip(shown, widths, strict=True)}
    rows: list[Row] = []
    for group in groups:
        statement = group[-1]
        name = statement.session
        if name not in width_of:
            continue
        mark = marks.get(statement.number, "")
        draw = start_block if statement.running else ended_block
        rows.append((_began(group[0]), name, draw(group, state.schema, width_of[name], level, mark)))
        if overtaken(statement):
            rows.append((_ended(statement), name, late_outcome(statement, width_of[name], mark)))
    return rows


def _divider(at: int, text: str, width: int) -> Row:
    """A line across all lanes, where another part of the run begins."""
    told = cut(clean(text), width - 6)
    return ((at, -1, 0.0), "", [styled((f" ── {told} {'─' * width}"[:width], "dim"))])


def _began(statement: Statement) -> Moment:
    return (statement.index, 0, statement.started_at)


def _ended(statement: Statement) -> Moment:
    """Just after the last statement that had started by then."""
    if statement.ended_at is None:
        return (sys.maxsize, 1, 0.0)
    return (statement.ended_index - 1, 1, statement.ended_at)


class Timeline(Sequence[Text]):
    """Each block in its own lane, and in the others the line of whatever lasts past it; then what is now.

    A line is made when it is asked for: of a long run no more are than can be seen.
    """

    def __init__(
        self, rows: list[Row], now: list[Text], state: LabState, shown: list[Session], widths: list[int]
    ) -> None:
        self._rows = rows
        self._now = now
        self._start = state.run.started_at if state.run else 0.0
        self._names = [session.name for session in shown]
        self._widths = widths
        self._ends = list(accumulate(len(block) for _, _, block in rows))
        self._statements: dict[str, list[Statement]] = {name: [] for name in self._names}
        for statement in state.statements:
            if statement.session in self._statements:
                self._statements[statement.session].append(statement)

    def __len__(self) -> int:
        return (self._ends[-1] if self._ends else 0) + len(self._now)

    @overload
    def __getitem__(self, index: int) -> Text: ...

    @overload
    def __getitem__(self, index: slice) -> list[Text]: ...

    def __getitem__(self, index: int | slice) -> Text | list[Text]:
        if isinstance(index, slice):
            return [self._line(at) for at in range(*index.indices(len(self)))]
        return self._line(range(len(self))[index])

    def _line(self, index: int) -> Text:
        drawn = len(self) - len(self._now)
        if index >= drawn:
            return self._now[index - drawn]
        number = bisect_right(self._ends, index)
        at, owner, block = self._rows[number]
        line = index - (self._ends[number] - len(block))
        if not owner:
            return block[line]
        time = Text(f"{at[2] - self._start:6.1f}" if line == 0 else "", "dim")
        return _row(
            time, [block[line] if name == owner else self._beside(name, at) for name in self._names], self._widths
        )

    def _beside(self, name: str, at: Moment) -> Text:
        """The line of a session's statement that had begun by then and had not ended."""
        statements = self._statements[name]
        begun = bisect_left(statements, at, key=_began)
        return _lasting(statements[begun - 1] if begun else None, at)


def _lasting(statement: Statement | None, at: Moment) -> Text:
    """The line of a statement that has not ended by then; none where its end was told where it began."""
    if statement is None or _ended(statement) <= at or not (statement.running or overtaken(statement)):
        return Text()
    return Text("┊", "wait" if statement.waited_since is not None else "rule")


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
