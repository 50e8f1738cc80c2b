"""Orders, and what was ordered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from labs.workbench.dataset import calendar
from labs.workbench.dataset.block import FIELD, ROW, Pieces, pieces
from labs.workbench.dataset.checksum import Column
from labs.workbench.dataset.customers import Customers
from labs.workbench.dataset.draws import Numbers, Stream, bits, skewed, slots
from labs.workbench.dataset.pools import Pool, money, whole
from labs.workbench.dataset.products import Products
from labs.workbench.dataset.table import Table

LINES = (102, 64, 38, 26, 16, 10)
"""Of 256 orders, those of 1, 2 and more lines."""

QUANTITIES = (184, 41, 16, 10, 5)
"""Of 256 lines, those of 1, 2 and more pieces."""

REBATES = {0: 205, 10: 38, 25: 13}
"""Percent off the price, and on how many of 256 lines."""

CUSTOMER_POWER, PRODUCT_POWER = 2, 3
"""How skewed the choice of customers and of products is, as `skewed` has it."""

STATUSES = {"delivered": 230, "returned": 14, "cancelled": 12}
"""Of 256 orders of old."""

RECENT_STATUSES = {"pending": 40, "paid": 76, "shipped": 130, "cancelled": 10}
"""Of 256 orders of the last days."""

RECENT_DAYS = 7

LINE_SLOTS, QUANTITY_SLOTS = slots(LINES, 256) + 1, slots(QUANTITIES, 256) + 1
PAID_SLOTS = 100 - np.array([*REBATES], dtype=np.int64)[slots([*REBATES.values()], 256)]
"""Percent of the price that is paid."""


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of some orders, one after the other."""

    order: Numbers
    line: Numbers
    """From 1 in each order."""
    product: Numbers
    quantity: Numbers
    price: Numbers
    """In cents, for one."""
    firsts: Numbers
    """Where each order begins."""


class Orders(Table):
    """Orders, numbered in the order in which they were placed.

    - id: from 1 without gaps.
    - customer_id: of those m who had surely registered by the day before; P(among the first n) = (n / m) ** (1/2).
    - ordered_at: after the customer's created_at; otherwise as customers register.
    - status: 90 % delivered, but for the last seven days.
    - total: the sum of its items.
    """

    name: ClassVar[str] = "orders"
    columns: ClassVar[tuple[Column, ...]] = (
        Column("id", "integer"),
        Column("customer_id", "integer"),
        Column("ordered_at", "timestamp"),
        Column("status", "text"),
        Column("total", "numeric"),
    )

    def __init__(self, seed: int, size: int, customers: Customers, products: Products) -> None:
        super().__init__(size)
        self._customers, self._products = customers, products
        self._when, self._what, self._line = (Stream(seed, f"orders/{purpose}") for purpose in ("when", "what", "line"))
        self._old, self._recent = (
            Pool([FIELD + name.encode() for name in shares], [*shares.values()], 256)
            for shares in (STATUSES, RECENT_STATUSES)
        )
        days = np.arange(len(calendar.DAYS), dtype=np.int64)
        first_day = int(np.argmax(calendar.done_before(days, customers.size) > 0))
        self._start = int(calendar.FIRST_SLOTS[first_day])

    def pieces(self, numbers: Numbers) -> list[Pieces]:
        """See `Table.pieces`."""
        words, what = self._when.words(numbers), self._what.words(numbers)
        day = calendar.DAY_SLOTS[calendar.progress(numbers, bits(words, 0, 16), self.size, self._start)]
        customer = 1 + skewed(words, CUSTOMER_POWER, calendar.done_before(day, self._customers.size))
        status, recent = bits(what, 0, 8), day >= len(calendar.DAYS) - RECENT_DAYS
        lines = self.lines(numbers)
        return [
            *whole(numbers, ROW),
            *whole(customer),
            *calendar.timestamp(day, bits(what, 16, calendar.TIME_BITS)),
            np.where(recent, self._recent.pick(status), self._old.pick(status)),
            *money(np.add.reduceat(lines.price * lines.quantity, lines.firsts)),
        ]

    def lines(self, numbers: Numbers) -> Lines:
        """What was ordered with those orders."""
        counts = self.line_counts(numbers)
        ends = np.cumsum(counts)
        firsts = ends - counts
        order = np.repeat(numbers, counts)
        line = np.arange(1, len(order) + 1) - np.repeat(firsts, counts)
        words = self._line.words(order * 8 + line)
        product = 1 + skewed(words, PRODUCT_POWER, self._products.size)
        price = self._products.prices(product) * PAID_SLOTS[bits(words, 8, 8)] // 100
        return Lines(order, line, product, QUANTITY_SLOTS[bits(words, 0, 8)], price, firsts)

    def line_counts(self, numbers: Numbers) -> Numbers:
        """How many lines those orders have."""
        return LINE_SLOTS[bits(self._what.words(numbers), 8, 8)]


class OrderItems(Table):
    """The lines of the orders; a block has those of a block of orders.

    - order_id, line_no: unique together; 1 to 6 lines, as often as `LINES` has it.
    - product_id: of m products; P(among the first n) = (n / m) ** (1/3).
    - quantity: 1 to 5, as often as `QUANTITIES` has it.
    - price: the product's, with a rebate on one line in five.
    """

    name: ClassVar[str] = "order_items"
    columns: ClassVar[tuple[Column, ...]] = (
        Column("order_id", "integer"),
        Column("line_no", "integer"),
        Column("product_id", "integer"),
        Column("quantity", "integer"),
        Column("price", "numeric"),
    )

    def __init__(self, orders: Orders) -> None:
        super().__init__(orders.size)
        self._orders = orders
        self._digits: Pieces = pieces([FIELD + b"%d" % number for number in range(10)])

    @property
    def rows(self) -> int:
        """See `Table.rows`; all orders are gone through."""
        return sum(int(self._orders.line_counts(self.numbers(block)).sum()) for block in range(self.blocks))

    def pieces(self, numbers: Numbers) -> list[Pieces]:
        """See `Table.pieces`."""
        lines = self._orders.lines(numbers)
        return [
            *whole(lines.order, ROW),
            self._digits[lines.line],
            *whole(lines.product),
            self._digits[lines.quantity],
            *money(lines.price),
        ]
