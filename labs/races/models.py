"""Accounts, transfers between them, and the ledger that says what every balance must be."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The lab's tables."""


class Account(Base):
    """An account. Nothing in the schema keeps its balance right: that is what the transactions are for."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    owner: Mapped[str] = mapped_column(String(40))
    balance: Mapped[int]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 (to SQLAlchemy it is no ClassVar)
    """Changed as an object, the account is written only if it still has the version that was read. An UPDATE
    statement neither looks at the version nor counts it up: an application has to settle for one of the two."""


class Transfer(Base):
    """Money that went from one account to another. Transfers are never changed or deleted, only reversed."""

    __tablename__ = "transfers"

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    target_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    amount: Mapped[int]
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("transfers.id"), unique=True)


class LedgerEntry(Base):
    """One account's side of a transfer, or its opening balance. The sum of an account's entries is its true balance."""

    __tablename__ = "ledger"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    transfer_id: Mapped[int | None] = mapped_column(ForeignKey("transfers.id"))
    amount: Mapped[int]
