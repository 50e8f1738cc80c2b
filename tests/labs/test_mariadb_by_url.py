"""The labs on a MariaDB of the person's own, as a user with nothing but the right to the labs' databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from labs.stream.events import LabOpened, LabReset, RolledBack
from labs.workbench.engines.mariadb.engine import MariaDB
from tests.labs.program import ninelabs, one_sentence

PASSWORD = "s3cret@/word"


@pytest.fixture(scope="module")
async def student(mariadb: MariaDB) -> str:
    """The URL of a plain user; beside the labs' databases there is somebody's table."""
    engine = mariadb.create(application="owner", isolation="autocommit")
    async with engine.connect() as connection:
        for statement in (
            "CREATE DATABASE IF NOT EXISTS shop",
            "CREATE TABLE IF NOT EXISTS shop.accounts (id int PRIMARY KEY)",
            f"CREATE OR REPLACE USER student@localhost IDENTIFIED BY '{PASSWORD}'",
            r"GRANT ALL PRIVILEGES ON `ninelabs\_%`.* TO student@localhost",
            f"CREATE OR REPLACE USER guest@localhost IDENTIFIED BY '{PASSWORD}'",
        ):
            await connection.execute(text(statement))
    await engine.dispose()
    url = mariadb.url.set(drivername="mariadb", username="student", password=PASSWORD, host="localhost")
    return url.set(query={"unix_socket": url.query["unix_socket"]}).render_as_string(hide_password=False)


def test_a_plain_user_runs_an_experiment_and_the_way_back(student: str, tmp_path: Path) -> None:
    never = {"NINELABS_DATA": str(tmp_path / "never"), "NINELABS_URL": student}
    run = ninelabs("run", "races/double_spend", "--json", **never)
    back = ninelabs("rollback", "races", "--json", **never)
    fresh = ninelabs("reset", "races", "--json", **never)
    assert (run.status, back.status, fresh.status) == (4, 0, 0)
    [opened] = run.of(LabOpened)
    assert (opened.engine, opened.schema) == ("mariadb", "ninelabs_program_races")
    assert opened.capabilities["wait-for graph"] is False, "the status report takes a right that this user has not"
    assert back.of(RolledBack)[-1].clean
    assert fresh.of(LabReset)
    assert not list((tmp_path / "never").glob("mariadb*"))


def test_a_plain_user_migrates_a_table_in_use(student: str) -> None:
    assert ninelabs("run", "migrations/naive_against_staged", "-p", "rows=10000", NINELABS_URL=student).status == 0


def test_the_doctor_says_what_a_user_may_not(student: str) -> None:
    found = ninelabs("doctor", NINELABS_URL=student.replace("student", "guest"))
    assert found.status == 3
    assert r"GRANT ALL PRIVILEGES ON `ninelabs\_%`.* TO 'guest';" in " ".join(found.stdout.split())
    assert PASSWORD not in found.stdout


def test_a_wrong_password_is_told_and_not_repeated(student: str) -> None:
    ended = ninelabs("run", "races/row_lock", NINELABS_URL=student.replace("s3cret", "wr0ng"))
    assert ended.status == 3
    assert "The server refused the password" in one_sentence(ended.stderr)
    assert "wr0ng" not in ended.stderr
