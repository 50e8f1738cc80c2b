"""A standby of the program's own PostgreSQL: a real one, that receives the log and replays it, for as long as it is
needed. It lives in the server's own folder, and what is left of it after a crash goes with the next one."""

from __future__ import annotations

import asyncio
import shlex
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import URL

from labs.workbench.engines import accounts
from labs.workbench.engines.embedded import STANDBY, EmbeddedPostgres
from labs.workbench.engines.engine import Engine
from labs.workbench.engines.postgres.engine import Postgres
from labs.workbench.errors import USAGE, LabError

SPARE_BYTES = 2 << 30
"""Free disk beyond the size of the copy: for the log that it has received, and for what is done meanwhile."""


class StandbyPostgres(EmbeddedPostgres):
    """Made anew by `pg_basebackup` at each start.

    Args:
        primary: where the server that it follows is reached.
        folder: that server's own.
    """

    def __init__(self, primary: URL, folder: Path) -> None:
        super().__init__(folder / STANDBY)
        self.title = "The standby"
        self._primary = primary
        self._primary_data = folder / "data"

    def prepare(self, account: accounts.Account) -> Sequence[str | Path]:
        """See `OwnServer.prepare`; a copy of another time is of no use."""
        self._end_orphans()
        self.discard()
        return super().prepare(account)

    def discard(self) -> None:
        """Delete the copy. Only when it does not run."""
        shutil.rmtree(self.data, ignore_errors=True)

    def _create(self, account: accounts.Account, programs: Path) -> None:
        size = sum(file.stat().st_size for file in self._primary_data.rglob("*") if file.is_file())
        unfinished = self.unfinished_data(size + SPARE_BYTES, account)
        where = {
            "host": str(self._primary.query["host"]),
            "port": str(self._primary.query["port"]),
            "user": self._primary.username or "",
            "application_name": STANDBY,
        }
        conninfo = " ".join(f"{name}={shlex.quote(value)}" for name, value in where.items())
        command: list[str | Path] = [programs / "pg_basebackup", "-D", unfinished, "-d", conninfo]
        self.run_tool([*command, "-R", "-c", "fast", "-X", "stream"], account, "The standby cannot be made")
        unfinished.rename(self.data)


@asynccontextmanager
async def standby_of(server: Engine) -> AsyncIterator[Engine]:
    """A standby of that server, running, to be read from; gone with the block.

    Raises:
        LabError: the server is not the program's own, or there is no room.
    """
    own = EmbeddedPostgres()
    if server.name != own.engine or server.url.query.get("host") != own.url().query["host"]:
        raise LabError(
            "Of this server no standby can be made",
            "That takes the right to copy all of it, and a place for the copy; it was given by URL.",
            "Run it on the program's own PostgreSQL, without --url.",
            exit_status=USAGE,
        )
    standby = StandbyPostgres(server.url, own.folder)
    url = await standby.acquire(lambda _: None)
    try:
        yield Postgres(url)
    finally:
        await standby.release()
        await asyncio.to_thread(standby.discard)
