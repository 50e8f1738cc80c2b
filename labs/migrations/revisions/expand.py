"""Expand: a column that nobody has to know of.

Old programs neither read nor write it, so they go on as they are. Two statements, and the order matters. Added
together, ``ADD COLUMN … DEFAULT now()`` would give every user of the past the time of the migration as date of
registration: at once, without a rewrite, and wrong. Added first without a default, the old rows stay honestly NULL,
and the default is for new rows only. Neither statement touches a row, but on PostgreSQL each needs the table to
itself for an instant: that is why it is given a `lock_timeout`, and tried again.

MariaDB is asked for ``ALGORITHM=INSTANT``: a server that would have to copy the table says so (1845, 1846), and does
nothing. Its DDL commits statement by statement, so each statement here may be run twice.
"""

from __future__ import annotations

from alembic import op

from labs.migrations.dialects import on_mariadb

revision = "expand"
down_revision = None


def upgrade() -> None:
    """Add the column, then its default."""
    if on_mariadb():
        op.execute(
            "ALTER TABLE users ADD COLUMN IF NOT EXISTS created_at DATETIME(6) NULL, ALGORITHM=INSTANT, LOCK=NONE"
        )
        op.execute(
            "ALTER TABLE users MODIFY created_at DATETIME(6) NULL DEFAULT CURRENT_TIMESTAMP(6), "
            "ALGORITHM=INSTANT, LOCK=NONE"
        )
    else:
        op.execute("ALTER TABLE users ADD COLUMN created_at timestamptz")
        op.execute("ALTER TABLE users ALTER COLUMN created_at SET DEFAULT now()")


def downgrade() -> None:
    """Drop the column, with every date in it: those of users registered meanwhile stand nowhere else."""
    if on_mariadb():
        op.execute("ALTER TABLE users DROP COLUMN IF EXISTS created_at, ALGORITHM=INSTANT, LOCK=NONE")
    else:
        op.execute("ALTER TABLE users DROP COLUMN created_at")
