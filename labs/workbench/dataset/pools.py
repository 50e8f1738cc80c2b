"""Texts to pick from by number: the pieces of which rows are made, ready to be joined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from labs.workbench.dataset.block import FIELD, ROW, Pieces, pieces
from labs.workbench.dataset.draws import Numbers, Words, bits, slots
from labs.workbench.dataset.vocabulary import KINDS, Locale, locales

LOCALE_BITS, WITHIN_BITS = 8, 12
"""Of a draw: for the locale, and for a word within it."""

MOST = 99_999_999
"""The largest number that `whole` can write, and so the most rows of a table."""

LETTERS = b"abcdefghijkmnpqrstuvwxyz23456789"


class Pool:
    """Texts, each in as many of the slots as is its share.

    Args:
        texts: at most 65,536.
        weights: of each; the same for all by default.
        size: how many slots; one can be drawn by so many bits when it is a power of two.
    """

    def __init__(self, texts: Sequence[bytes], weights: Sequence[int] | None = None, size: int = 1 << 16) -> None:
        self.texts: Pieces = pieces(texts)
        self.slots = slots(weights or [1] * len(texts), size).astype(np.uint16)

    def pick(self, numbers: Numbers) -> Pieces:
        """The texts in the slots with those numbers."""
        return self.texts[self.slots[numbers]]


class LocalePool(Pool):
    """For each locale a pool of its own; a slot's number is the locale's and, in 12 bits, the slot within."""

    def __init__(self, texts: Callable[[Locale], tuple[Sequence[str], Sequence[int]]]) -> None:
        pools = []
        for locale in locales():
            values, weights = texts(locale)
            pools.append(Pool([value.encode() for value in values], weights, 1 << WITHIN_BITS))
        starts = np.cumsum([0, *(len(pool.texts) for pool in pools)])
        self.texts = np.concatenate([pool.texts for pool in pools])
        self.slots = np.concatenate([pool.slots + start for pool, start in zip(pools, starts, strict=False)])
        self.slots = self.slots.astype(np.uint16)


LOCALE_SLOTS = slots([kind.share for kind in KINDS], 1 << LOCALE_BITS)


def located(words: Words) -> Numbers:
    """The number of each row's locale, drawn by the 8 lowest bits, shifted to where a `LocalePool` has it."""
    return LOCALE_SLOTS[bits(words, 0, LOCALE_BITS)] << WITHIN_BITS


def whole(numbers: Numbers, lead: bytes = FIELD) -> list[Pieces]:
    """Numbers from 0 to `MOST` in decimal, after a `FIELD` or a `ROW`."""
    high = numbers // 10_000
    low = numbers - high * 10_000
    return [_heads(lead)[high], _tails()[low + (high > 0) * 10_000]]


def money(cents: Numbers) -> list[Pieces]:
    """Amounts with two decimals."""
    units = cents // 100
    return [*whole(units), _cents()[cents - units * 100]]


def digits(words: Words, first: int, count: int) -> Pieces:
    """Three or four digits, drawn by 20 bits of each word."""
    numbers: Numbers = bits(words, first, 20) * 10**count >> 20
    return _digits(count)[numbers]


def code(numbers: Numbers) -> list[Pieces]:
    """Six characters for a number of 30 bits: small letters and digits that look like no other."""
    return [_pairs()[numbers >> shift & 1023] for shift in (20, 10, 0)]


@cache
def _heads(lead: bytes) -> Pieces:
    assert lead in {ROW, FIELD}
    return pieces([lead, *(b"%b%d" % (lead, number) for number in range(1, 10_000))])


@cache
def _tails() -> Pieces:
    return pieces([b"%d" % n for n in range(10_000)] + [b"%04d" % n for n in range(10_000)])


@cache
def _digits(count: int) -> Pieces:
    return pieces([b"%0*d" % (count, number) for number in range(10**count)])


@cache
def _cents() -> Pieces:
    return pieces([b".%02d" % number for number in range(100)])


@cache
def _pairs() -> Pieces:
    return pieces([bytes((first, second)) for first in LETTERS for second in LETTERS])
