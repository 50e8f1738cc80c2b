"""A shop's data: realistic, skewed, consistent, and the same for the same seed on every machine and engine.

    shop = Shop(seed=1, customers=1_000_000)
    for block in shop.customers:                # or shop.customers.block(7), alone and in any process
        send(block.copy_text())                 # or load_data(), tuples()
        digest += block.digest()
    assert digest == await checksum.read(connection, "postgres", shop.customers.columns, "customers")

It knows columns and their kinds; types, keys and indexes are the labs' own business.
"""

from __future__ import annotations

from labs.workbench.dataset.block import LOAD_DATA, Block
from labs.workbench.dataset.checksum import Column, Digest
from labs.workbench.dataset.customers import Customers, Users
from labs.workbench.dataset.orders import OrderItems, Orders
from labs.workbench.dataset.products import Products
from labs.workbench.dataset.table import BLOCK_ROWS, Table

__all__ = ["BLOCK_ROWS", "LOAD_DATA", "Block", "Column", "Customers", "Digest", "Shop", "Table", "Users"]

FEWEST = 10
"""Customers of a shop: of fewer, nobody might be there to order for years."""


class Shop:
    """The tables for a number of customers; there are twice as many orders, and a product for a hundred customers.

    Args:
        seed: the same gives the same rows. Another size gives other rows, as all of them fill the same seven years.
        customers: at least `FEWEST`.
    """

    def __init__(self, seed: int, customers: int) -> None:
        if customers < FEWEST:
            raise ValueError(f"A shop has at least {FEWEST} customers, not {customers}")
        self.customers = Customers(seed, customers)
        self.users = Users(self.customers)
        self.products = Products(seed, max(100, customers // 100))
        self.orders = Orders(seed, 2 * customers, self.customers, self.products)
        self.order_items = OrderItems(self.orders)

    @property
    def tables(self) -> tuple[Table, ...]:
        """All of them, those that refer to others after those."""
        return self.users, self.customers, self.products, self.orders, self.order_items
