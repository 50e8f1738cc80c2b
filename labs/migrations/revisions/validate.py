"""Validate: the server looks at every row once, and from then on relies on it.

On PostgreSQL this is the long statement of the whole migration and the harmless one: it scans under SHARE UPDATE
EXCLUSIVE, which neither readers nor writers notice. A bare SET NOT NULL would do the same scan with everybody locked
out. Below 18 it is the CHECK that is validated; SET NOT NULL then finds it, believes it, and needs no scan.

MariaDB rebuilds the table in place and lets others write meanwhile. With ``ALGORITHM=NOCOPY`` it would refuse (1845);
left to itself on an older server it might copy, with all writers waiting: so it is told which it may use.
"""

from __future__ import annotations

from alembic import op

from labs.migrations.dialects import has_not_valid_not_null, on_mariadb
from labs.migrations.revisions.not_null import NAME

revision = "validate"
down_revision = "not_null"


def upgrade() -> None:
    """Have every row looked at; refused where one has no date."""
    if on_mariadb():
        op.execute(
            "ALTER TABLE users MODIFY created_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), "
            "ALGORITHM=INPLACE, LOCK=NONE"
        )
        return
    op.execute(f"ALTER TABLE users VALIDATE CONSTRAINT {NAME}")
    if not has_not_valid_not_null():
        op.execute("ALTER TABLE users ALTER COLUMN created_at SET NOT NULL")
        op.execute(f"ALTER TABLE users DROP CONSTRAINT {NAME}")


def downgrade() -> None:
    """Back to the promise about what comes. PostgreSQL cannot make a constraint invalid, so it is made anew."""
    if on_mariadb():
        op.execute(
            "ALTER TABLE users MODIFY created_at DATETIME(6) NULL DEFAULT CURRENT_TIMESTAMP(6), "
            "ALGORITHM=INPLACE, LOCK=NONE"
        )
    elif has_not_valid_not_null():
        op.execute(f"ALTER TABLE users DROP CONSTRAINT {NAME}")
        op.execute(f"ALTER TABLE users ADD CONSTRAINT {NAME} NOT NULL created_at NOT VALID")
    else:
        op.execute(f"ALTER TABLE users ADD CONSTRAINT {NAME} CHECK (created_at IS NOT NULL) NOT VALID")
        op.execute("ALTER TABLE users ALTER COLUMN created_at DROP NOT NULL")
