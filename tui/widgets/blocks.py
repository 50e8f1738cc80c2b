"""What a lane says of one statement, or of several that are done: a block of lines."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from functools import lru_cache

from rich.text import Text

from tui.sqltext import humanize
from tui.state import Statement
from tui.text import clean, cut, milliseconds, plural, shorten, styled, value, wrap

STATEMENT_LINES = 3
"""A statement is wrapped over no more lines than these; the SQL pane has all of it."""

FULL, SHORT, SHORTEST = LEVELS = (0, 1, 2)
"""How much of what is done is told: all; a line each, and one for inserts in a row; one for all writes in a row."""
_JOINED = {SHORT: ("INSERT", "COMMIT"), SHORTEST: ("INSERT", "UPDATE", "DELETE", "COMMIT")}

Block = list[Text]
Group = tuple[Statement, ...]
Marks = Mapping[int, str]
"""By number of a statement whose outcome differs from that of the run before: what it was there."""


def grouped(statements: Sequence[Statement], level: int, marks: Marks, parts: Container[int]) -> list[Group]:
    """The statements that share a block: a BEGIN with the one after it; at a higher level, writes in a row.

    Args:
        parts: the indices of statements with which a part of the run begins.
    """
    groups: list[list[Statement]] = []
    for statement in statements:
        before = groups[-1][-1] if groups else None
        same = before is not None and before.session == statement.session and statement.index == before.index + 1
        same = same and statement.index not in parts
        # What has just happened keeps a line of its own.
        joins = level != FULL and statement is not statements[-1] and _joins(statement, level, marks)
        if before is not None and same and (before.begins or (joins and _joins(before, level, marks))):
            groups[-1].append(statement)
            continue
        groups.append([statement])
    return [tuple(group) for group in groups]


def start_block(group: Group, schema: str, width: int, level: int, mark: str) -> Block:
    """The block where a statement began; its outcome is in it, unless it came after others had begun.

    Args:
        mark: see `Marks`; empty where there is none.
    """
    *begin, statement = group
    if len(group) > 1 and not begin[-1].begins:
        return _joined_block(group, schema, width)
    sql = humanize(statement.sql, statement.parameters, schema)
    if begin and level == FULL:
        sql = f"BEGIN; {sql}"
    done = not (statement.running or overtaken(statement))
    end = outcome(statement, width, level) if done and not statement.begins else []
    if level != FULL and done and not statement.failed:
        room = width - (end[0].cell_len + 2 if end else 0)
        block = [Text(shorten(sql, room))]
    else:
        block = [Text(line) for line in wrap(sql, width, STATEMENT_LINES)]
    block[0].stylize("bold", 0, len(sql.split(" ", 1)[0]))
    if len(end) == 1 and block[-1].cell_len + 2 + end[0].cell_len <= width:
        block[-1].append(" " * (width - block[-1].cell_len - end[0].cell_len)).append_text(end[0])
    else:
        block += [Text("  ").append_text(line) for line in end]
    return block + ([] if overtaken(statement) else _marked(mark, width))


def late_outcome(statement: Statement, width: int, mark: str) -> Block:
    """How a statement ended that others overtook, with how long it waited."""
    role = "wait" if statement.waited_since is not None else "rule"
    waited = f", waited {milliseconds(statement.milliseconds)}" if role == "wait" and statement.milliseconds else ""
    first, *rest = outcome(statement, width)
    block = [Text("└ ", role).append_text(first), *(Text("  ").append_text(line) for line in rest)]
    if block[-1].cell_len + len(waited) > width:
        block.append(Text("  "))
        waited = waited.removeprefix(", ")
    block[-1].append(waited, "wait")
    return block + _marked(mark, width)


ended_block = lru_cache(maxsize=8192)(start_block)
"""The same, kept: for statements that have all ended."""


def outcome(statement: Statement, width: int, level: int = FULL) -> Block:
    """How a statement ended: rows and a single value; or SQLSTATE and the server's words, all of them."""
    if statement.failed:
        told = f"✗ {clean(statement.sqlstate or 'error')} {clean(statement.message)}"
        return [styled((line, "error")) for line in wrap(told, width - 2)]
    shown = ", ".join(value(cell, 24) for cell in statement.preview[0]) if statement.preview else ""
    single = statement.rows == 1 and bool(shown)
    text = Text() if single and level != FULL else styled(("ok", "ok"))
    if statement.rows is not None and text and (level == FULL or statement.rows != 1):
        text.append(f" {plural(statement.rows, 'row')}", "dim")
    if single:
        text.append(f"{' ' if text else ''}→ {cut(shown, max(width - text.cell_len - 5, 6))}", "title")
    return [text]


def overtaken(statement: Statement) -> bool:
    """Whether others began before it ended."""
    return not statement.running and statement.ended_index > statement.index + 1


def _joined_block(group: Group, schema: str, width: int) -> Block:
    told: dict[str, list[str]] = {}
    for statement in group:
        verb, *words = humanize(statement.sql, statement.parameters, schema).split()
        table = words[1 if verb in ("INSERT", "DELETE") else 0] if words and verb != "COMMIT" else ""
        tables = told.setdefault(verb.rstrip(";"), [])
        if table not in tables:
            tables.append(table)
    line = Text(shorten("; ".join(f"{verb} {', '.join(tables)}".rstrip() for verb, tables in told.items()), width - 4))
    return [line.append(" " * (width - line.cell_len - 2)).append("ok", "ok")]


def _marked(mark: str, width: int) -> Block:
    """What came of it in the run before, where that was something else."""
    return [styled((f"  {line}", "changed")) for line in wrap(f"≠ before: {mark}", width - 2)] if mark else []


def _joins(statement: Statement, level: int, marks: Marks) -> bool:
    plain = not (statement.running or statement.failed or overtaken(statement) or statement.number in marks)
    return plain and statement.sql.lstrip().startswith(_JOINED.get(level, ("\0",)))
