"""What a statement's text tells of what it does, and that where it does not tell, the worst is assumed."""

from __future__ import annotations

import pytest
from sqlalchemy import MetaData, Table

from labs.workbench.footprint import only_reads, touched

TABLES = [Table(name, MetaData()) for name in ("pot", "log")]


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("SELECT n FROM pot", True),
        ("  select 1", True),
        ("SELECT count(*) FROM pot WHERE id IN (1, 2) AND (n > 3)", True),
        ("SELECT COALESCE(sum(n), 0) FROM (SELECT n FROM pot) AS q", True),
        ("SELECT n FROM pot FOR UPDATE", False),
        ("SELECT n FROM pot FOR NO KEY UPDATE SKIP LOCKED", False),
        ("SELECT n FROM pot FOR KEY SHARE", False),
        ("SELECT n FROM pot LOCK IN SHARE MODE", False),
        ("SELECT n INTO copy FROM pot", False),
        ("SELECT NEXT VALUE FOR numbers", False),
        ("SELECT pg_advisory_xact_lock(1)", False),
        ("SELECT GET_LOCK('x', 1)", False),
        ("SELECT f()", False),
        ("SELECT (f (1))", False),
        ('SELECT "f"(1)', False),
        ("SELECT lab.lower('x')", False),
        ("SELECT f/**/(1)", False),
        ("WITH q AS (SELECT f()) SELECT * FROM q", False),
        ("UPDATE pot SET n = 1", False),
        ("COMMIT;", False),
    ],
)
def test_only_plain_reads_commute(sql: str, reads: bool) -> None:
    assert only_reads(sql) is reads


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT n FROM pot WHERE id = 1", ""),
        ("COMMIT;", ""),
        ("ROLLBACK TO SAVEPOINT sa_savepoint_1", ""),
        ("UPDATE pot SET n = abs(n) WHERE id = 1", "pot"),
        ("UPDATE POT SET n = 0", "pot"),
        ("INSERT INTO pot (id, n) VALUES (9, 9)", "pot"),
        ("WITH gone AS (DELETE FROM pot RETURNING id) INSERT INTO log SELECT id FROM gone", "log pot"),
        ("SELECT n FROM pot FOR UPDATE", ""),
        ("SELECT n INTO copy FROM pot", "log pot"),
        ("SELECT f()", "log pot"),
        ("WITH q AS (SELECT f()) SELECT * FROM q", "log pot"),
        ("UPDATE pot SET n = f(n)", "log pot"),
        ("UPDATE somewhere_else SET n = 0", "log pot"),
        ("CALL f", "log pot"),
        ("TRUNCATE pot", "log pot"),
    ],
)
def test_the_tables_that_a_statement_may_change(sql: str, names: str) -> None:
    assert touched(sql, TABLES) == set(names.split())
