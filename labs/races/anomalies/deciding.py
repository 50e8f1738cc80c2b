"""What goes wrong when a transaction writes what it has decided by what it read, and that is no longer true."""

from __future__ import annotations

from labs.races.anomalies.anomaly import Anomaly, circle, lost_update, misled_reader
from labs.races.anomalies.items import Items
from labs.races.anomalies.reading import BY_THREE


async def adds_1(items: Items) -> None:
    """Read an item, and write one more."""
    value = await items.read("x") or 0
    await items.write("x", value + 1)


async def adds_2(items: Items) -> None:
    """Read an item, and write two more."""
    value = await items.read("x") or 0
    await items.write("x", value + 2)


LOST_UPDATE = Anomaly(
    name="lost update",
    code="P4",
    transactions={"A": adds_1, "B": adds_2},
    order="ABABAB",
    shown=lost_update,
    text="""
    Two transactions read a row, and each writes back what it computed: the first one's write is gone. Two people
    edit the same page, and whoever saves last has thrown away the other's work.

    PostgreSQL's repeatable read refuses the second write, with 40001. MariaDB's lets it through, unless
    innodb_snapshot_isolation is on: then it refuses too, with 1020. MariaDB's serializable locks what is read, so
    that the two wait for each other, and one is refused with 1213.
    """,
    captions={
        ("A", 1): "A reads x.",
        ("B", 1): "B reads x too, and sees the same.",
        ("B", 2): "B writes what it computed from the x that it has read. What A wrote is not in it.",
        ("A", 3): "A commits. Is B's write let through?",
    },
)


async def lowers_x(items: Items) -> None:
    """Look at both items, and change the first."""
    await items.read("x")
    await items.read("y")
    await items.write("x", 11)


async def lowers_y(items: Items) -> None:
    """Look at both items, and change the second."""
    await items.read("x")
    await items.read("y")
    await items.write("y", 21)


WRITE_SKEW = Anomaly(
    name="write skew",
    code="G2-item",
    transactions={"A": lowers_x, "B": lowers_y},
    order="AABBABAB",
    shown=circle("G2-item"),
    text="""
    Two transactions read the same rows, and each changes another one of them, which the other had relied on. Two
    doctors are on call; each sees that the other is, and both go home.

    No row is written twice, so repeatable read sees nothing wrong, on either engine, whatever
    innodb_snapshot_isolation is. Serializable refuses one of them: PostgreSQL with 40001, MariaDB with 1213,
    because its reads lock.
    """,
    captions={
        ("A", 2): "A has read both items.",
        ("B", 2): "B has read both items, and seen the same.",
        ("A", 3): "A changes x, which B relied on.",
        ("B", 3): "B changes y, which A relied on.",
    },
)


async def adds_z(items: Items) -> None:
    """Insert a row if none meets the condition."""
    await items.find(BY_THREE)
    await items.add("z", 30)


async def adds_w(items: Items) -> None:
    """Insert another row if none meets the condition."""
    await items.find(BY_THREE)
    await items.add("w", 42)


PREDICATE_WRITE_SKEW = Anomaly(
    name="predicate write skew",
    code="G2",
    transactions={"A": adds_z, "B": adds_w},
    order="ABABAB",
    shown=circle("G2"),
    text="""
    Two transactions look for rows that meet a condition, and each inserts one that the other would have had to
    find. Two people book the same room for the same hour, because each has seen that it is free.

    There is no row that a lock could have been taken on. Serializable refuses one of them: PostgreSQL remembers
    what was searched, and says 40001; MariaDB locks the gaps between the rows that it read, and says 1213.
    """,
    captions={
        ("A", 1): "A looks for values that three divides: there are none.",
        ("B", 1): "B finds none either.",
        ("A", 2): "A inserts one.",
        ("B", 2): "B inserts one too.",
    },
)


async def withdraws_from_x(items: Items) -> None:
    """Look at both items, and later empty the first."""
    await items.read("x")
    await items.read("y")
    await items.write("x", 0)


async def deposits_to_y(items: Items) -> None:
    """Five more in the second item."""
    await items.write("y", 25)


async def reports(items: Items) -> None:
    """Read both items, and write nothing."""
    await items.read("x")
    await items.read("y")


READ_ONLY_ANOMALY = Anomaly(
    name="read only anomaly",
    code="G2-item",
    transactions={"A": withdraws_from_x, "B": deposits_to_y, "C": reports},
    order="AABBCCCAA",
    shown=misled_reader,
    text="""
    Two transactions alone would have been fine in one order; a third, which only reads, has seen a state that this
    order never has (Fekete, O'Neil and O'Neil 2004). You withdraw with a fee for being overdrawn, although your
    statement shows the deposit, and not yet the withdrawal, and so no reason for a fee.

    Repeatable read permits it on either engine. PostgreSQL's serializable refuses the writer, with 40001, even
    though only the reader gave it away; MariaDB's makes the deposit wait, because the first transaction's reads
    have locked the row, and in the end the three wait for each other: 1213.
    """,
    captions={
        ("A", 2): "A has read both items.",
        ("B", 2): "B has added 5 to y, which A had read before: in any serial order B comes after A.",
        ("C", 2): "C reads y. If it sees B's, it comes after B; and as it has not seen A's x, it comes before A.",
        ("A", 3): "A writes x. Without C nobody could tell.",
    },
)

ALL = (LOST_UPDATE, WRITE_SKEW, PREDICATE_WRITE_SKEW, READ_ONLY_ANOMALY)
