"""Contract: what held the two versions together goes, once no program of the old version runs.

This is the point of no return, and not for the sake of this statement: its downgrade brings the trigger back. From
here on programs may rely on the date, and a way back to before the column loses those of all users registered since.
"""

from __future__ import annotations

from alembic import op

from labs.migrations.dialects import on_mariadb
from labs.migrations.revisions import dual_write

revision = "contract"
down_revision = "validate"


def upgrade() -> None:
    """Drop the trigger; a writer that still sends NULL is refused now."""
    dual_write.downgrade()


def downgrade() -> None:
    """Bring it back, for updates too."""
    dual_write.upgrade()
    if not on_mariadb():
        op.execute(dual_write.ON_ALL)
