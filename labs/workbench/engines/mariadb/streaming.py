"""`LOAD DATA LOCAL` from an iterator, in place of a file.

The driver reads a file in packets of 16 MiB, which end the connection, and buffers all of it. What stands in for its
reader here sends what an iterator yields, in small packets, no faster than the server takes them. That reader is
private to aiomysql: a test watches over it, and the project's dependencies allow no other series.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import aiomysql.connection
from pymysql.err import OperationalError

PACKET_BYTES = 64 * 1024


@dataclass(slots=True)
class _Lent:
    """Lines that the server may ask for, and what went wrong with them."""

    lines: Iterable[bytes]
    failure: Exception | None = None


_lent: dict[str, _Lent] = {}
"""By the name that a statement gives it. A server gets no file of ours, whatever it asks for."""


@contextmanager
def stream(lines: Iterable[bytes]) -> Iterator[str]:
    """Lend lines to one statement; yields the name to write as ``LOAD DATA LOCAL INFILE '…'``.

    What the iterator raises is raised here; the connection is lost then, and with it the transaction.
    """
    name = f"ninelabs-{secrets.token_hex(8)}"
    lent = _lent[name] = _Lent(lines)
    try:
        yield name
    except Exception:
        if lent.failure is not None:
            raise lent.failure from None
        raise
    finally:
        del _lent[name]


class _FromIterator:
    """What the driver makes when the server asks for a file."""

    def __init__(self, filename: bytes | str, connection: Any) -> None:
        self._name = filename.decode() if isinstance(filename, bytes) else filename
        self._connection = connection

    async def send_data(self) -> None:
        """Send all of it, and the empty packet that ends it."""
        self._connection._ensure_alive()
        lent = _lent.get(self._name)
        if lent is None:
            self._connection.write_packet(b"")
            raise OperationalError(1017, f"The server asked for {self._name!r}, which nobody has lent to it")
        try:
            for block in lent.lines:
                await self._send(block)
        except BaseException as error:
            # The server would take an end for the end of all: only a broken connection tells it otherwise.
            self._connection._writer.transport.abort()
            if isinstance(error, Exception):
                lent.failure = error
            raise
        self._connection.write_packet(b"")

    async def _send(self, block: bytes) -> None:
        view = memoryview(block)
        for begin in range(0, len(view), PACKET_BYTES):
            self._connection.write_packet(bytes(view[begin : begin + PACKET_BYTES]))
            await self._connection._writer.drain()


# For every connection from here on: the driver's own reader would open whatever file a server names.
aiomysql.connection.LoadLocalFile = _FromIterator
