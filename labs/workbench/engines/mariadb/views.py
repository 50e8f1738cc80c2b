"""InnoDB's lock views in ``information_schema``, read so that they can be believed."""

from __future__ import annotations

import time
from math import inf

from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench.engines.mariadb.statements import statement

INTERVAL_S = 0.12
"""The views are one copy for all readers, renewed when it is read after 100 ms without a reader: whoever looks more
often sees the same thing for ever (measured: 903 reads in 3 s, no wait seen)."""


class LockViews:
    """What the views said when last read; read again no sooner than they can have changed."""

    def __init__(self) -> None:
        self.blockers: dict[str, list[str]] = {}
        """By id of a waiting transaction, the ids of those that it waits for."""
        self.keys: dict[str, str] = {}
        """By id of a transaction, the key of the record that it waits for or others wait for, such as ``'Ann', 7``."""
        self._read_at = -inf

    async def read(self, connection: AsyncConnection) -> None:
        """Read them, if they can have changed since."""
        if time.monotonic() - self._read_at < INTERVAL_S:
            return
        # Flat: joined by the server, they take a second where 100 sessions wait.
        waits = (await connection.execute(statement("lock_waits"))).all()
        keys = (await connection.execute(statement("lock_keys"))).all()
        self._read_at = time.monotonic()
        self.blockers = {}
        for waiter, blocker in waits:
            self.blockers.setdefault(str(waiter), []).append(str(blocker))
        self.keys = {str(transaction): key for transaction, key in keys}
