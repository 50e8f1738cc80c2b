"""What a server says it will do for a query, in the one respect that matters here: a scan, or an index."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from labs.workbench.engines.engine import Engine


@dataclass(frozen=True, slots=True)
class Plan:
    """How a query of one table gets at its rows."""

    access: str
    """In the server's own word, such as ``Seq Scan`` or ``ref``."""
    index: str | None
    """By which index; none where it reads all of the table."""
    rows: float
    """How many it expects."""


async def plan(server: Engine, connection: AsyncConnection, query: str) -> Plan:
    """Ask for the plan of a query of one table."""
    if server.name == "mariadb":
        row = (await connection.execute(text(f"EXPLAIN {query}"))).mappings().one()
        return Plan(row["type"] or "", row["key"], float(row["rows"] or 0))
    told = await connection.scalar(text(f"EXPLAIN (FORMAT JSON) {query}"))
    node = (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]
    return _reading(node)


def _reading(node: dict[str, Any]) -> Plan:
    """The node that reads the table, below those that sort or count; a bitmap's index is below it."""
    while "Relation Name" not in node:
        node = node["Plans"][0]
    below = node.get("Plans", [{}])[0]
    return Plan(node["Node Type"], node.get("Index Name") or below.get("Index Name"), float(node["Plan Rows"]))


async def analyze(server: Engine, connection: AsyncConnection, table: str) -> None:
    """Have the server look at the table, and commit."""
    await connection.execute(text(f"ANALYZE TABLE {table}" if server.name == "mariadb" else f"ANALYZE {table}"))
    await connection.commit()
