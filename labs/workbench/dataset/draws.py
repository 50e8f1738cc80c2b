"""Numbers drawn by lot that are a function of seed, purpose and row: any row can be had without those before it.

Whole numbers only, wrapping at 64 bits: what floating point and numpy's own generators do may differ between machines
and versions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Words: TypeAlias = NDArray[np.uint64]
Numbers: TypeAlias = NDArray[np.int64]

GAMMA = np.uint64(0x9E3779B97F4A7C15)
HALF = 15
ROUNDS = 4
CODES = 1 << 2 * HALF
"""How many numbers `Shuffle` puts into another order."""


class Stream:
    """One 64-bit word for each row: SplitMix64 (Steele, Lea, Flood 2014) of the row's number, from a start of its own.

    Args:
        seed: of the data set.
        purpose: what is drawn, such as ``customers/phone``; different purposes are independent.
    """

    def __init__(self, seed: int, purpose: str) -> None:
        digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest()
        self._start = np.uint64(int.from_bytes(digest))

    def words(self, rows: Numbers) -> Words:
        """The words of the rows with those numbers."""
        word = rows.view(np.uint64) * GAMMA
        word += self._start
        word ^= word >> np.uint64(30)
        word *= np.uint64(0xBF58476D1CE4E5B9)
        word ^= word >> np.uint64(27)
        word *= np.uint64(0x94D049BB133111EB)
        word ^= word >> np.uint64(31)
        return word


def bits(words: Words, first: int, count: int) -> Numbers:
    """So many bits of each word, from the `first` on, counted from the lowest."""
    return (words >> np.uint64(first) & np.uint64((1 << count) - 1)).view(np.int64)


def skewed(words: Words, power: int, size: int | Numbers) -> Numbers:
    """A number below `size`, small ones far oftener: P(number < n) = (n / size) ** (1 / power).

    That is Zipf's law with the exponent 1 - 1/power. Sizes below 2**31; the 32 high bits of each word are used.
    """
    uniform = words >> np.uint64(32)
    share = uniform
    for _ in range(power - 1):
        share = share * uniform >> np.uint64(32)
    return (share * np.asarray(size, dtype=np.uint64) >> np.uint64(32)).view(np.int64)


def slots(weights: Sequence[int], size: int) -> Numbers:
    """Indexes of the weights, each in a share of `size` slots that is its weight's, rounded: a draw is one look-up."""
    bounds = [0, *accumulate(weights)]
    ends = [bound * size // bounds[-1] for bound in bounds]
    return np.repeat(np.arange(len(weights)), np.diff(ends))


def zipf(size: int, offset: int) -> list[int]:
    """Weights after Zipf and Mandelbrot, 1 / (rank + offset): the larger the offset, the less the first stand out."""
    return [10**12 // (rank + offset) for rank in range(1, size + 1)]


class Shuffle:
    """The numbers below `CODES` in another order: unique by construction, so that nothing is ever drawn twice.

    A Feistel network: each round swaps two halves and mixes one into the other, which can be undone.
    """

    def __init__(self, seed: int, purpose: str) -> None:
        self._rounds = [Stream(seed, f"{purpose}/{number}") for number in range(ROUNDS)]

    def __call__(self, numbers: Numbers) -> Numbers:
        """What the numbers become."""
        high, low = numbers >> HALF, numbers & (1 << HALF) - 1
        for stream in self._rounds:
            high, low = low, high ^ bits(stream.words(low), 0, HALF)
        return high << HALF | low
