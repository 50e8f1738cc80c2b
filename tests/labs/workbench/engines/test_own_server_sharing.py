"""Several programs and one server of our own: who shares it, and that it ends with its last user."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from labs.stream.events import EngineChanged
from labs.workbench.engines.keeper import ServerMark, alive
from labs.workbench.engines.locks import FileLock
from tests.labs.workbench.engines.conftest import (
    NOBODY,
    Run,
    as_root,
    ask,
    eventually,
    ignore,
    keepers,
    mode,
    one_kind,
    running,
)
from tests.labs.workbench.engines.program import Kind, Own


def lease_is_taken(server: Own) -> bool:
    with FileLock(server.folder / "lease") as lease:
        return not lease.try_shared()


async def test_two_programs_share_one_server(home: Path, kind: Kind, run: Run) -> None:
    server = kind(home)
    await server.acquire(ignore)
    process = running(server)
    other = run(home)
    assert other.server().pid == process.pid
    assert len(keepers(home)) == 1
    await server.release()
    assert alive(process)
    assert other.end() == ""
    assert not alive(process)
    assert eventually(lambda: not keepers(home))


@one_kind
async def test_four_programs_start_at_once(empty_home: Path, kind: Kind, run: Run) -> None:
    programs = [run(empty_home) for _ in range(4)]
    servers = {program.server().pid for program in programs}
    assert len(servers) == 1
    assert len(keepers(empty_home)) == 1
    for program in programs:
        program.leave()
    for program in programs:
        assert program.end() == ""
    assert kind(empty_home).mark.find() is None


async def test_a_killed_user_takes_the_server_along(home: Path, run: Run) -> None:
    program = run(home)
    process = program.server()
    program.kill()
    assert eventually(lambda: not alive(process))
    assert eventually(lambda: not keepers(home))


async def test_who_has_let_somebody_in_ends_in_order(home: Path, kind: Kind, run: Run) -> None:
    server = kind(home)
    for killed in (False, True):
        program = run(home)
        program.server()
        program.kill() if killed else program.end()
        assert eventually(lambda: not kind(home).describe().running)
        events: list[EngineChanged] = []
        await server.acquire(events.append)
        await server.release()
        assert "recovering" not in [event.state for event in events]


@pytest.mark.parametrize(("serving", "end"), [(True, signal.SIGTERM), (False, signal.SIGKILL)])
def test_who_has_let_nobody_in_is_not_asked_to_end_in_order(tmp_path: Path, serving: bool, end: signal.Signals) -> None:
    """A MariaDB that was asked so early may wait for ever."""
    mark = ServerMark(tmp_path / "pid", "sleep", "60", (signal.SIGTERM, signal.SIGKILL), tmp_path / "serving")
    with subprocess.Popen(["sleep", "60"]) as starting:
        process = psutil.Process(starting.pid)
        mark.serving_file.write_text("1")  # of a server that was here before
        if serving:
            mark.serves(process)
        mark.stop(process)
        assert starting.wait() == -end


async def test_a_server_without_user_and_keeper_ends_with_the_next_user(home: Path, kind: Kind, run: Run) -> None:
    program = run(home)
    process = program.server()
    [keeper] = keepers(home)
    keeper.kill()
    program.kill()
    assert eventually(lambda: not alive(keeper)), "until then it may hold its lock"
    server = kind(home)
    await server.acquire(ignore)
    assert running(server).pid == process.pid
    assert eventually(lambda: len(keepers(home)) == 1), "and it has a keeper again"
    await server.release()
    assert not alive(process)


@one_kind
async def test_a_new_user_waits_for_the_keeper_to_finish(home: Path, kind: Kind, run: Run) -> None:
    program = run(home)
    process = program.server()
    process.suspend()
    program.kill()
    server = kind(home)
    assert eventually(lambda: lease_is_taken(server)), "the keeper has it"
    told = asyncio.Event()
    start = asyncio.create_task(server.acquire(lambda event: told.set() if "still stopping" in event.detail else None))
    await told.wait()
    process.resume()
    url = await start
    assert running(server).pid != process.pid
    assert await ask(url, "SELECT 1") == 1
    assert len(keepers(home)) == 1
    await server.release()


@as_root
async def test_an_ordinary_user_has_it_all(empty_home: Path, kind: Kind, run: Run) -> None:
    os.chown(empty_home, NOBODY, NOBODY)
    # Read access to everything stands in for an interpreter and a checkout that anybody can read.
    drop = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--inh-caps=-all,+dac_read_search"]
    nobody = ["setpriv", *drop, "--ambient-caps=+dac_read_search", "--bounding-set=-all,+dac_read_search"]
    first = run(empty_home, prefix=nobody)
    process = first.server()
    assert process.uids().real == NOBODY
    data = kind(empty_home).data
    assert (data.stat().st_uid, mode(data.parent)) == (NOBODY, 0o700)
    second = run(empty_home, prefix=nobody)
    assert second.server().pid == process.pid
    first.kill()
    assert alive(process)
    assert second.end() == ""
    assert not alive(process)
    third = run(empty_home, prefix=nobody)
    process = third.server()
    third.kill()
    assert eventually(lambda: not alive(process))
