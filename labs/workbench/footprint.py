"""What a statement reads, changes and locks, as far as its text tells. Where it does not tell, the worst is assumed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import Table

_LOCKS = re.compile(r"\bFOR\s+(NO\s+KEY\s+)?(UPDATE|SHARE|KEY\s+SHARE)\b|LOCK\s+IN\s+SHARE", re.IGNORECASE)
_SELECTS = re.compile(r"\s*SELECT\b(?!.*\b(INTO|NEXT\s+VALUE)\b)", re.IGNORECASE | re.DOTALL)
_ENDS_OR_SETS = re.compile(r"\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|SET|SHOW|LOCK)\b", re.IGNORECASE)
_CHANGES = re.compile(r"\s*(INSERT|UPDATE|DELETE|WITH|MERGE|REPLACE)\b", re.IGNORECASE)

_COMMENT = re.compile(r"/\*|--|#")
"""Between a function and its parenthesis one could stand, and what stands in one may be obeyed."""
_COLUMNS_OF = re.compile(r"""\bINTO\s+[\w."`]+\s*\(""", re.IGNORECASE)
_CALL = re.compile(r"""([\w.]+|["`])\s*\(""")
_NO_FUNCTION = (
    "all|and|any|as|between|by|case|conflict|distinct|else|except|exists|filter|from|having|in|intersect|join|lateral|"
    "like|limit|materialized|not|on|offset|or|over|returning|row|select|set|some|then|union|using|values|when|where|"
    "char|decimal|numeric|varchar"
)
_CHANGES_NOTHING = (
    "abs|avg|bool_and|bool_or|cast|ceil|ceiling|char_length|coalesce|concat|count|current_date|current_time|"
    "current_timestamp|date|dense_rank|every|extract|floor|greatest|group_concat|if|ifnull|json_agg|lag|lead|least|"
    "length|localtime|localtimestamp|lower|max|min|mod|now|nullif|rank|round|row_number|string_agg|substring|sum|trim|"
    "upper"
)
_HARMLESS = re.compile(f"{_NO_FUNCTION}|{_CHANGES_NOTHING}", re.IGNORECASE)
"""Before a parenthesis; of any other function a statement does not tell what it does."""


def only_reads(sql: str) -> bool:
    """Whether a statement takes no lock and changes nothing, so that it commutes with another such."""
    return bool(_SELECTS.match(sql)) and not _LOCKS.search(sql) and not _calls(sql)


def touched(sql: str, tables: Sequence[Table]) -> frozenset[str]:
    """The names of those tables that the statement may change; of all when its text does not tell."""
    everything = frozenset(table.name for table in tables)
    if _calls(sql):
        return everything
    if _ENDS_OR_SETS.match(sql) or _SELECTS.match(sql):
        return frozenset()
    words = {word.casefold() for word in re.findall(r"\w+", sql)}
    named = frozenset(name for name in everything if name.casefold() in words)
    return named if named and _CHANGES.match(sql) else everything


def _calls(sql: str) -> bool:
    """Whether it may call a function that does anything else than to compute."""
    words = _CALL.findall(_COLUMNS_OF.sub("", sql))
    return bool(_COMMENT.search(sql)) or not all(_HARMLESS.fullmatch(word) for word in words)
