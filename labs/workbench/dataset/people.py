"""What customers are made of: their names, places and notes, as pools with known shares."""

from __future__ import annotations

from functools import cache

import numpy as np

from labs.workbench.dataset.awkward import AWKWARD
from labs.workbench.dataset.block import FIELD, NULL
from labs.workbench.dataset.draws import zipf
from labs.workbench.dataset.pools import WITHIN_BITS, LocalePool, Pool
from labs.workbench.dataset.vocabulary import Locale, locales, slug

MARK = FIELD.decode()

AWKWARD_NAMES = 100
"""One family name in so many is an awkward text."""

OPT_IN = {b"0": 115, b"1": 90, NULL: 51}
"""Of 256."""

NOTE_BITS = 12
"""Of a draw."""

EMPTY_NOTES, AWKWARD_NOTES, PHRASES = 10, 20, 70
"""Of 1,000 customers; the others have no note."""


def given_names(locale: Locale) -> tuple[list[str], list[int]]:
    """With their weights, by rank."""
    return list(locale.given), zipf(len(locale.given), 10)


def family_names(locale: Locale) -> tuple[list[str], list[int]]:
    """With their weights, by rank; the awkward ones last."""
    weights = zipf(len(locale.family), 10)
    awkward = sum(weights) // (AWKWARD_NAMES - 1) // len(AWKWARD)
    return [*locale.family, *AWKWARD], weights + [awkward] * len(AWKWARD)


def first_names(locale: Locale) -> tuple[list[str], list[int]]:
    """The names that stand first, with what follows."""
    names, weights = family_names(locale) if locale.kind.family_first else given_names(locale)
    return [f"{MARK}{name}{locale.kind.between}" for name in names], weights


def second_names(locale: Locale) -> tuple[list[str], list[int]]:
    """The names that stand second."""
    return given_names(locale) if locale.kind.family_first else family_names(locale)


def addresses(locale: Locale) -> tuple[list[str], list[int]]:
    """How addresses of e-mail begin, in the slots of the given names."""
    names, weights = given_names(locale)
    return [f"{MARK}{slug(name)}." for name in names], weights


def domains(locale: Locale) -> tuple[list[str], list[int]]:
    """Of e-mail, none of which exists (RFC 2606)."""
    names = dict.fromkeys(slug(name) for name in locale.family[:40])
    return [f"@{name}.example" for name in names], zipf(len(names), 1)


def places(locale: Locale) -> tuple[list[str], list[int]]:
    """Country and city."""
    return [f"{MARK}{locale.country}{MARK}{city}" for city, _ in locale.cities], zipf(len(locale.cities), 1)


def prefixes(locale: Locale) -> tuple[list[str], list[int]]:
    """Of telephone numbers, in the slots of the places."""
    areas = [f"{MARK}{locale.kind.calling_code} {area} " for _, area in locale.cities]
    return areas, zipf(len(areas), 1)


def notes() -> Pool:
    """Nothing, an empty text, an awkward one or a phrase of any language."""
    phrases = [phrase for locale in locales() for phrase in locale.phrases]
    texts = [NULL, b"", *(text.encode() for text in (*AWKWARD, *phrases))]
    awkward, phrase = len(phrases) * AWKWARD_NOTES, len(AWKWARD) * PHRASES
    share = len(AWKWARD) * len(phrases)
    none = (1000 - EMPTY_NOTES - AWKWARD_NOTES - PHRASES) * share
    weights = [none, EMPTY_NOTES * share] + [awkward] * len(AWKWARD) + [phrase] * len(phrases)
    return Pool([FIELD + text for text in texts], weights, 1 << NOTE_BITS)


class People:
    """All the pools."""

    def __init__(self) -> None:
        self.addresses, self.domains = LocalePool(addresses), LocalePool(domains)
        self.first_names, self.second_names = LocalePool(first_names), LocalePool(second_names)
        self.places, self.prefixes = LocalePool(places), LocalePool(prefixes)
        self.opt_in = Pool([FIELD + text for text in OPT_IN], [*OPT_IN.values()], 256)
        self.notes = notes()
        family_first = [locale.kind.family_first for locale in locales()]
        self.family_first = np.repeat(family_first, 1 << WITHIN_BITS)
        """By the number of a slot."""


@cache
def people() -> People:
    """The pools, which all customers share."""
    return People()
