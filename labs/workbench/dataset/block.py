"""Rows as text, in the forms that a load wants them.

A block is one stretch of bytes in which control characters that occur nowhere in the data stand between the fields;
each form is that stretch with some bytes replaced, which is far quicker than writing every field by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labs.workbench.dataset.checksum import Column, Digest, Kind

Pieces: TypeAlias = NDArray[np.object_]
"""Pieces of rows' texts: each a `str` with a character for each byte of UTF-8, as those are joined the quickest."""

ROW, FIELD, NULL, ZONE = b"\x1e", b"\x1f", b"\x1d", b"\x1c"
"""Before a row, before each further field, in the place of NULL, after a timestamp; each one byte."""

ESCAPED = ((b"\\", b"\\\\"), (b"\t", b"\\t"), (b"\n", b"\\n"), (b"\r", b"\\r"))

LOAD_DATA = "CHARACTER SET utf8mb4 FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n'"
"""What MariaDB is told of `Block.load_data`, in a LOAD DATA after the table's name."""

READ: dict[Kind, Callable[[str], Any]] = {
    "integer": int,
    "text": str,
    "numeric": Decimal,
    "timestamp": lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC),
    "boolean": "1".__eq__,
}


def piece(text: bytes) -> str:
    """Bytes as they are in `Pieces`."""
    return text.decode("latin-1")


def pieces(texts: Iterable[bytes]) -> Pieces:
    """Texts from which to pick pieces."""
    return np.array([*map(piece, texts)], dtype=object)


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of a table, one after the other."""

    columns: tuple[Column, ...]
    marked: bytes
    """The rows with a `ZONE` after each timestamp; a `ROW` at the end of each."""

    @classmethod
    def of(cls, columns: tuple[Column, ...], parts: Sequence[Pieces]) -> Block:
        """A block from the parts of its rows' texts: first a `ROW`, and a `FIELD` before each further field."""
        rows = np.empty((len(parts[0]), len(parts)), dtype=object)
        for number, part in enumerate(parts):
            rows[:, number] = part
        flat = rows.ravel().tolist()
        flat.append(piece(ROW))
        return cls(columns, "".join(flat).encode("latin-1")[1:])

    @property
    def canonical(self) -> bytes:
        """The rows as `checksum` reads them from a server: UTF-8, timestamps in UTC, 1 and 0 for true and false."""
        return self.marked.replace(ZONE, b"")

    def copy_text(self) -> bytes:
        """The rows for PostgreSQL's COPY FROM STDIN in text format, encoding UTF8."""
        return self._escaped(b"+00")

    def load_data(self) -> bytes:
        """The rows for MariaDB's LOAD DATA with `LOAD_DATA`; timestamps for DATETIME, in UTC."""
        return self._escaped(b"")

    def tuples(self) -> list[tuple[Any, ...]]:
        """The rows as Python values: int, str, Decimal, datetime in UTC, bool, None."""
        return list(zip(*self._values(), strict=True))

    def digest(self) -> Digest:
        """The checksum of the rows."""
        return Digest.of(self.canonical.split(ROW)[:-1])

    def _escaped(self, zone: bytes) -> bytes:
        text = self.marked
        for plain, escaped in ESCAPED:
            text = text.replace(plain, escaped)
        return text.replace(FIELD, b"\t").replace(ROW, b"\n").replace(NULL, b"\\N").replace(ZONE, zone)

    def _values(self) -> Iterator[list[Any]]:
        fields = self.canonical.replace(ROW, FIELD).decode().split("\x1f")[:-1]
        for number, column in enumerate(self.columns):
            texts, read = fields[number :: len(self.columns)], READ[column.kind]
            yield [None if text == "\x1d" else read(text) for text in texts] if column.nullable else [*map(read, texts)]
