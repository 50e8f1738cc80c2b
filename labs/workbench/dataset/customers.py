"""Customers, and users, who are the same people."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from labs.workbench.dataset import calendar
from labs.workbench.dataset.block import FIELD, NULL, ROW, Pieces, piece
from labs.workbench.dataset.checksum import Column
from labs.workbench.dataset.draws import Numbers, Shuffle, Stream, Words, bits, skewed
from labs.workbench.dataset.people import NOTE_BITS, people
from labs.workbench.dataset.pools import code, digits, located, money, whole
from labs.workbench.dataset.table import Table

WITHOUT_PHONE = 123
"""Of 1,024 customers."""

WITHOUT_BALANCE = 102
"""Of 256."""

BALANCE_POWER, BALANCES = 3, 1_000_000
"""How skewed balances are, and the cents below which they are."""


class Customers(Table):
    """Customers, numbered in the order in which they registered.

    - id: from 1 without gaps.
    - email: unique; given name in ASCII, six characters that are a shuffled id, a domain (Zipf within the locale).
    - name: given and family name of the locale in its order, each after Zipf and Mandelbrot; 1 family name in 100
      is awkward.
    - country: of 16 locales, with the shares in `vocabulary.KINDS`.
    - city: of the country, after Zipf.
    - phone: calling code, the city's area code, seven digits; 12 % have none.
    - created_at: along the years 2019 to 2025 as `calendar` has it, days in the order of ids.
    - opt_in: 45 % no, 35 % yes, 20 % were never asked.
    - balance: nothing for 40 %, otherwise up to 9,999.99, P(balance < b) = (b / 10,000) ** (1/3).
    - note: none for 90 %, 1 % empty, 2 % awkward, 7 % a phrase.
    """

    name: ClassVar[str] = "customers"
    columns: ClassVar[tuple[Column, ...]] = (
        Column("id", "integer"),
        Column("email", "text"),
        Column("name", "text"),
        Column("country", "text"),
        Column("city", "text"),
        Column("phone", "text", nullable=True),
        Column("created_at", "timestamp"),
        Column("opt_in", "boolean", nullable=True),
        Column("balance", "numeric"),
        Column("note", "text", nullable=True),
    )

    def __init__(self, seed: int, size: int) -> None:
        super().__init__(size)
        self._who, self._phone, self._money, self._when = (
            Stream(seed, f"customers/{purpose}") for purpose in ("who", "phone", "money", "when")
        )
        self._codes = Shuffle(seed, "customers/email")
        self._people = people()

    def pieces(self, numbers: Numbers) -> list[Pieces]:
        """See `Table.pieces`."""
        who, account, when = (stream.words(numbers) for stream in (self._who, self._money, self._when))
        given, _, place, domain = _slots(who)
        day = calendar.DAY_SLOTS[calendar.progress(numbers, bits(when, 0, 16), self.size)]
        return [
            *whole(numbers, ROW),
            self._people.addresses.pick(given),
            *code(self._codes(numbers)),
            self._people.domains.pick(domain),
            *self._named(who),
            self._people.places.pick(place),
            *self._phones(place, self._phone.words(numbers)),
            *calendar.timestamp(day, bits(when, 16, calendar.TIME_BITS)),
            self._people.opt_in.pick(bits(account, 8, 8)),
            *money(_balances(account)),
            self._people.notes.pick(bits(when, 46, NOTE_BITS)),
        ]

    def names(self, numbers: Numbers) -> list[Pieces]:
        """The pieces of those customers' names."""
        return self._named(self._who.words(numbers))

    def _named(self, who: Words) -> list[Pieces]:
        given, family, _, _ = _slots(who)
        family_first = self._people.family_first[given]
        return [
            self._people.first_names.pick(np.where(family_first, family, given)),
            self._people.second_names.pick(np.where(family_first, given, family)),
        ]

    def _phones(self, place: Numbers, words: Words) -> list[Pieces]:
        prefix, *rest = (self._people.prefixes.pick(place), digits(words, 0, 3), digits(words, 20, 4))
        none = bits(words, 40, 10) < WITHOUT_PHONE
        prefix[none] = piece(FIELD + NULL)
        for part in rest:
            part[none] = ""
        return [prefix, *rest]


class Users(Table):
    """The customers' ids and names, and nothing else."""

    name: ClassVar[str] = "users"
    columns: ClassVar[tuple[Column, ...]] = (Column("id", "integer"), Column("name", "text"))

    def __init__(self, customers: Customers) -> None:
        super().__init__(customers.size)
        self._customers = customers

    def pieces(self, numbers: Numbers) -> list[Pieces]:
        """See `Table.pieces`."""
        return [*whole(numbers, ROW), *self._customers.names(numbers)]


def _slots(who: Words) -> tuple[Numbers, ...]:
    """Of given name, family name, place and domain; each has 12 bits of its own."""
    locale = located(who)
    return tuple(locale + bits(who, first, 12) for first in (8, 20, 32, 44))


def _balances(account: Words) -> Numbers:
    cents = skewed(account, BALANCE_POWER, BALANCES)
    cents[bits(account, 0, 8) < WITHOUT_BALANCE] = 0
    return cents
