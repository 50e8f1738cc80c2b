"""Dual write: whoever writes a user, of whichever version of the program, writes a date.

Why the default is not enough: it stands in only for a column that an INSERT does not name. A program whose model knows
the column names it, and while its code is not finished it names it with NULL, as an ORM does for every attribute that
was not set. Such rows would come in faster than a backfill could sweep them up, and once NULL is forbidden each
of those writers would be refused.

So for as long as both versions run, a trigger fills in what is missing: for a new user the present moment, and on an
update what was there before, so that nobody can blank a date. It leaves an old row's NULL alone on update: what
the truth is there, only the backfill knows. On PostgreSQL updates are its business only after the backfill: a row
trigger before UPDATE has each row locked by itself first, whatever its WHEN says, and the backfill updates every one.
"""

from __future__ import annotations

from alembic import op

from labs.migrations.dialects import on_mariadb

revision = "dual_write"
down_revision = "expand"

FUNCTION = """\
CREATE FUNCTION users_keep_created_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.created_at := now();
  ELSE
    NEW.created_at := OLD.created_at;
  END IF;
  RETURN NEW;
END $$"""

TRIGGER = """\
CREATE OR REPLACE TRIGGER users_keep_created_at BEFORE {} ON users
FOR EACH ROW WHEN (NEW.created_at IS NULL) EXECUTE FUNCTION users_keep_created_at()"""

ON_ALL = TRIGGER.format("INSERT OR UPDATE")

ON_INSERT = """\
CREATE OR REPLACE TRIGGER users_new_created_at BEFORE INSERT ON users
FOR EACH ROW SET NEW.created_at = COALESCE(NEW.created_at, CURRENT_TIMESTAMP(6))"""

ON_UPDATE = """\
CREATE OR REPLACE TRIGGER users_keep_created_at BEFORE UPDATE ON users
FOR EACH ROW SET NEW.created_at = COALESCE(NEW.created_at, OLD.created_at)"""


def upgrade() -> None:
    """Add the trigger; on MariaDB one for each kind of statement, on PostgreSQL for new users only, as yet."""
    for statement in (ON_INSERT, ON_UPDATE) if on_mariadb() else (FUNCTION, TRIGGER.format("INSERT")):
        op.execute(statement)


def downgrade() -> None:
    """Drop it."""
    if on_mariadb():
        op.execute("DROP TRIGGER IF EXISTS users_new_created_at")
        op.execute("DROP TRIGGER IF EXISTS users_keep_created_at")
    else:
        op.execute("DROP TRIGGER users_keep_created_at ON users")
        op.execute("DROP FUNCTION users_keep_created_at()")
