"""Accounts for one round of payments, and what the books say after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import case, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.races.models import Account, LedgerEntry, Transfer


@dataclass(frozen=True, slots=True)
class Accounts:
    """Accounts that only pay, and as many that are only paid.

    An account that does one of the two makes the count of lost payments exact: a debit that is missing from a
    balance and a credit that is missing from it would cancel out.
    """

    first: int
    each: int

    @property
    def payers(self) -> range:
        """Keys of those that pay."""
        return range(self.first, self.first + self.each)

    @property
    def payees(self) -> range:
        """Keys of those that are paid."""
        return range(self.first + self.each, self.first + 2 * self.each)

    async def open(self, connection: AsyncConnection, balance: int) -> None:
        """Enter them, each payer with that balance in the account and in the ledger."""
        opening = dict.fromkeys(self.payers, balance) | dict.fromkeys(self.payees, 0)
        await connection.execute(
            insert(Account), [{"id": key, "owner": f"Account {key}", "balance": has} for key, has in opening.items()]
        )
        await connection.execute(
            insert(LedgerEntry), [{"account_id": key, "amount": has} for key, has in opening.items()]
        )


class Books(NamedTuple):
    """What a round of payments, all of the same amount, left behind."""

    entered: int
    """Payments in the ledger."""
    lost: int
    """Debits and credits of the ledger that the balances do not contain."""
    overspent: int
    """Payments that an account made beyond what it had."""


EMPTY = Books(0, 0, 0)


async def read(connection: AsyncConnection, accounts: Accounts, amount: int) -> Books:
    """Compare ledger and balances, which is exact: see `Accounts`."""
    true_balance = (
        select(func.coalesce(func.sum(LedgerEntry.amount), 0))
        .where(LedgerEntry.account_id == Account.id)
        .correlate(Account)
        .scalar_subquery()
    )
    differs, beyond = (
        await connection.execute(
            select(
                func.sum(func.abs(Account.balance - true_balance)),
                func.sum(case((true_balance < 0, -true_balance), else_=0)),
            ).where(Account.id.between(accounts.payers.start, accounts.payees.stop - 1))
        )
    ).one()
    entered = await connection.scalar(
        select(func.count())
        .select_from(Transfer)
        .where(Transfer.source_id.between(accounts.payers.start, accounts.payers.stop - 1))
    )
    return Books(entered or 0, -(-int(differs) // amount), -(-int(beyond) // amount))
