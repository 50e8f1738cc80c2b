"""Which server a runner works on: the program's own, or one that is given by URL."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from labs.stream.engines import ENGINES
from labs.stream.events import EngineChanged
from labs.workbench.engines import urls
from labs.workbench.engines.embedded import EmbeddedPostgres
from labs.workbench.engines.engine import Engine
from labs.workbench.engines.mariadb.engine import MariaDB
from labs.workbench.engines.own_server import OwnServer
from labs.workbench.engines.postgres.engine import Postgres
from labs.workbench.engines.private_mariadb import PrivateMariaDB
from labs.workbench.errors import USAGE, LabError
from labs.workbench.place import probed

KINDS: Mapping[str, tuple[type[Engine], Callable[[], OwnServer]]] = {
    Postgres.name: (Postgres, EmbeddedPostgres),
    MariaDB.name: (MariaDB, PrivateMariaDB),
}
"""Every kind of server by its engine's name, with the program's own of that kind. The first is the default."""

Report = Callable[[EngineChanged], None]


class Target(ABC):
    """A server that can be had, and given back."""

    engine: str
    """The name of its kind."""

    @abstractmethod
    def use(self, engine: str) -> None:
        """Have a server of another kind from the next `acquire` on; raises `LabError` when there is none."""

    @abstractmethod
    async def acquire(self, report: Report) -> Engine:
        """Have the server; starts it where it is the program's own. Raises `EngineError`."""

    @abstractmethod
    async def release(self) -> None:
        """Give back all that was had; may be called at any time, and more than once."""


class Own(Target):
    """The program's own servers, each started when first needed and stopped with its last user."""

    def __init__(self, engine: str = next(iter(KINDS))) -> None:
        self._servers: dict[str, OwnServer] = {}
        self.use(engine)

    def use(self, engine: str) -> None:
        """See `Target.use`."""
        if engine not in KINDS:
            raise LabError(
                f"There is no engine {engine!r}",
                f"The labs know {', '.join(KINDS)}.",
                "Choose one with --engine or NINELABS_ENGINE.",
                exit_status=USAGE,
            )
        self.engine = engine

    async def acquire(self, report: Report) -> Engine:
        """See `Target.acquire`."""
        kind, own_server = KINDS[self.engine]
        if self.engine not in self._servers:
            self._servers[self.engine] = own_server()
        return kind(await self._servers[self.engine].acquire(report))

    async def release(self) -> None:
        """See `Target.release`."""
        for server in self._servers.values():
            await server.release()


class ByUrl(Target):
    """A server of the person's own."""

    def __init__(self, url: str) -> None:
        kind, self._url = parse(url)
        self.engine = kind.name
        self._kind = kind

    def use(self, engine: str) -> None:
        """See `Target.use`; there is only the one that was given."""
        if engine != self.engine:
            raise LabError(
                f"There is no {ENGINES.get(engine, engine)} here",
                "This session works on the one server that was given by URL.",
                "Start ninelabs without --url and NINELABS_URL to change between its own servers.",
                exit_status=USAGE,
            )

    async def acquire(self, report: Report) -> Engine:
        """See `Target.acquire`."""
        server = self._kind(self._url)
        try:
            version = (await probed(server, "ninelabs")).server_version
        except server.driver_errors as error:
            raise server.explain(error) from error
        report(EngineChanged(engine=server.name, state="ready", server_version=version))
        return server

    async def release(self) -> None:
        """See `Target.release`; there is nothing to give back."""


def parse(url: str) -> tuple[type[Engine], URL]:
    """The kind of server that a URL names, and the URL with the driver that the labs use.

    Raises:
        LabError: it cannot be used. The error does not repeat the URL, which may hold a password.
    """
    try:
        parsed = make_url(url)
        if parsed.host:
            parsed.host.encode("idna")
    except (ArgumentError, ValueError) as error:
        raise urls.refused(
            "The server's URL cannot be read", "It is not of the form postgresql://USER:PASSWORD@HOST:PORT/DATABASE."
        ) from error
    scheme = parsed.get_backend_name()
    kind = next((kind for kind, _ in KINDS.values() if scheme in kind.schemes), None)
    if kind is None:
        raise LabError(
            f"No lab can use {scheme}",
            "The URL names that kind of server.",
            "Give the URL of a PostgreSQL or MariaDB server, postgresql://… or mariadb://…, or leave it out.",
            exit_status=USAGE,
        )
    if parsed.port is not None and not 0 < parsed.port < 2**16:
        raise urls.refused("The server's URL names no possible port", f"{parsed.port} is not from 1 to 65535.")
    return kind, kind.driver_url(parsed)


def choose(engine: str | None = None, url: str | None = None) -> Target:
    """The target for what a person asked for, a URL before an engine's name; raises `LabError`."""
    if url is not None:
        return ByUrl(url)
    return Own(engine) if engine is not None else Own()
