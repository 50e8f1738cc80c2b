"""Every statement of the run exactly as it was sent, with its parameters, time and rows."""

from __future__ import annotations

from functools import lru_cache

from rich.text import Text

from tui.sqltext import exact, parameters_line
from tui.state import LabState, Statement
from tui.text import clean, milliseconds, plural, styled, value, wrap
from tui.view import View
from tui.widgets.pane import Content

_INDENT = " " * 10
KEPT = 8192
"""Of how many statements the lines are kept, which do not change once they have ended."""


def lines(state: LabState, view: View, width: int) -> Content:
    """The log, newest last."""
    if not state.statements:
        return Content([styled((" No statement has been sent yet.", "dim"))])
    start = state.run.started_at if state.run else 0.0
    head: tuple[Text, ...] = ()
    if view.last(state) and state.run is not None:
        head = (styled((f" Last run: {clean(state.title(state.run.experiment))}", "dim")),)
    entries = ((_entry if one.running else _ended_entry)(one, start, width) for one in state.statements)
    return Content([line for entry in entries for line in entry], head)


def _entry(statement: Statement, start: float, width: int) -> list[Text]:
    first, *rest = wrap(exact(statement.sql), max(width - len(_INDENT), 20))
    entry = [
        styled((f" {statement.started_at - start:5.1f} ", "dim"), (f"{clean(statement.session):<2} ", "title"), first)
    ]
    entry.extend(Text(_INDENT + line) for line in rest)
    entry.extend(Text(_INDENT).append_text(line) for line in _end(statement, width - len(_INDENT)))
    return entry


_ended_entry = lru_cache(maxsize=KEPT)(_entry)


def _end(statement: Statement, width: int) -> list[Text]:
    """Parameters, outcome and rows: on one line where they fit, else each on lines of its own."""
    parts = [part for part in (_parameters(statement), *_outcome(statement), _preview(statement)) if part[0]]
    line = Text("  ").join([styled(part) for part in parts])
    if line.cell_len <= width:
        return [line]
    return [styled((piece, role)) for text, role in parts for piece in wrap(text, width)]


def _parameters(statement: Statement) -> tuple[str, str]:
    return (f"[{parameters_line(statement.parameters)}]" if statement.parameters else "", "dim")


def _outcome(statement: Statement) -> list[tuple[str, str]]:
    if statement.running:
        waits = statement.waited_since is not None
        return [("… waits", "wait") if waits else ("… runs", "dim")]
    if statement.failed:
        told = (f"✗ {clean(statement.sqlstate or 'error')} {clean(statement.message)}", "error")
    else:
        told = (f"ok {plural(statement.rows, 'row')}" if statement.rows is not None else "ok", "ok")
    return [told, (milliseconds(statement.milliseconds), "dim")]


def _preview(statement: Statement) -> tuple[str, str]:
    shown = "; ".join(", ".join(value(cell, 40) for cell in record) for record in statement.preview)
    return (f"→ {shown}" if shown else "", "")
