"""What the shop sells."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from labs.workbench.dataset.block import FIELD, ROW, Pieces, pieces
from labs.workbench.dataset.checksum import Column
from labs.workbench.dataset.draws import Numbers, Shuffle, Stream, Words, bits, zipf
from labs.workbench.dataset.pools import LocalePool, Pool, code, located, money, whole
from labs.workbench.dataset.table import Table
from labs.workbench.dataset.vocabulary import Locale, colours

CATEGORIES = {
    "books": ("Novel", "Atlas", "Cookbook", "Dictionary"),
    "groceries": ("Tea", "Coffee", "Olive Oil", "Chocolate"),
    "toys": ("Puzzle", "Kite", "Board Game", "Train Set"),
    "clothing": ("Shirt", "Jacket", "Scarf", "Trousers"),
    "garden": ("Spade", "Watering Can", "Bench", "Lantern"),
    "kitchen": ("Kettle", "Pan", "Knife", "Toaster"),
    "furniture": ("Chair", "Table", "Shelf", "Lamp"),
    "electronics": ("Headphones", "Keyboard", "Camera", "Monitor"),
}
"""What they sell, from the cheapest to the dearest; the first are the largest."""

STEP = 5
"""By how many `PRICES` a category is dearer than the one before."""

CATEGORY_WEIGHTS = zipf(len(CATEGORIES), 2)


def price_list(count: int) -> Numbers:
    """Prices in cents, each an eighth above the one before, all but one cent of a whole unit."""
    found, cents = [], 200
    for _ in range(count):
        found.append(cents // 100 * 100 + 99)
        cents = cents * 9 // 8
    return np.array(found, dtype=np.int64)


PRICES = price_list(STEP * len(CATEGORIES) + 30)


def brands(locale: Locale) -> tuple[list[str], list[int]]:
    """Named after families."""
    return [f"{FIELD.decode()}{name}" for name in locale.family[:60]], zipf(len(locale.family[:60]), 5)


class Products(Table):
    """Products.

    - id: from 1 without gaps; the lower, the more is sold of it.
    - sku: unique; three letters for the category, six characters that are a shuffled id.
    - name: a family's name, a colour, a thing of the category.
    - price: geometric, around the category's level: a triangle over 31 steps of an eighth.
    - category: of 8, after Zipf and Mandelbrot.
    """

    name: ClassVar[str] = "products"
    columns: ClassVar[tuple[Column, ...]] = (
        Column("id", "integer"),
        Column("sku", "text"),
        Column("name", "text"),
        Column("price", "numeric"),
        Column("category", "text"),
    )

    def __init__(self, seed: int, size: int) -> None:
        super().__init__(size)
        self._words = Stream(seed, "products/what")
        self._codes = Shuffle(seed, "products/sku")
        self._categories = Pool([FIELD + name.encode() for name in CATEGORIES], CATEGORY_WEIGHTS, 256)
        self._initials: Pieces = pieces([f"{FIELD.decode()}{name[:3].upper()}-".encode() for name in CATEGORIES])
        self._things: Pieces = pieces([f" {thing}".encode() for things in CATEGORIES.values() for thing in things])
        self._colours = Pool([f" {name}".encode() for name in colours()], size=256)
        self._brands = LocalePool(brands)

    def pieces(self, numbers: Numbers) -> list[Pieces]:
        """See `Table.pieces`."""
        words = self._words.words(numbers)
        category = self._category(words)
        return [
            *whole(numbers, ROW),
            self._initials[category],
            *code(self._codes(numbers)),
            self._brands.pick(located(words) + bits(words, 8, 12)),
            self._colours.pick(bits(words, 20, 8)),
            self._things[4 * category + bits(words, 36, 2)],
            *money(self.prices(numbers)),
            self._categories.pick(bits(words, 28, 8)),
        ]

    def prices(self, numbers: Numbers) -> Numbers:
        """The prices of those products, in cents."""
        words = self._words.words(numbers)
        steps: Numbers = STEP * self._category(words) + bits(words, 40, 4) + bits(words, 44, 4)
        return PRICES[steps]

    def _category(self, words: Words) -> Numbers:
        return self._categories.slots[bits(words, 28, 8)].astype(np.int64)
