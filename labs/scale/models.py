"""Customers, and the register of what was loaded."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Boolean, DateTime, Index, Numeric, String
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from labs.workbench.dataset.block import LOAD_DATA as FORMAT

Moment = DateTime(timezone=True).with_variant(mysql.DATETIME(), "mariadb", "mysql")
"""A point in time; MariaDB's has no zone, and every session here is in UTC."""


class Base(DeclarativeBase):
    """The lab's tables."""


class Customer(Base):
    """A customer, as the data set of the workbench has them."""

    __tablename__ = "customers"
    __table_args__ = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}  # noqa: RUF012 (SQLAlchemy's own form)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    email: Mapped[str] = mapped_column(String(120))
    name: Mapped[str] = mapped_column(String(320))
    country: Mapped[str] = mapped_column(String(2))
    city: Mapped[str] = mapped_column(String(80))
    phone: Mapped[str | None] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(Moment)
    opt_in: Mapped[bool | None] = mapped_column(Boolean)
    balance: Mapped[Decimal] = mapped_column(Numeric(12, 2))
    note: Mapped[str | None] = mapped_column(String(320))


class Load(Base):
    """A load that has been committed, and the keys that are its customers'."""

    __tablename__ = "loads"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first_id: Mapped[int] = mapped_column(BigInteger)
    last_id: Mapped[int] = mapped_column(BigInteger)
    seed: Mapped[int]


INDEXES = (
    Index("customers_email", Customer.email, unique=True),
    Index("customers_country", Customer.country, Customer.created_at),
)
"""Besides the primary key."""

TABLE = Customer.__tablename__
COLUMNS = tuple(column.name for column in Customer.__table__.columns)
LOAD_DATA = f"LOAD DATA LOCAL INFILE '{{name}}' INTO TABLE {TABLE} {FORMAT} ({', '.join(COLUMNS)})"
