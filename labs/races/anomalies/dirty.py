"""What happens to those who touch what another transaction has not committed."""

from __future__ import annotations

from labs.races.anomalies.adya import aborted_read, intermediate_read, vanished
from labs.races.anomalies.anomaly import Anomaly, ChangedItsMindError, circle
from labs.races.anomalies.items import Items


async def x_then_y(items: Items) -> None:
    """Write both items."""
    await items.write("x", 11)
    await items.write("y", 21)


async def x_then_y_too(items: Items) -> None:
    """Write both items, with other values."""
    await items.write("x", 12)
    await items.write("y", 22)


DIRTY_WRITE = Anomaly(
    name="dirty write",
    code="G0",
    transactions={"A": x_then_y, "B": x_then_y_too},
    order="ABBAAB",
    shown=circle("G0"),
    text="""
    Two transactions write the same rows, and one row keeps the value of the one, the other row that of the other.
    Two people buy the same car at once: the invoice goes to one of them, the car to the other.

    Every level of either engine prevents it: who writes a row locks it until the commit, and the next writer waits.
    """,
    captions={
        ("A", 1): "A writes x, and has not committed.",
        ("B", 1): "B writes x too: it has to wait for A's end.",
        ("A", 2): "A writes y. Had B not waited, y would now be A's and x B's.",
    },
)


async def writes_and_takes_back(items: Items) -> None:
    """Write an item, and roll back."""
    await items.write("x", 101)
    raise ChangedItsMindError


async def reads_x(items: Items) -> None:
    """Read an item."""
    await items.read("x")


ABORTED_READ = Anomaly(
    name="aborted read",
    code="G1a",
    transactions={"A": writes_and_takes_back, "B": reads_x},
    order="ABBA",
    shown=aborted_read,
    text="""
    A transaction reads what another then takes back: it has seen what never was. You are told that your parcel is
    on its way, by an order that was rolled back a moment later.

    Read committed prevents it on either engine, because a plain read sees the last committed version of a row. Only
    MariaDB has a level below, read uncommitted; PostgreSQL takes that name for read committed.
    """,
    captions={
        ("B", 1): "B reads x, which A has set to 101 and not committed.",
        ("A", 2): "A rolls back: x was never 101.",
    },
)


async def writes_twice(items: Items) -> None:
    """Write an item, and then again."""
    await items.write("x", 101)
    await items.write("x", 11)


INTERMEDIATE_READ = Anomaly(
    name="intermediate read",
    code="G1b",
    transactions={"A": writes_twice, "B": reads_x},
    order="ABBAA",
    shown=intermediate_read,
    text="""
    A transaction reads a value that its writer was not done with. You open the shared report between its author's
    two corrections, and pass on a total that was never meant to be final.

    Read committed prevents it on either engine: what is not committed is not seen, neither its end nor its middle.
    """,
    captions={
        ("B", 1): "B reads x between A's two writes.",
        ("A", 2): "A writes x again: 101 was never what it meant.",
    },
)


async def writes_x_reads_y(items: Items) -> None:
    """Write one item, look at the other."""
    await items.write("x", 11)
    await items.read("y")


async def writes_y_reads_x(items: Items) -> None:
    """The same crosswise."""
    await items.write("y", 22)
    await items.read("x")


CIRCULAR_INFORMATION_FLOW = Anomaly(
    name="circular information flow",
    code="G1c",
    transactions={"A": writes_x_reads_y, "B": writes_y_reads_x},
    order="ABABAB",
    shown=circle("G1c"),
    text="""
    Each of two transactions sees what the other wrote, so each would have had to come first. Two newspapers print
    the same rumour, each with the other for its source.

    Read committed prevents it on either engine: neither sees the other's write. But then each has missed the
    other's, and at read committed and repeatable read that is a circle as well: a write skew. Serializable refuses
    one of them: PostgreSQL sees the circle, and says 40001; MariaDB lets reads lock, so that the two wait for each
    other, and says 1213.
    """,
    captions={
        ("A", 2): "A reads y, which B has written and not committed.",
        ("B", 2): "B reads x, which A has written and not committed.",
    },
)


async def writes_both(items: Items) -> None:
    """Write both items."""
    await items.write("x", 11)
    await items.write("y", 19)


async def writes_both_later(items: Items) -> None:
    """Write both items, after somebody else."""
    await items.write("x", 12)
    await items.write("y", 18)


async def reads_both(items: Items) -> None:
    """Read both items."""
    await items.read("x")
    await items.read("y")


OBSERVED_TRANSACTION_VANISHES = Anomaly(
    name="observed transaction vanishes",
    code="OTV",
    transactions={"A": writes_both, "B": writes_both_later, "C": reads_both},
    order="AABACCCBB",
    shown=vanished,
    text="""
    A transaction sees one write of another, and afterwards misses its other write: what it had seen is gone again.
    Your bank's app shows the transfer in one account, and then, on the next page, not in the other.

    Read committed prevents it on either engine: the reader sees nothing of the writer until it has committed, and
    all of it from then on.
    """,
    captions={
        ("B", 1): "B writes x, which A has written: it waits for A's end.",
        ("A", 3): "A commits, so that B has its answer: x is written, or it is refused.",
        ("C", 1): "C reads x: does it see what B has not committed?",
        ("C", 2): "C reads y, which B has not written yet.",
    },
)

ALL = (DIRTY_WRITE, ABORTED_READ, INTERMEDIATE_READ, CIRCULAR_INFORMATION_FLOW, OBSERVED_TRANSACTION_VANISHES)
