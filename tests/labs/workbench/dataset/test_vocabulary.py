"""The words that every checksum hangs on are the same in every process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from labs.workbench.dataset import vocabulary
from labs.workbench.dataset.awkward import AWKWARD
from labs.workbench.dataset.block import FIELD, NULL, ROW, ZONE
from labs.workbench.dataset.vocabulary import KINDS, colours, locales, slug

CHANGED = """The vocabulary has changed, and with it every row that comes out of a seed. Where that is meant (a new
release of Faker, another locale), take the new values here and in test_tables.py; labs then come out with others."""


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_the_words_are_those_that_the_checksums_were_taken_with(hash_seed: str) -> None:
    drawn = subprocess.run(
        [sys.executable, "-c", f"from {vocabulary.__name__} import fingerprint; print(fingerprint())"],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert drawn.stdout.strip() == "ea6e8614dbde2891", CHANGED


def test_no_word_has_a_byte_that_stands_between_fields() -> None:
    words = [*AWKWARD, *colours()]
    for locale in locales():
        words += [*locale.given, *locale.family, *locale.phrases, *(city for city, _ in locale.cities)]
    text = "".join(words).encode()
    assert not [mark for mark in (ROW, FIELD, NULL, ZONE, b"\0") if mark in text]


def test_every_script_is_there() -> None:
    assert sum(kind.share for kind in KINDS) == 256
    assert {slug(locale.given[0]) for locale in locales()} - {"x"}
    cities = "".join(city for locale in locales() for city, _ in locale.cities)
    ranges = {
        "Hebrew": "א-ת",
        "Arabic": "ا-ي",
        "Cyrillic": "а-я",
        "Devanagari": "अ-ह",
        "Thai": "ก-ฮ",
        "Hangul": "가-힣",
    }
    missing = [name for name, span in ranges.items() if not any(span[0] <= letter <= span[-1] for letter in cities)]
    assert missing == []


def test_an_address_is_ascii() -> None:
    assert [slug(name) for name in ("Zoë-Ann O'Neill", "Łukasz", "あ", "!")] == ["zoeannoneill", "lukasz", "a", "x"]
