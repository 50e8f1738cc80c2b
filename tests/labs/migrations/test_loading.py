"""Users are loaded where there is room for them and for what becomes of them."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from labs.migrations import loading
from labs.migrations.naive import one_update
from labs.stream.events import Noted, ProgressAdvanced
from labs.workbench.bench import Bench
from labs.workbench.errors import LabError
from labs.workbench.room import UNKNOWN, Room
from labs.workbench.runner import Runner
from tests.conftest import Heard

TAKEN = {
    "postgres": "SELECT pg_total_relation_size('users')",
    "mariadb": "SELECT file_size FROM information_schema.innodb_sys_tablespaces "
    "WHERE name = CONCAT(SCHEMA(), '/users')",
}
COPIES = {"postgres": 1, "mariadb": 2}
"""MariaDB's last ALTER writes the table anew, beside the old one."""


@pytest.mark.parametrize("found", [Room(2, 1, "/"), Room(1, 2, "/"), None])
async def test_the_room_is_asked_for_before_any_user_is_written(
    lab: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch, found: Room | None
) -> None:
    async def room_for(*_: object) -> Room | None:
        return found

    monkeypatch.setattr(loading, "room_for", room_for)
    if found is not None and found.free_bytes < found.needed_bytes:
        with pytest.raises(LabError, match="too little room"):
            await lab.run("phases", {})
        assert not heard.of(ProgressAdvanced)
    else:
        assert await lab.run("phases", {}) == "passed"
        assert any(note.text == UNKNOWN for note in heard.of(Noted)) == (found is None)


async def test_what_users_are_said_to_need_is_what_changing_all_of_them_takes(bench: Bench) -> None:
    rows = 100_000
    said = rows * loading.BYTES_A_USER
    async with bench.empty_tables() as connection:
        await loading.load(bench, connection, rows)
        async with bench.sessions("migration", isolation="read committed") as (lane,):
            await one_update(lane)
        taken = await connection.scalar(text(TAKEN[bench.server.name])) * COPIES[bench.server.name]
        await connection.rollback()
    assert said / 3 < taken < said
