"""Names, cities and phrases of sixteen locales, drawn once with Faker.

What comes out of a seed hangs on every word here. Faker changes its lists between releases, so the project's
dependencies name one release exactly; a test compares `fingerprint` and says what to do when that release changes.
A locale whose lists Faker takes from a set, such as the cities of ``it_IT``, differs from run to run: none is here.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from faker import Faker
from faker.decode import unidecode

SEED = 2029
DRAWS = 400


class Kind(NamedTuple):
    """What Faker does not tell of a locale."""

    code: str
    calling_code: str
    share: int
    """Of the customers, in parts of 256."""
    family_first: bool = False
    between: str = " "
    """What stands between given and family name."""


KINDS = (
    Kind("en_US", "+1", 62),
    Kind("de_DE", "+49", 31),
    Kind("fr_FR", "+33", 24),
    Kind("pt_BR", "+55", 21),
    Kind("ja_JP", "+81", 18, family_first=True),
    Kind("zh_CN", "+86", 16, family_first=True, between=""),
    Kind("es_MX", "+52", 14),
    Kind("en_GB", "+44", 13),
    Kind("sv_SE", "+46", 11),
    Kind("hi_IN", "+91", 10),
    Kind("pl_PL", "+48", 9),
    Kind("ru_RU", "+7", 8),
    Kind("ko_KR", "+82", 7, family_first=True, between=""),
    Kind("fa_IR", "+98", 5),
    Kind("he_IL", "+972", 4),
    Kind("th_TH", "+66", 3),
)


@dataclass(frozen=True, slots=True)
class Locale:
    """A locale's words, commonest first."""

    kind: Kind
    given: tuple[str, ...]
    family: tuple[str, ...]
    cities: tuple[tuple[str, int], ...]
    """Each with an area code."""
    phrases: tuple[str, ...]

    @property
    def country(self) -> str:
        """Two letters, ISO 3166."""
        return self.kind.code[3:]


@cache
def locales() -> tuple[Locale, ...]:
    """All of them; drawn at the first call, in half a second."""
    return tuple(_drawn(kind) for kind in KINDS)


@cache
def colours() -> tuple[str, ...]:
    """Names of colours, in English."""
    faker = _faker("en_US", "color")
    return tuple(dict.fromkeys(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", faker.color_name()) for _ in range(DRAWS)))


def fingerprint() -> str:
    """Of every word that `locales` and `colours` give."""
    return hashlib.sha256(repr((locales(), colours())).encode()).hexdigest()[:16]


def slug(name: str) -> str:
    """A name as it may stand in an address of e-mail: small ASCII letters."""
    return re.sub("[^a-z]", "", unidecode(name).lower()) or "x"


def _faker(code: str, *providers: str) -> Faker:
    faker = Faker(code, providers=[f"faker.providers.{provider}" for provider in providers])
    faker.seed_instance(SEED)
    return faker


def _drawn(kind: Kind) -> Locale:
    faker = _faker(kind.code, "person", "address", "lorem")
    cities = dict.fromkeys(faker.city() for _ in range(DRAWS))
    return Locale(
        kind,
        given=tuple(dict.fromkeys(faker.first_name() for _ in range(DRAWS))),
        family=tuple(dict.fromkeys(faker.last_name() for _ in range(DRAWS))),
        cities=tuple((city, faker.random.randint(10, 999)) for city in cities),
        phrases=tuple(dict.fromkeys(faker.sentence(4) for _ in range(16))),
    )
