"""What goes wrong with reads of what is committed: half of it from before another transaction, half from after."""

from __future__ import annotations

from labs.races.anomalies.adya import Condition
from labs.races.anomalies.anomaly import Anomaly, circle, skew_by_condition
from labs.races.anomalies.items import Items

IS_TWENTY = Condition("value = 20", lambda value: value == 20)
BY_THREE = Condition("value % 3 = 0", lambda value: value % 3 == 0)
BY_FIVE = Condition("value % 5 = 0", lambda value: value % 5 == 0)


async def counts_twice(items: Items) -> None:
    """Look for rows, and then again."""
    await items.find(BY_THREE)
    await items.find(BY_THREE)


async def adds_one(items: Items) -> None:
    """Insert a row that meets the condition."""
    await items.add("z", 30)


PHANTOM = Anomaly(
    name="predicate many preceders",
    code="PMP",
    transactions={"A": counts_twice, "B": adds_one},
    order="ABBAA",
    shown=skew_by_condition,
    text="""
    A transaction looks twice for the rows that meet a condition, and finds others the second time: phantoms. You
    count the guests, order as many chairs, print the list of names, and there is one more.

    Repeatable read prevents it on either engine, although the standard would allow it: all reads of a transaction
    see one snapshot.
    """,
    captions={
        ("A", 1): "A looks for values that three divides: there are none.",
        ("B", 1): "B inserts one.",
        ("A", 2): "A looks again.",
    },
)


async def deletes_what_it_found(items: Items) -> None:
    """Look for rows, delete them, and look whether they are gone."""
    await items.find(IS_TWENTY)
    await items.delete(IS_TWENTY)
    await items.find(IS_TWENTY)


async def moves_all_up(items: Items) -> None:
    """Ten more for every item."""
    await items.write("x", 20)
    await items.write("y", 30)


PHANTOM_WRITE = Anomaly(
    name="predicate many preceders, writing",
    code="PMP",
    transactions={"A": deletes_what_it_found, "B": moves_all_up},
    order="ABBABAA",
    shown=skew_by_condition,
    text="""
    The condition of a DELETE (or an UPDATE) is judged by other versions of the rows than the reads around it. You
    clear the shelf of what expires today, and what expires today still stands there.

    At read committed PostgreSQL finds the rows in an old version and judges them again in the version that it
    waited for: here it deletes nothing. PostgreSQL's repeatable read refuses, with 40001. MariaDB's deletes by the
    newest version and goes on reading its snapshot, unless innodb_snapshot_isolation is on: then it refuses, with
    1020.
    """,
    captions={
        ("A", 1): "A looks for the value 20, and finds y.",
        ("B", 2): "B makes y 30, after it has made x 20. It does not commit yet.",
        ("A", 2): "A deletes where the value is 20. By B's values, or by those that it has seen?",
        ("A", 3): "A looks whether any 20 is left.",
    },
)


async def reads_x_then_y(items: Items) -> None:
    """Read one item, later the other."""
    await items.read("x")
    await items.read("y")


async def moves_from_y_to_x(items: Items) -> None:
    """Two less in one item, two more in the other."""
    await items.write("x", 12)
    await items.write("y", 18)


READ_SKEW = Anomaly(
    name="read skew",
    code="G-single",
    transactions={"A": reads_x_then_y, "B": moves_from_y_to_x},
    order="ABBBAA",
    shown=circle("G-single"),
    text="""
    A transaction reads one row from before another transaction, and another row from after it: both never stood
    there together. A backup copies your savings account before the transfer, your current account after it, and the
    money is nowhere.

    Repeatable read prevents it on either engine: all reads of a transaction see one snapshot.
    """,
    captions={
        ("A", 1): "A reads x, as it was before B.",
        ("B", 3): "B has moved 2 from y to x, and commits.",
        ("A", 2): "A reads y. From before B, as x was, or from after it?",
    },
)


async def finds_by_five_then_by_three(items: Items) -> None:
    """Look for rows by one condition, later by another."""
    await items.find(BY_FIVE)
    await items.find(BY_THREE)


async def makes_x_twelve(items: Items) -> None:
    """Take the item from the one condition to the other."""
    await items.write("x", 12)


READ_SKEW_BY_CONDITION = Anomaly(
    name="read skew by condition",
    code="G-single",
    transactions={"A": finds_by_five_then_by_three, "B": makes_x_twelve},
    order="ABBAA",
    shown=skew_by_condition,
    text="""
    The same as read skew, between two searches: a row that changes from one condition to the other is found by
    both, or by neither. You count the open orders and then the closed ones, one is closed in between, and it counts
    twice.

    Repeatable read prevents it on either engine: both searches see one snapshot.
    """,
    captions={
        ("A", 1): "A looks for values that five divides, and finds x and y.",
        ("B", 2): "B has made x 12, and commits.",
        ("A", 2): "A looks for values that three divides.",
    },
)


async def reads_x_then_deletes(items: Items) -> None:
    """Read one item, delete by a condition, read the other item."""
    await items.read("x")
    await items.delete(IS_TWENTY)
    await items.read("y")


READ_SKEW_WRITING = Anomaly(
    name="read skew, writing by condition",
    code="G-single",
    transactions={"A": reads_x_then_deletes, "B": moves_from_y_to_x},
    order="ABBBAAA",
    shown=skew_by_condition,
    text="""
    A read saw the state before another transaction, and a DELETE after it judges by the state after. You look at
    the subscriptions, tell the system to end those of 20 a month, and it ends none: somebody has changed the
    prices.

    PostgreSQL's repeatable read refuses the DELETE, with 40001, because the row that it would take has changed
    since the snapshot. MariaDB's judges by the newest version and deletes nothing, though it goes on reading 20,
    unless innodb_snapshot_isolation is on: then it refuses, with 1020.
    """,
    captions={
        ("A", 1): "A reads x, as it was before B.",
        ("B", 3): "B has made y 18, and commits.",
        ("A", 2): "A deletes where the value is 20, as y's was.",
        ("A", 3): "A reads y.",
    },
)

ALL = (PHANTOM, PHANTOM_WRITE, READ_SKEW, READ_SKEW_BY_CONDITION, READ_SKEW_WRITING)
