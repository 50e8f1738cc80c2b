"""The job queue: done once, without a wait; and what each other way of taking a job does to one of the two."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from labs.races.queue import jobs
from labs.races.queue.jobs import Job, Take
from labs.stream.events import VerdictReached
from labs.workbench.runner import Runner
from tests.conftest import Heard
from tests.labs.races.told import fallen, waits

ONCE, NO_WAIT = "Each job is done exactly once", "No worker waited for another"


async def test_skip_locked_shares_the_jobs_out_and_nobody_waits(races: Runner, heard: Heard) -> None:
    assert await races.run("queue", {}) == "passed"
    assert waits(heard) == set()
    assert heard.of(VerdictReached)[0].evidence == {"jobs": 6, "not_done_once": 0, "most_often": 1}


async def test_for_update_does_each_job_once_and_all_wait_for_one(races: Runner, heard: Heard) -> None:
    assert await races.run("queue", {"take": "for update"}) == "failed"
    assert fallen(heard) == [NO_WAIT]
    assert ("B", "A") in waits(heard)


async def test_a_plain_read_does_a_job_several_times(races: Runner, heard: Heard) -> None:
    assert await races.run("queue", {"take": "plain"}) == "failed"
    assert ONCE in fallen(heard)
    most_often = heard.of(VerdictReached)[0].evidence["most_often"]
    assert isinstance(most_often, int) and most_often > 1


async def test_one_worker_after_the_other_any_way_will_do(races: Runner, heard: Heard) -> None:
    for take in ("for update", "plain"):
        assert await races.run("queue", {"take": take, "order": "serial"}) == "passed"


async def test_workers_that_leave_jobs_undone_are_found_out(
    races: Runner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def idle(sessions: async_sessionmaker[AsyncSession], worker: str, take: Take) -> int:
        async with sessions.begin() as session:
            await session.get(Job, 1)
        return 0

    monkeypatch.setattr(jobs, "work", idle)
    assert await races.run("queue", {}) == "failed"
    assert fallen(heard) == [ONCE]
