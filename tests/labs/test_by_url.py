"""The labs on a server of the person's own, as a role that may do little, and what is said when it may do less."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from labs.races.lab import Races
from labs.stream.events import ExperimentEnded, LabOpened, LabReset, Noted, RolledBack
from labs.workbench.engines.mariadb.engine import MariaDB
from labs.workbench.engines.postgres.engine import Postgres, check_version
from labs.workbench.errors import USAGE, EngineError, LabError
from labs.workbench.room import UNKNOWN
from labs.workbench.target import choose, parse
from tests.labs.private_server import OWNER_PASSWORD, private_server, url
from tests.labs.program import ninelabs, one_sentence, running

PASSWORD = "s3cret@/word"

OBJECTS = """
SELECT json_agg(line ORDER BY line) FROM (
    SELECT to_jsonb(o) - 'relpages' - 'reltuples' - 'relallvisible' - 'relallfrozen' - 'relfrozenxid' - 'relminmxid'
        || jsonb_build_object('catalog', '{catalog}') AS line
    FROM {catalog} AS o WHERE {condition}) AS lines
"""
"""Every object of a catalog that is in none of the labs' schemas."""

OURS = "SELECT oid FROM pg_namespace WHERE nspname LIKE 'ninelabs%' OR nspname LIKE 'pg_t%'"
"""The labs' schemas; and those for temporary and for very long values, which come and go with them."""

OUTSIDE = {
    "pg_namespace": f"oid NOT IN ({OURS})",
    "pg_class": f"relnamespace NOT IN ({OURS})",
    "pg_proc": f"pronamespace NOT IN ({OURS})",
    "pg_type": f"typnamespace NOT IN ({OURS})",
    "pg_constraint": f"connamespace NOT IN ({OURS})",
    **dict.fromkeys(("pg_authid", "pg_auth_members", "pg_database", "pg_db_role_setting", "pg_default_acl"), "true"),
    **dict.fromkeys(("pg_extension", "pg_event_trigger", "pg_language", "pg_tablespace", "pg_parameter_acl"), "true"),
}


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with private_server() as port:
        yield port


@pytest.fixture(scope="module")
async def owner(port: int) -> AsyncIterator[asyncpg.Connection]:
    """The superuser, in a database with somebody's table, and with two roles that are nobody special."""
    connection = await asyncpg.connect(url(port, "owner", OWNER_PASSWORD, "postgres").render_as_string(False))
    for statement in (
        "CREATE DATABASE shop",
        f"CREATE ROLE student LOGIN PASSWORD '{PASSWORD}'",
        f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'",
        "GRANT CREATE ON DATABASE shop TO student",
    ):
        await connection.execute(statement)
    await connection.close()
    connection = await asyncpg.connect(url(port, "owner", OWNER_PASSWORD).render_as_string(False))
    await connection.execute("CREATE TABLE public.accounts (id int PRIMARY KEY); INSERT INTO accounts VALUES (7)")
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
def student(port: int, owner: asyncpg.Connection) -> str:
    return url(port, "student", PASSWORD).render_as_string(False)


async def outside_the_labs(owner: asyncpg.Connection) -> dict[str, str]:
    found = {
        catalog: await owner.fetchval(OBJECTS.format(catalog=catalog, condition=condition))
        for catalog, condition in OUTSIDE.items()
    }
    return found | {"rows": str(await owner.fetch("SELECT * FROM public.accounts"))}


