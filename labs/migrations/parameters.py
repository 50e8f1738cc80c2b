"""What several experiments let a person set."""

from __future__ import annotations

from typing import Annotated

import msgspec

FEWEST, MOST = 10_000, 10_000_000

Rows = Annotated[int, msgspec.Meta(ge=FEWEST, le=MOST, description="users that are there before the migration")]
LockTimeout = Annotated[
    int, msgspec.Meta(ge=10, le=10_000, description="milliseconds a DDL statement waits for the table; MariaDB: ≥ 1 s")
]
BatchTarget = Annotated[float, msgspec.Meta(ge=5, le=1000, description="milliseconds that a batch is to take")]
Nice = Annotated[float, msgspec.Meta(ge=0, le=10, description="seconds of rest for each second of backfill")]


class Dials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a backfill lets be changed while it runs."""

    paused: Annotated[bool, msgspec.Meta(description="whether the backfill stands still")] = False
    nice: Nice = 0.0
