"""Recorded statements as text that `psql` or `mariadb` reads: values in place, and nothing that a client obeys."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any

from tui.text import clean

MARIADB = "mariadb"

_PIECE = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*`
    | (?P<comment>--[^\n]* | /\*.*?\*/)
    | \$(?P<number>\d+)(?:::(?P<kind>[A-Za-z_]\w*(?:\(\d+(?:,\s*\d+)?\))?(?:\[\])*))?
    | (?P<format>%[s%])
    | (?P<space>\s+)""",
    re.VERBOSE | re.DOTALL,
)
_UNCLEAR = {
    "postgres": re.compile(r"['\"`]|/\*|\*/|\$\w*\$"),
    MARIADB: re.compile(r"['\"`#]|/\*|\*/"),
}
"""By engine, what is left between the pieces of a statement that is not what it looks like."""
_VERBS = frozenset(
    [
        "ALTER",
        "ANALYZE",
        "BEGIN",
        "CALL",
        "CHECKPOINT",
        "COMMENT",
        "COMMIT",
        "COPY",
        "CREATE",
        "DELETE",
        "DO",
        "DROP",
        "EXECUTE",
        "EXPLAIN",
        "GRANT",
        "HANDLER",
        "INSERT",
        "LISTEN",
        "LOAD",
        "LOCK",
        "MERGE",
        "NOTIFY",
        "OPTIMIZE",
        "PREPARE",
        "REFRESH",
        "REINDEX",
        "RELEASE",
        "REPLACE",
        "REVOKE",
        "ROLLBACK",
        "SAVEPOINT",
        "SELECT",
        "SET",
        "SHOW",
        "START",
        "TABLE",
        "TRUNCATE",
        "UNLOCK",
        "UPDATE",
        "VACUUM",
        "VALUES",
        "WITH",
        "XA",
    ]
)
"""What a statement may begin with. Anything else at a line's start may be a command of the client's own."""


class ScriptError(Exception):
    """No script can be made; the message is a sentence that says why."""


def statement(sql: str, parameters: Sequence[Any], engine: str) -> str:
    """A recorded statement on one line, with its values in place and a semicolon.

    Args:
        sql: as the driver got it, with ``$1::TYPE`` placeholders on PostgreSQL and ``%s`` on MariaDB.
        parameters: positional values, one for each placeholder.

    Raises:
        ScriptError: it has something that a client would read otherwise than the server did.
    """
    unclear = ScriptError(f"A statement is written in a way that a client may read otherwise: {_told(sql)}")
    remaining = iter(parameters)
    rest: list[str] = []

    def piece(match: re.Match[str]) -> str:
        text = match[0]
        if match["comment"] and engine == MARIADB and re.match(r"--\S", text):
            raise unclear  # There it is two minuses.
        if match["comment"] or match["space"]:
            return " "
        if match["number"] and engine != MARIADB:
            number = int(match["number"])
            if not 1 <= number <= len(parameters):
                raise ScriptError(f"A statement has no value for ${number}: {_told(sql)}")
            return literal(parameters[number - 1], engine, match["kind"] or "")
        if match["format"] and engine == MARIADB:
            if text == "%%":
                return "%"
            try:
                return literal(next(remaining), engine)
            except StopIteration:
                raise ScriptError(f"A statement has fewer values than places for them: {_told(sql)}") from None
        if match["format"] or match["number"]:
            return text
        rest.append(text)
        return text.replace("%%", "%") if engine == MARIADB else text

    code = _PIECE.sub("", sql)
    line = _PIECE.sub(piece, sql).strip().rstrip("; ")
    if "\\" in sql or _UNCLEAR[engine].search(code) or any(clean(text) != text for text in (code, *rest)):
        raise unclear
    if line.split(" ", 1)[0].upper() not in _VERBS:
        raise ScriptError(f"A statement begins with a word that no statement begins with: {_told(sql)}")
    return f"{line};"


def literal(value: object, engine: str, kind: str = "") -> str:
    """A value as that engine writes it. What JSON has no word for has come as its text.

    Args:
        kind: the type that PostgreSQL is to take it for; empty where it finds out.
    """
    array = kind.endswith("]")
    cast = f"::{kind}" if kind else ""
    found = _python(value) if array or kind.upper() == "BYTEA" or (engine == MARIADB and not kind) else value
    if array and isinstance(found, list | tuple):
        items = ", ".join(literal(item, engine) for item in found)
        return f"ARRAY[{items}]{cast}"
    if isinstance(found, bytes):
        return f"x'{found.hex()}'" if engine == MARIADB else f"decode('{found.hex()}', 'hex')"
    if value is None:
        return f"NULL{cast}"
    if isinstance(value, bool):
        return ("true" if value else "false") + cast
    if isinstance(value, int | float):
        # In brackets, so that no minus before it makes two.
        return (f"({value})" if value < 0 else str(value)) + cast
    return quoted(str(value), engine) + cast


def quoted(text: str, engine: str) -> str:
    """A text as a literal, of characters that can be seen."""
    if clean(text) == text and "\\" not in text:
        return "'" + text.replace("'", "''") + "'"
    if engine == MARIADB:
        return f"_utf8mb4 x'{text.encode().hex()}'"
    return "E'" + "".join(_escaped(character) for character in text) + "'"


def identifier(name: str, engine: str) -> str:
    """A name in the engine's quotes; raises `ScriptError` for one that cannot be seen."""
    if clean(name) != name or "\\" in name or not name:
        raise ScriptError(f"A name in it cannot be written: {clean(name)}.")
    mark = "`" if engine == MARIADB else '"'
    return mark + name.replace(mark, mark * 2) + mark


def _escaped(character: str) -> str:
    if character in "'\\":
        return character * 2
    if clean(character) == character:
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _python(value: object) -> object:
    """What Python wrote bytes and lists as, read back; the value itself where it is something else."""
    if not isinstance(value, str) or not re.match(r"b['\"]|\[", value):
        return value
    try:
        found: object = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value
    return found


def _told(sql: str) -> str:
    short = clean(" ".join(sql.split()))
    return short if len(short) <= 60 else short[:59] + "…"
