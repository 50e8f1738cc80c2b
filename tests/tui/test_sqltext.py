from __future__ import annotations

from typing import Any

import pytest

from tests.tui.streams import READ, SCHEMA, WRITE
from tui.sqltext import exact, humanize, parameters_line


@pytest.mark.parametrize(
    ("sql", "parameters", "short"),
    [
        (READ + " FOR UPDATE", (1,), "SELECT balance FROM accounts WHERE id=1 FOR UPDATE"),
        (WRITE, (20, 1), "UPDATE accounts SET balance=20 WHERE id=1"),
        ("UPDATE t SET a = %s WHERE b >= %s", ("it's", None), "UPDATE t SET a='it''s' WHERE b >= NULL"),
        ("SELECT a.x FROM a JOIN b ON a.id = b.id", (), "SELECT a.x FROM a JOIN b ON a.id=b.id"),
        ("SELECT 'accounts.x = $1' FROM accounts", (1,), "SELECT 'accounts.x = $1' FROM accounts"),
        ("INSERT INTO t (a) VALUES ($1)", ((1,), (2,)), "INSERT INTO t (a) VALUES ($1) × 2 rows"),
        ("SELECT $1::INTEGER[]", ([1, 2],), "SELECT [1, 2]"),
        ("BEGIN ISOLATION LEVEL READ COMMITTED;", (), "BEGIN"),
        ("COMMIT;", (), "COMMIT"),
        ("INSERT INTO t (a, b) VALUES (1, 2)", (), "INSERT INTO t (a, b) VALUES (1, 2)"),
        (
            "INSERT INTO t (a, b) SELECT p0::INTEGER, p1::INTEGER FROM (VALUES ($1::INTEGER, $2::INTEGER, 0), "
            "($3::INTEGER, $4::INTEGER, 1)) AS imp_sen(p0, p1, sen_counter) ORDER BY sen_counter RETURNING t.id",
            (1, -80, 3, 80),
            "INSERT INTO t (a, b) VALUES (1, -80), (3, 80)",
        ),
        ("SELECT $3", (1,), "SELECT $3"),
        ("SELECT %s, %s", (1,), "SELECT 1, %s"),
        ("SELECT '\x1b[31m'", (), "SELECT '␛[31m'"),
    ],
)
def test_a_statement_is_shortened_for_reading(sql: str, parameters: tuple[Any, ...], short: str) -> None:
    assert humanize(sql, parameters, SCHEMA) == short


def test_the_exact_statement_is_only_put_on_one_line() -> None:
    assert exact("SELECT  1\n  FROM t\x1b") == "SELECT 1 FROM t␛"


def test_parameters_are_listed_as_literals() -> None:
    assert parameters_line((1, "x", None, True)) == "1, 'x', NULL, true"
