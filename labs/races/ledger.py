"""What all transfers share: the entry in the books, the claims about money, and the way back."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import aliased

from labs.races.models import Account, LedgerEntry, Transfer
from labs.workbench.lab import Invariant, Rows, Watched


class InsufficientFundsError(Exception):
    """The source account does not have the money; raised inside a transaction, it rolls it back."""


async def enter(session: AsyncSession, source_id: int, target_id: int, amount: int) -> None:
    """Enter a transfer into the books, with one ledger entry for each side."""
    transfer_id = await session.scalar(
        insert(Transfer).values(source_id=source_id, target_id=target_id, amount=amount).returning(Transfer.id)
    )
    await session.execute(
        insert(LedgerEntry).values(
            [
                {"account_id": source_id, "transfer_id": transfer_id, "amount": -amount},
                {"account_id": target_id, "transfer_id": transfer_id, "amount": amount},
            ]
        )
    )


async def latest_transfer(connection: AsyncConnection) -> int:
    """The key of the latest transfer; 0 before the first."""
    return await connection.scalar(select(func.coalesce(func.max(Transfer.id), 0))) or 0


_opening = select(func.coalesce(func.sum(LedgerEntry.amount), 0)).where(LedgerEntry.transfer_id.is_(None))
_balances = select(func.coalesce(func.sum(Account.balance), 0))
_below_zero = select(func.count()).where(Account.balance < 0)
_true_balance = (
    select(func.coalesce(func.sum(LedgerEntry.amount), 0))
    .where(LedgerEntry.account_id == Account.id)
    .correlate(Account)
    .scalar_subquery()
)
_wrong = select(func.count()).select_from(Account).where(Account.balance != _true_balance)

MONEY_CONSERVED = Invariant(
    "Money is conserved",
    select(
        (_balances.scalar_subquery() == _opening.scalar_subquery()).label("holds"),
        _opening.scalar_subquery().label("opened_with"),
        _balances.scalar_subquery().label("sum_of_balances"),
    ),
)
NONE_BELOW_ZERO = Invariant(
    "No balance is below zero",
    select(
        (_below_zero.scalar_subquery() == 0).label("holds"),
        _below_zero.scalar_subquery().label("accounts_below_zero"),
        select(func.min(Account.balance)).scalar_subquery().label("lowest_balance"),
    ),
)
LEDGER_EQUALS_BALANCES = Invariant(
    "The ledger equals the balances",
    select(
        (_wrong.scalar_subquery() == 0).label("holds"),
        _wrong.scalar_subquery().label("accounts_that_differ"),
        select(func.coalesce(func.sum(LedgerEntry.amount), 0)).scalar_subquery().label("sum_of_ledger"),
        _balances.scalar_subquery().label("sum_of_balances"),
    ),
)


def payments_made(claim: str, since: int, owed: int) -> Invariant:
    """The claim that, after a transfer of that id, exactly so many more were entered."""
    made = select(func.count()).where(Transfer.id > since, Transfer.reverses_id.is_(None)).scalar_subquery()
    return Invariant(claim, select((made == owed).label("holds"), made.label("made"), literal(owed).label("owed")))


INVARIANTS = (MONEY_CONSERVED, NONE_BELOW_ZERO, LEDGER_EQUALS_BALANCES)

BOOKS = Watched((Account, Transfer, LedgerEntry), INVARIANTS)
"""What experiments with money are about."""


def state() -> dict[str, Rows]:
    """What the books amount to. Transfers and ledger only ever grow, so what counts is what they add up to."""
    reversal = aliased(Transfer)
    return {
        "accounts": select(Account.id, Account.owner, Account.balance),
        "transfers in force": select(Transfer.id, Transfer.source_id, Transfer.target_id, Transfer.amount)
        .outerjoin(reversal, reversal.reverses_id == Transfer.id)
        .where(Transfer.reverses_id.is_(None), reversal.id.is_(None)),
        "ledger by account": select(LedgerEntry.account_id, func.sum(LedgerEntry.amount).label("amount")).group_by(
            LedgerEntry.account_id
        ),
    }


async def reverse_since(connection: AsyncConnection, watermark: int) -> Sequence[str]:
    """Reverse every transfer entered after that transfer id, and correct the balances by the ledger.

    The ledger is right even where an anomaly has spoilt a balance, because its entries are only ever added.
    """
    reversal = aliased(Transfer)
    in_force = (
        select(Transfer.target_id, Transfer.source_id, Transfer.amount, Transfer.id)
        .outerjoin(reversal, reversal.reverses_id == Transfer.id)
        .where(Transfer.id > watermark, Transfer.reverses_id.is_(None), reversal.id.is_(None))
        .order_by(Transfer.id)
    )
    reversals = (
        await connection.execute(
            insert(Transfer)
            .from_select(["source_id", "target_id", "amount", "reverses_id"], in_force)
            .returning(Transfer.id, Transfer.source_id, Transfer.target_id, Transfer.amount)
        )
    ).all()
    for row in reversals:
        await connection.execute(
            insert(LedgerEntry),
            [
                {"account_id": row.source_id, "transfer_id": row.id, "amount": -row.amount},
                {"account_id": row.target_id, "transfer_id": row.id, "amount": row.amount},
            ],
        )
    corrected = await connection.execute(
        update(Account).where(Account.balance != _true_balance).values(balance=_true_balance)
    )
    accounts = corrected.rowcount
    if not reversals and not accounts:
        return ()
    return (
        f"Compensating transfers entered: {len(reversals)}, with {2 * len(reversals)} ledger entries.",
        f"Balances corrected by the ledger: {accounts}.",
    )
