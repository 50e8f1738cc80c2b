"""Statements as a person reads them: values in place, no schema, no repeated table names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from tui.text import clean, value

_LITERAL = re.compile(r"('(?:[^']|'')*')")
_QUOTED_WORD = re.compile(r'"([a-z_][a-z0-9_]*)"|`([a-z_][a-z0-9_]*)`')
_NUMBERED = re.compile(r"\$(\d+)(?:::(?:[A-Za-z_]\w*(?:\(\d+(?:,\s*\d+)?\))?(?:\[\])?))?")
_FORMATTED = re.compile(r"%s")
_TABLE = re.compile(r"\b(?:FROM|UPDATE|INTO|JOIN)\s+(\w+)(?:\s*,\s*(\w+))*", re.IGNORECASE)
_MANY_ROWS = re.compile(r"SELECT p0\b.*? FROM \(VALUES (.*)\) AS imp_sen\(.*$")
"""SQLAlchemy's way to insert many rows and get their keys back in the same order; each row ends in its number."""
_ROW_NUMBER = re.compile(r", \d+\)(?=,|$)")
_RETURNING = re.compile(r"\s*\bRETURNING .*$")
_ISOLATION = re.compile(r"^BEGIN ISOLATION LEVEL .*$")
_SPACED_EQUALS = re.compile(r"\s*(?<![<>!:])=\s*")
LONGEST_PARAMETER_CELLS = 40


def humanize(sql: str, parameters: Sequence[Any] = (), schema: str = "") -> str:
    """One line of clean SQL, shortened for reading; `exact` has the statement as it was sent.

    Args:
        sql: as the driver got it, with ``$1::TYPE`` or ``%s`` placeholders.
        parameters: positional values, or one sequence a row for many rows (then only their count is told).
        schema: dropped wherever it qualifies a name.
    """
    short = _shortened(sql, schema)
    if many := _row_count(sql, parameters):
        return f"{short} × {many} rows"
    return _substituted(short, parameters)


def exact(sql: str) -> str:
    """The statement as it was sent, on one line, clean."""
    return clean(" ".join(sql.split()))


def parameters_line(parameters: Sequence[Any]) -> str:
    """The parameters of a statement, in order; empty when it has none."""
    return ", ".join(_literal(parameter) for parameter in parameters)


@lru_cache(maxsize=4096)
def _shortened(sql: str, schema: str) -> str:
    def plain(code: str) -> str:
        code = _QUOTED_WORD.sub(lambda match: match[1] or match[2], re.sub(r"\s+", " ", code))
        return re.sub(rf"\b{re.escape(schema)}\.", "", code) if schema else code

    line = _outside_literals(sql, plain)
    tables = {name.lower() for match in _TABLE.finditer(line) for name in match.groups() if name}
    table = re.escape(tables.pop()) if len(tables) == 1 else None

    def terse(code: str) -> str:
        if table:
            code = re.sub(rf"\s+AS\s+{table}_\w+", "", code, flags=re.IGNORECASE)
            code = re.sub(rf"\b{table}\.(?=\w)", "", code, flags=re.IGNORECASE)
        return _SPACED_EQUALS.sub("=", code)

    line = _outside_literals(line, terse).strip().rstrip(";")
    line = _MANY_ROWS.sub(lambda match: "VALUES " + _ROW_NUMBER.sub(")", match[1]), line)
    return clean(_ISOLATION.sub("BEGIN", _RETURNING.sub("", line)))


def _outside_literals(sql: str, change: Callable[[str], str]) -> str:
    pieces = _LITERAL.split(sql)
    pieces[::2] = [change(piece) for piece in pieces[::2]]
    return "".join(pieces)


def _row_count(sql: str, parameters: Sequence[Any]) -> int:
    """How many rows of parameters there are; 0 for one plain set of values."""
    if not parameters or not all(isinstance(parameter, list | tuple) for parameter in parameters):
        return 0
    wanted = max((int(match[1]) for match in _NUMBERED.finditer(sql)), default=len(_FORMATTED.findall(sql)))
    return len(parameters) if all(len(parameter) == wanted for parameter in parameters) else 0


def _substituted(sql: str, parameters: Sequence[Any]) -> str:
    if not parameters:
        return sql

    def numbered(match: re.Match[str]) -> str:
        number = int(match[1])
        return _literal(parameters[number - 1]) if 1 <= number <= len(parameters) else match[0]

    if _NUMBERED.search(sql):
        return _outside_literals(sql, lambda code: _NUMBERED.sub(numbered, code))
    remaining = map(_literal, parameters)
    return _outside_literals(sql, lambda code: _FORMATTED.sub(lambda match: next(remaining, match[0]), code))


def _literal(parameter: Any) -> str:
    if isinstance(parameter, str):
        return "'" + value(parameter, LONGEST_PARAMETER_CELLS).replace("'", "''") + "'"
    return value(parameter, LONGEST_PARAMETER_CELLS)
