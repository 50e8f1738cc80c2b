"""Users without a registration date, and what is known elsewhere of when they registered."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, DateTime, Float, String, false
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Moment = DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
"""A point in time, to the microsecond; MariaDB's has no zone, and every session here is in UTC."""


class Base(DeclarativeBase):
    """The lab's tables as they stand before the first revision."""


class User(Base):
    """A user as the program knows it that runs before, and for a while beside, the migration."""

    __tablename__ = "users"
    __table_args__ = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}  # noqa: RUF012 (SQLAlchemy's own form)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(320))


class Signups(Base):
    """The log of another service: the users with these ids, both included, registered at that time.

    It is what the backfill takes the truth from. A default of ``now()`` knows nothing of it.
    """

    __tablename__ = "signups"

    first_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last_id: Mapped[int] = mapped_column(BigInteger)
    registered_at: Mapped[datetime] = mapped_column(Moment)


class Backfill(Base):
    """How far a backfill has come. Written in the transaction of the batch, so the two cannot disagree.

    ``nice`` and ``paused`` are for whoever watches: an UPDATE from any client is obeyed before the next batch.
    """

    __tablename__ = "backfills"

    task: Mapped[str] = mapped_column(String(40), primary_key=True)
    done_id: Mapped[int] = mapped_column(BigInteger)
    """Every user up to here has been looked at."""
    last_id: Mapped[int] = mapped_column(BigInteger)
    """The last user that was there when new ones began to get their date by themselves."""
    nice: Mapped[float] = mapped_column(Float)
    """Seconds of rest for each second of work."""
    paused: Mapped[bool] = mapped_column(Boolean, server_default=false())


class Version(Base):
    """Alembic's own table: the revision at which the schema stands; empty before the first."""

    __tablename__ = "alembic_version"

    version_num: Mapped[str] = mapped_column(String(32), primary_key=True)
