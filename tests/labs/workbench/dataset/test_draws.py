"""What is drawn by lot: as specified, unique where promised, and skewed as declared."""

from __future__ import annotations

import numpy as np
import pytest

from labs.workbench.dataset.draws import CODES, Numbers, Shuffle, Stream, bits, skewed, slots, zipf


def test_a_stream_is_splitmix64() -> None:
    stream = Stream(1, "any")
    stream._start = np.uint64(1234567)  # Its published test vector.
    words = stream.words(np.arange(1, 6)).tolist()
    assert words == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_seeds_and_purposes_have_streams_of_their_own() -> None:
    streams = [Stream(seed, purpose) for seed in (1, 2) for purpose in ("a", "b")]
    words = np.concatenate([stream.words(np.arange(10_000)) for stream in streams])
    assert len(np.unique(words)) == 40_000


@pytest.mark.parametrize("first", [0, CODES - 1_000_000], ids=["lowest", "highest"])
def test_a_shuffle_gives_a_million_numbers_a_million_others(first: int) -> None:
    numbers = np.arange(first, first + 1_000_000)
    shuffled = Shuffle(1, "any")(numbers)
    assert len(np.unique(shuffled)) == 1_000_000
    assert shuffled.min() >= 0 and shuffled.max() < CODES
    assert abs(np.corrcoef(numbers, shuffled)[0, 1]) < 0.01  # in another order, that is


@pytest.mark.parametrize("power", [2, 3])
@pytest.mark.parametrize("size", [10, 99_999_999])
def test_a_skewed_choice_follows_its_law(power: int, size: int) -> None:
    draws = 200_000
    numbers = np.sort(skewed(Stream(1, "any").words(np.arange(draws)), power, size))
    assert numbers[0] >= 0 and numbers[-1] < size
    for share in (0.1, 0.5, 0.9) if size == 10 else (1e-6, 1e-3, 0.01, 0.1, 0.5, 0.9):
        bound = round(size * share)
        expected = (bound / size) ** (1 / power)
        below = np.searchsorted(numbers, bound) / draws
        assert abs(below - expected) < 4.5 * (expected * (1 - expected) / draws) ** 0.5


def test_sizes_may_differ_from_row_to_row() -> None:
    words = Stream(1, "any").words(np.arange(1_000))
    sizes = np.arange(1, 1_001)
    expected = [int(skewed(words[row : row + 1], 2, int(size))[0]) for row, size in enumerate(sizes)]
    assert skewed(words, 2, sizes).tolist() == expected


def test_slots_are_shared_out_by_weight() -> None:
    shares: Numbers = np.bincount(slots([1, 0, 3, 12], 64))
    assert shares.tolist() == [4, 0, 12, 48]
    assert len(slots([1, 1, 1], 64)) == 64


def test_zipf_falls_with_the_rank() -> None:
    first, second, *_, last = zipf(1_000, 1)
    assert [first / second, first / last] == pytest.approx([3 / 2, 1_001 / 2])


def test_bits_are_counted_from_the_lowest() -> None:
    assert bits(np.array([0xFEDC_BA98_7654_3210], dtype=np.uint64), 8, 12).tolist() == [0x432]
