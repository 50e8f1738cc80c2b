"""The SQL in the files beside this one; the screen can show the same files."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from sqlalchemy import text
from sqlalchemy.sql.elements import TextClause


@cache
def statement(name: str) -> TextClause:
    """The statement in the file of that name."""
    return text(files(__package__).joinpath(f"{name}.sql").read_text("utf-8"))
