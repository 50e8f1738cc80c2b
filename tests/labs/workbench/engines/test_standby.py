"""A standby of the program's own PostgreSQL: it follows, is read from, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from sqlalchemy import make_url

from labs.workbench.engines.embedded import EmbeddedPostgres
from labs.workbench.engines.engine import Engine
from labs.workbench.engines.keeper import alive
from labs.workbench.engines.postgres.engine import Postgres
from labs.workbench.engines.standby import StandbyPostgres, standby_of
from labs.workbench.errors import LabError
from tests.labs.workbench.engines.conftest import ask, eventually, ignore, running

FOLLOWED = "SELECT pg_is_in_recovery() AND EXISTS (SELECT FROM information_schema.tables WHERE table_name = 'followed')"


async def test_it_follows_and_leaves_nothing(server: Engine, data_folder: Path) -> None:
    async with standby_of(server) as standby:
        await ask(server.url, "CREATE TABLE public.followed AS SELECT 1")
        own = StandbyPostgres(server.url, EmbeddedPostgres().folder)
        process = running(own)
        for _ in range(100):
            if await ask(standby.url, FOLLOWED):
                break
        assert await ask(standby.url, FOLLOWED)
        await ask(server.url, "DROP TABLE public.followed")
    assert not alive(process) and not own.data.exists()
    assert running(EmbeddedPostgres(data_folder))


async def test_what_a_crash_left_is_made_anew(server: Engine) -> None:
    own = StandbyPostgres(server.url, EmbeddedPostgres().folder)
    await own.acquire(ignore)
    killed = running(own)
    killed.kill()
    (own.data / "stale").touch()
    await own.release()
    assert eventually(lambda: not alive(killed))
    async with standby_of(server) as standby:
        assert await ask(standby.url, "SELECT pg_is_in_recovery()")
        assert not (own.data / "stale").exists()


def test_it_ends_with_the_program_that_has_it(server: Engine) -> None:
    program = """
        import asyncio, sys
        from sqlalchemy import make_url
        from labs.workbench.engines.postgres.engine import Postgres
        from labs.workbench.engines.standby import standby_of

        async def main():
            async with standby_of(Postgres(make_url(sys.argv[1]))):
                print("there", flush=True)
                await asyncio.sleep(60)

        asyncio.run(main())
    """
    url = server.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", textwrap.dedent(program), url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "there\n"
        process = running(StandbyPostgres(server.url, EmbeddedPostgres().folder))
        other.kill()
    assert eventually(lambda: not alive(process))


async def test_of_a_server_by_url_none_is_made() -> None:
    with pytest.raises(LabError, match="no standby"):
        async with standby_of(Postgres(make_url("postgresql+asyncpg://somebody@example/db"))):
            pass
