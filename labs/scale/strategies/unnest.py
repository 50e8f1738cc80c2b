"""`INSERT … SELECT … FROM unnest(…)`: one array a column, so as many binds as columns, however many rows."""

from typing import Any

from sqlalchemy import bindparam, cast, func, insert, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.elements import KeyedColumnElement

from labs.scale.customers import Customers
from labs.scale.models import Customer

TITLE = "Core, UNNEST of arrays"
LACKING = {"mariadb": "MariaDB has no arrays, so that rows cannot be sent as one value a column."}
BLOCK = 10_000


async def load(engine: AsyncEngine, customers: Customers) -> None:
    """Insert the customers."""
    columns = list(Customer.__table__.columns)
    arrays = func.unnest(*map(_array, columns)).table_valued(*(column.name for column in columns)).render_derived()
    statement = insert(Customer).from_select([column.name for column in columns], select(*arrays.c))
    async with engine.begin() as connection:
        for block in customers.tuples_by(BLOCK):
            values = zip(*block, strict=True)
            await connection.execute(statement, {c.name: list(v) for c, v in zip(columns, values, strict=True)})


def _array(column: KeyedColumnElement[Any]) -> Any:
    return cast(bindparam(column.name), ARRAY(column.type))
