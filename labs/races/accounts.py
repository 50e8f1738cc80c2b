"""The three accounts that money is moved between."""

from __future__ import annotations

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.races.models import Account, LedgerEntry

ALICE, BOB, CAROL = 1, 2, 3
OPENING = {ALICE: ("Alice", 100), BOB: ("Bob", 100), CAROL: ("Carol", 100)}


async def open_accounts(connection: AsyncConnection) -> None:
    """Three accounts, each with its opening balance in the ledger. There is nothing here to draw by lot."""
    await connection.execute(
        insert(Account),
        [{"id": key, "owner": owner, "balance": balance} for key, (owner, balance) in OPENING.items()],
    )
    await connection.execute(
        insert(LedgerEntry),
        [{"account_id": key, "amount": balance} for key, (_, balance) in OPENING.items()],
    )
