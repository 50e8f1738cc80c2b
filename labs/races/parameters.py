"""What several experiments let a person set."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from labs.workbench.turns import Order

SERIAL = "serial"
"""No turn is given: each session runs to its end before the next begins."""

Isolation = Annotated[
    Literal[
        "read uncommitted",
        "read committed",
        "repeatable read",
        "repeatable read, snapshot off",
        "repeatable read, snapshot on",
        "serializable",
    ],
    msgspec.Meta(description="isolation level of the sessions; snapshot: MariaDB's innodb_snapshot_isolation"),
]
OrderName = Annotated[
    str,
    msgspec.Meta(
        pattern=f"^({SERIAL}|[A-D]{{1,60}})$",
        description="whose turn it is, a letter a statement, such as AABAB; or serial: A to its end, then B",
    ),
]
Amount = Annotated[int, msgspec.Meta(ge=1, le=100, description="what each transfer moves")]

Attempts = Annotated[int, msgspec.Meta(ge=1, le=10, description="how often a transaction may be tried")]


def turns(order: OrderName) -> Order:
    """The order that a name stands for."""
    return () if order == SERIAL else tuple(order)
