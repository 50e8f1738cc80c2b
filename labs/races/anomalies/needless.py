"""Two transactions that have nothing to do with each other, and that serializable takes for a danger."""

from __future__ import annotations

from labs.races.anomalies.items import Items
from labs.races.anomalies.reading import BY_THREE


async def adds_z(items: Items) -> None:
    """Look for rows, and insert one that the search would not have found."""
    await items.find(BY_THREE)
    await items.add("z", 31)


async def adds_w(items: Items) -> None:
    """The same with another row."""
    await items.find(BY_THREE)
    await items.add("w", 41)


TRANSACTIONS = {"A": adds_z, "B": adds_w}
ORDER = "ABABAB"
CAPTIONS = {
    ("A", 1): "A looks for values that three divides.",
    ("B", 1): "B does the same.",
    ("A", 2): "A inserts a value that three does not divide: B's search has missed nothing.",
    ("B", 2): "B inserts one too: A's search has missed nothing either.",
}