async def test_a_plain_role_runs_the_lab_and_nothing_else_is_touched(
    student: str, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    before = await outside_the_labs(owner)
    never = {"NINELABS_DATA": str(tmp_path / "never"), "NINELABS_URL": student}
    run = ninelabs("run", "races", "--json", **never)
    back = ninelabs("rollback", "races", "--json", **never)
    fresh = ninelabs("reset", "races", "--json", **never)
    assert {event.experiment: event.outcome for event in run.of(ExperimentEnded)} == {
        slug: experiment.spec.expected for slug, experiment in Races.experiments().items()
    }
    assert (run.status, back.status, fresh.status) == (0, 0, 0)
    assert [event.schema for event in run.of(LabOpened)] == ["ninelabs_program_races"]
    assert back.of(RolledBack)[-1].clean
    assert fresh.of(LabReset)
    assert await owner.fetchval("SELECT count(*) FROM ninelabs_program_races.accounts") == 3
    after = await outside_the_labs(owner)
    for catalog, objects in before.items():
        assert after[catalog] == objects, catalog
    assert not (tmp_path / "never/postgres-18").exists()


def test_a_plain_role_migrates_a_table_in_use_and_the_disk_is_not_its_to_see(student: str) -> None:
    ended = ninelabs("run", "migrations/naive_against_staged", "-p", "rows=10000", "--json", NINELABS_URL=student)
    assert ended.status == 0
    assert any(note.text == UNKNOWN for note in ended.of(Noted))


def test_the_password_is_nowhere_to_be_seen(student: str, tmp_path: Path) -> None:
    secrets = (PASSWORD, "s3cret")
    recording = tmp_path / "recording"
    whole = ninelabs("run", "races/row_lock", "--json", "--record", str(recording), "--url", student)
    with running("run", "races/every_order", "--json", "--url", student) as process:
        process.until(lambda event: isinstance(event, LabOpened))
        seen = [" ".join(other.info["cmdline"] or ()) for other in psutil.process_iter(["cmdline"])]
        process.process.send_signal(signal.SIGINT)
        ended = process.end()
    assert (whole.status, ended.status) == (0, 130)
    assert any("races/every_order" in command for command in seen)
    refused = ninelabs("run", "races", f"--url={student.replace('student', 'nobody')}")
    assert refused.status == 3
    for text in (
        *seen,
        recording.read_text(),
        *(part for one in (whole, ended, refused) for part in (one.stdout, one.stderr)),
    ):
        assert not any(secret in text for secret in secrets)


@pytest.mark.parametrize(
    ("role", "password", "database", "words"),
    [
        ("student", "wrong-password", "shop", "The server refused the password"),
        ("nobody", "wrong-password", "shop", "The server refused the password"),
        ("student", PASSWORD, "library", "There is no such database"),
        ("guest", PASSWORD, "shop", 'As the database\'s owner: GRANT CREATE ON DATABASE "shop" TO "guest";'),
    ],
)
@pytest.mark.usefixtures("owner")
def test_what_the_server_refuses(port: int, role: str, password: str, database: str, words: str) -> None:
    given = url(port, role, password, database).render_as_string(False)
    ended = ninelabs("run", "races/row_lock", NINELABS_URL=given, LOGNAME="refused")
    assert ended.status == 3
    assert words in one_sentence(ended.stderr)
    assert ended.stderr.count("\n") == 1
    assert password not in ended.stderr


def test_a_schema_of_another_role(port: int, student: str) -> None:
    assert ninelabs("reset", "races", NINELABS_URL=student).status == 0
    guest = url(port, "guest", PASSWORD).render_as_string(False)
    ended = ninelabs("run", "races/row_lock", NINELABS_URL=guest)
    assert ended.status == 3
    assert "The lab's schema belongs to another role" in one_sentence(ended.stderr)


def test_the_doctor_names_the_right_that_is_missing(port: int, student: str) -> None:
    assert ninelabs("doctor", NINELABS_URL=student).status == 0
    found = ninelabs("doctor", NINELABS_URL=url(port, "guest", PASSWORD).render_as_string(False))
    assert found.status == 3
    assert 'GRANT CREATE ON DATABASE "shop" TO "guest";' in " ".join(found.stdout.split())
    assert PASSWORD not in found.stdout


def test_a_server_that_is_not_there() -> None:
    ended = ninelabs("run", "races/row_lock", NINELABS_URL="postgresql://student@localhost:1/shop")
    assert ended.status == 3
    assert one_sentence(ended.stderr).startswith("The server cannot be reached: localhost:1: Connection refused.")
    assert ended.stderr.count("\n") == 1


def test_a_second_session_is_told_who_has_the_lab(student: str) -> None:
    with running("run", "races/every_order", "--json", NINELABS_URL=student) as first:
        first.until(lambda event: isinstance(event, LabOpened))
        second = ninelabs("run", "races/row_lock", NINELABS_URL=student)
        assert second.status == 3
        assert one_sentence(second.stderr).startswith("The races lab is in use. On this server ninelabs/races (backend")
        first.process.send_signal(signal.SIGINT)
        assert first.end().status == 130


@pytest.mark.parametrize(
    "given",
    [
        "",
        "shop",
        "postgresql://student:s3cret@host:many/shop",
        "postgresql://student:s3cret@host:99999/shop",
        "postgresql://student:s3cret@a..b/shop",
        "postgresql://student:s3cret@host/shop?sslmode=maybe",
        "postgresql://student:s3cret@host/shop?host=a&host=b",
        "postgresql://student:s3cret@/shop?port=many",
        "postgresql://student:s3cret@host/shop?command_timeout=1",
        "sqlite:///shop",
        "oracle://student:s3cret@host/shop",
    ],
)
def test_a_url_that_cannot_be_used_is_not_repeated(given: str) -> None:
    with pytest.raises(LabError) as raised:
        choose(None, given)
    assert raised.value.exit_status == USAGE
    assert "s3cret" not in raised.value.sentence


def test_a_malformed_url_is_a_usage_error() -> None:
    ended = ninelabs("run", "races", "--url", "postgresql//student:s3cret@host/shop")
    assert ended.status == 2
    assert one_sentence(ended.stderr).startswith("The server's URL cannot be read.")
    assert "s3cret" not in ended.stderr


def test_a_url_as_people_write_it() -> None:
    kind, parsed = parse("postgres://student:s%40cret@host:5433/shop?sslmode=require")
    assert kind is Postgres
    assert (parsed.drivername, parsed.password, parsed.port) == ("postgresql+asyncpg", "s@cret", 5433)
    assert dict(parsed.query) == {"ssl": "require"}
    kind, parsed = parse("mysql://student:s%40cret@host:3307/?unix_socket=/run/my.sock")
    assert kind is MariaDB
    assert (parsed.drivername, parsed.password, parsed.port) == ("mariadb+aiomysql", "s@cret", 3307)
    assert dict(parsed.query) == {"unix_socket": "/run/my.sock", "charset": "utf8mb4"}


def test_a_server_too_old_is_refused() -> None:
    check_version(140000)
    with pytest.raises(EngineError, match="too old: It is PostgreSQL 13; the labs need 14 or newer"):
        check_version(130014)
