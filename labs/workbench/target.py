"""Which server a runner works on: the program's own, or one that is given by URL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from labs.stream.events import EngineChanged
from labs.workbench.engines.embedded import EmbeddedPostgres
from labs.workbench.engines.engine import Engine
from labs.workbench.engines.postgres.engine import Postgres
from labs.workbench.errors import USAGE, LabError
from labs.workbench.place import probed

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

Report = Callable[[EngineChanged], None]


class Target(Protocol):
    """A server that can be had, and given back."""

    async def acquire(self, report: Report) -> Engine:
        """Have the server; starts it where it is the program's own. Raises `EngineError`."""

    async def release(self) -> None:
        """Give it back; may be called at any time, and more than once."""


class Own:
    """The program's own PostgreSQL, started when first needed and stopped with its last user."""

    def __init__(self) -> None:
        self._server = EmbeddedPostgres()

    async def acquire(self, report: Report) -> Engine:
        """See `Target.acquire`."""
        return Postgres(await self._server.acquire(report))

    async def release(self) -> None:
        """See `Target.release`."""
        await self._server.release()


class ByUrl:
    """A server of the person's own."""

    def __init__(self, url: str) -> None:
        self._url = parse(url)

    async def acquire(self, report: Report) -> Engine:
        """See `Target.acquire`."""
        server = Postgres(self._url)
        try:
            version = (await probed(server, "ninelabs")).server_version
        except server.driver_errors as error:
            raise server.explain(error) from error
        report(EngineChanged(engine=server.name, state="ready", server_version=version))
        return server

    async def release(self) -> None:
        """See `Target.release`; there is nothing to give back."""


def parse(url: str) -> URL:
    """A URL as people write it, with the driver that the labs use.

    Raises:
        LabError: it cannot be used. The error does not repeat the URL, which may hold a password.
    """
    try:
        parsed = make_url(url)
        if parsed.host:
            parsed.host.encode("idna")
    except (ArgumentError, ValueError) as error:
        raise _refused(
            "The server's URL cannot be read", "It is not of the form postgresql://USER:PASSWORD@HOST:PORT/DATABASE."
        ) from error
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise LabError(
            f"No lab can use {parsed.get_backend_name()} yet",
            "The URL names that kind of server.",
            "Give the URL of a PostgreSQL server, postgresql://…, or leave it out.",
            exit_status=USAGE,
        )
    if parsed.port is not None and not 0 < parsed.port < 2**16:
        raise _refused("The server's URL names no possible port", f"{parsed.port} is not from 1 to 65535.")
    return parsed.set(drivername="postgresql+asyncpg", query=_options(parsed))


def _options(url: URL) -> dict[str, str]:
    """What stands after the question mark, in the driver's words."""
    allowed = f"It may say host, port, and sslmode: {', '.join(SSL_MODES)}."
    options = {}
    for name, value in url.query.items():
        if name not in {"host", "port", "sslmode"} or not isinstance(value, str):
            raise _refused(f"The server's URL says {name!r} in a way that is not known", allowed)
        if name == "sslmode" and value not in SSL_MODES:
            raise _refused(f"The server's URL asks for sslmode {value!r}", allowed)
        if name == "port" and not value.isdecimal():
            raise _refused("The server's URL names no possible port", allowed)
        options["ssl" if name == "sslmode" else name] = value
    return options


def _refused(title: str, cause: str) -> LabError:
    remedy = "Correct --url or NINELABS_URL; characters such as @ or / in a password are written %40 and %2F."
    return LabError(title, cause, remedy, exit_status=USAGE)


def choose(engine: str | None = None, url: str | None = None) -> Target:
    """The target for what a person asked for, a URL before an engine's name; raises `LabError`."""
    if url is not None:
        return ByUrl(url)
    if engine not in {None, "postgres"}:
        raise LabError(
            f"No lab runs on {engine} yet",
            "PostgreSQL is the only engine of this version.",
            "Leave --engine out.",
            exit_status=USAGE,
        )
    return Own()
