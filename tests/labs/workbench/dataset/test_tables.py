"""The rows themselves: the same for the same seed, block by block, unique, and consistent between tables."""

from __future__ import annotations

import hashlib
import tracemalloc
from decimal import Decimal
from itertools import chain
from typing import Any

import pytest

from labs.workbench.dataset import BLOCK_ROWS, Digest, Shop, Table
from labs.workbench.dataset.customers import Customers

SEED, CUSTOMERS = 1, 20_000

FROZEN = {
    "users": ("ef60a85d8408e14c", "fe328f76cb274ab8"),
    "customers": ("f1eda43cd92d5484", "59e32bd133036ff1"),
    "products": ("474bcdaac884087b", "a83fe3e313ff0321"),
    "orders": ("29678c0cde992783", "27354500da1436ba"),
    "order_items": ("f46793283a8b4849", "22f1ba61c88ba7e8"),
}
"""SHA-256 of the canonical text, and the digest: what the seed gives on every machine."""


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop(SEED, CUSTOMERS)


@pytest.fixture(scope="module")
def rows(shop: Shop) -> dict[str, list[Any]]:
    """All rows of all tables, each a dictionary."""
    return {
        table.name: [
            dict(zip((column.name for column in table.columns), row, strict=True))
            for row in chain.from_iterable(block.tuples() for block in table)
        ]
        for table in shop.tables
    }


def test_a_seed_gives_the_same_bytes_on_every_machine(shop: Shop) -> None:
    found = {}
    for table in shop.tables:
        sha, digest = hashlib.sha256(), Digest()
        for block in table:
            sha.update(block.canonical)
            digest += block.digest()
        assert digest.rows == table.rows
        found[table.name] = (sha.hexdigest()[:16], str(digest))
    assert found == FROZEN


def test_another_seed_gives_other_rows() -> None:
    for one, other in zip(Shop(1, 500).tables, Shop(2, 500).tables, strict=True):
        mine, theirs = (set(chain.from_iterable(block.tuples() for block in table)) for table in (one, other))
        assert len(mine & theirs) < len(mine) / 20, one.name


def test_any_block_alone_is_as_it_is_among_all(shop: Shop) -> None:
    for table in shop.tables:
        streamed = list(table)
        for number in reversed(range(table.blocks)):
            alone: Table = getattr(Shop(SEED, CUSTOMERS), table.name)
            assert alone.block(number) == streamed[number]


def test_any_stretch_has_the_rows_with_its_numbers(shop: Shop) -> None:
    first, last = BLOCK_ROWS - 10, 2 * BLOCK_ROWS + 10
    rows = [row for block in shop.users.between(first, last) for row in block.tuples()]
    assert rows == [row for block in shop.users for row in block.tuples()][first - 1 : last]
    with pytest.raises(IndexError):
        next(shop.users.between(1, shop.users.size + 1))


def test_blocks_together_have_every_row_once(rows: dict[str, list[Any]], shop: Shop) -> None:
    for name in ("users", "customers", "products", "orders"):
        table: Table = getattr(shop, name)
        assert [row["id"] for row in rows[name]] == list(range(1, table.size + 1))
    items = [(row["order_id"], row["line_no"]) for row in rows["order_items"]]
    assert items == sorted(set(items))


def test_what_is_declared_unique_is(rows: dict[str, list[Any]]) -> None:
    assert len({row["email"] for row in rows["customers"]}) == CUSTOMERS
    assert len({row["sku"] for row in rows["products"]}) == len(rows["products"])


def test_null_is_only_where_a_column_says_so(rows: dict[str, list[Any]], shop: Shop) -> None:
    for table in shop.tables:
        for column in table.columns:
            assert any(row[column.name] is None for row in rows[table.name]) is column.nullable, column.name


def test_no_text_is_longer_than_255_characters(rows: dict[str, list[Any]]) -> None:
    texts = {value for table in rows.values() for row in table for value in row.values() if isinstance(value, str)}
    assert 200 < max(map(len, texts)) <= 255


def test_users_are_the_customers(rows: dict[str, list[Any]]) -> None:
    assert rows["users"] == [{"id": row["id"], "name": row["name"]} for row in rows["customers"]]


def test_every_reference_leads_somewhere(rows: dict[str, list[Any]], shop: Shop) -> None:
    assert {row["customer_id"] for row in rows["orders"]} <= set(range(1, CUSTOMERS + 1))
    assert {row["product_id"] for row in rows["order_items"]} <= set(range(1, shop.products.size + 1))
    assert {row["order_id"] for row in rows["order_items"]} == set(range(1, 2 * CUSTOMERS + 1))


@pytest.mark.parametrize("customers", [10, 11, 3_000])
def test_nobody_orders_before_having_registered(customers: int) -> None:
    shop = Shop(SEED, customers)
    created = {row[0]: row[6] for block in shop.customers for row in block.tuples()}
    for block in shop.orders:
        assert [row for row in block.tuples() if row[2] <= created[row[1]]] == []


def test_an_order_amounts_to_its_lines(rows: dict[str, list[Any]]) -> None:
    totals: dict[int, Decimal] = dict.fromkeys(range(1, 2 * CUSTOMERS + 1), Decimal(0))
    for row in rows["order_items"]:
        totals[row["order_id"]] += row["price"] * row["quantity"]
    assert totals == {row["id"]: row["total"] for row in rows["orders"]}


def test_a_line_costs_what_the_product_does_or_less(rows: dict[str, list[Any]]) -> None:
    price = {row["id"]: row["price"] for row in rows["products"]}
    shares = [row["price"] / price[row["product_id"]] for row in rows["order_items"]]
    assert all(Decimal("0.74") < share <= 1 for share in shares)
    assert 0.18 < sum(share < 1 for share in shares) / len(shares) < 0.22


def test_name_city_and_telephone_go_with_the_country(rows: dict[str, list[Any]]) -> None:
    cities: dict[str, set[str]] = {}
    areas: dict[tuple[str, str], set[str]] = {}
    for row in rows["customers"]:
        cities.setdefault(row["country"], set()).add(row["city"])
        if row["phone"] is not None:
            areas.setdefault((row["country"], row["city"]), set()).add(row["phone"][:-8])
    assert len(cities) == 16
    assert max(len(found) for found in areas.values()) == 1
    assert areas["DE", max(cities["DE"])].pop().startswith("+49 ")
    japanese = [row["name"] for row in rows["customers"] if row["country"] == "JP"]
    assert sum(name[0] > "\u3000" for name in japanese) / len(japanese) > 0.97


def test_a_size_out_of_bounds_is_refused(shop: Shop) -> None:
    for size in (0, 100_000_000):
        with pytest.raises(ValueError, match="customers"):
            Customers(SEED, size)
    with pytest.raises(ValueError, match="at least 10"):
        Shop(SEED, 9)
    with pytest.raises(IndexError):
        shop.customers.block(CUSTOMERS // BLOCK_ROWS)


def test_memory_does_not_grow_with_the_rows() -> None:
    def peak(size: int) -> int:
        customers = Customers(SEED, size)
        customers.block(0)
        tracemalloc.start()
        try:
            for block in customers:
                block.copy_text()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(300_000) < 1.3 * peak(3 * BLOCK_ROWS) < 16 * 2**20
