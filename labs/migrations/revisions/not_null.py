"""Not null, of what comes: a promise about every row written from here on, without a look at those that are there.

After the backfill, not before. A constraint that is NOT VALID is checked for each row that is written, and to
PostgreSQL an UPDATE writes the whole row: whoever changed the name of a user not yet backfilled would be refused.

From here on nobody can blank a date either: the trigger is for updates too.

PostgreSQL 18 has NOT NULL … NOT VALID. Below 18 a CHECK takes its place, and the next revision makes a NOT NULL of it.
MariaDB knows no constraint that is not valid, so there is nothing to do here.
"""

from __future__ import annotations

from alembic import op

from labs.migrations.dialects import has_not_valid_not_null, on_mariadb
from labs.migrations.revisions import dual_write

revision = "not_null"
down_revision = "dual_write"

NAME = "users_created_at_not_null"


def upgrade() -> None:
    """Promise it."""
    if on_mariadb():
        return
    op.execute(dual_write.ON_ALL)
    if has_not_valid_not_null():
        op.execute(f"ALTER TABLE users ADD CONSTRAINT {NAME} NOT NULL created_at NOT VALID")
    else:
        op.execute(f"ALTER TABLE users ADD CONSTRAINT {NAME} CHECK (created_at IS NOT NULL) NOT VALID")


def downgrade() -> None:
    """Promise it no more."""
    if not on_mariadb():
        op.execute(f"ALTER TABLE users DROP CONSTRAINT {NAME}")
        op.execute(dual_write.TRIGGER.format("INSERT"))
