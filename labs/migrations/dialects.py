"""What the revisions ask of the server that they run on."""

from __future__ import annotations

from alembic import op

NOT_VALID_NOT_NULL = (18,)
"""The first PostgreSQL whose NOT NULL can be added as NOT VALID, and validated later."""


def on_mariadb() -> bool:
    """Whether this is MariaDB or MySQL; otherwise it is PostgreSQL."""
    return op.get_context().dialect.name in {"mariadb", "mysql"}


def has_not_valid_not_null() -> bool:
    """Whether a NOT NULL constraint can be added without a look at the rows."""
    version: tuple[int, ...] = getattr(op.get_context().dialect, "server_version_info", None) or NOT_VALID_NOT_NULL
    return version >= NOT_VALID_NOT_NULL
