"""PostgreSQL's own isolationtester, which comes with the embedded server: what its text must be compared with."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from sqlalchemy import text

from labs.workbench.engines import binaries
from labs.workbench.engines.engine import Engine

PROGRAM = (binaries.installed_in() or Path()) / binaries.INSTALLATION / "lib/pgxs/src/test/isolation/isolationtester"

SCHEMA = "ninelabs_test_oracle"


async def isolationtester(
    server: Engine, spec: str, *, application: str, patience_s: int = 360
) -> tuple[str, str, int]:
    """What it prints for a scenario on a server, in an empty schema: standard output and error, and its exit status.

    Args:
        patience_s: how long it waits for a step before it cancels it; an even number.
    """
    engine = server.create(application="test", isolation="autocommit")
    async with engine.connect() as connection:
        await connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
        await connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        conninfo = {
            "user": server.url.username,
            "dbname": server.url.database,
            "host": server.url.query.get("host") or server.url.host,
            "port": server.url.query.get("port") or server.url.port,
            "application_name": application,
            "options": f"-csearch_path={SCHEMA}",
        }
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            " ".join(f"{name}={value}" for name, value in conninfo.items() if value is not None),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.defpath, "PG_TEST_TIMEOUT_DEFAULT": str(patience_s // 2), "PGCLIENTENCODING": "UTF8"},
        )
        printed, complaints = await process.communicate(spec.encode())
        await connection.execute(text(f"DROP SCHEMA {SCHEMA} CASCADE"))
    await engine.dispose()
    return printed.decode(), complaints.decode(), process.returncode or 0
