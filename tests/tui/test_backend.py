"""Runners as real processes, recordings as real files."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from time import monotonic

import pytest

from labs.stream.commands import Cancel, OpenLab
from labs.stream.events import AnyEvent, Noted
from labs.stream.recording import Recorder
from tests.tui.streams import Script, fold, opened, started, waiting, whole_run
from tui import backend
from tui.backend import Replay, Runner
from tui.feed import Feed
from tui.tape import Tape

ECHO = """
import sys
from dataclasses import asdict
print('{"type":"Noted","text":"ready"}', flush=True)
print("narration", file=sys.stderr, flush=True)
for line in sys.stdin:
    if "Close" in line:
        break
    print('{"type":"Noted","text":"asked"}', flush=True)
"""
STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('{"type":"Noted","text":"ready"}', flush=True)
time.sleep(600)
"""


def runner(program: str, log: Path | None = None) -> Runner:
    return Runner(os.environ, log, (sys.executable, "-c", program))


async def read(source: Runner | Replay) -> list[AnyEvent]:
    return [event async for event in source.events()]


async def reading(source: Runner) -> tuple[Feed, asyncio.Event]:
    """A feed of the source, once it has said its first word."""
    said = asyncio.Event()
    feed = Feed(source, lambda feed: said.set())
    await asyncio.wait_for(said.wait(), 10)
    return feed, said


async def test_commands_go_in_and_events_come_out(tmp_path: Path) -> None:
    log = tmp_path / "log" / "runner.log"
    source = runner(ECHO, log)
    feed, said = await reading(source)
    said.clear()
    await feed.send(OpenLab(lab="races"))
    await asyncio.wait_for(said.wait(), 10)
    await feed.close()
    assert [note.text for note in feed.state.notes] == ["ready", "asked"]
    assert feed.over and source.ended == ""
    assert log.read_text() == "narration\n"
    assert log.stat().st_mode & 0o777 == 0o600


async def test_a_stubborn_runner_is_ended_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "CLOSE_GRACE_S", 0.2)
    monkeypatch.setattr(backend, "TERMINATE_GRACE_S", 0.2)
    source = runner(STUBBORN)
    feed, _ = await reading(source)
    await asyncio.wait_for(feed.close(), 5)
    assert source.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "by SIGKILL"),
        ("import sys; sys.exit(3)", "exit status 3"),
        ("print('no event')", "cannot read"),
        ("print('{\"type\":\"Noted\"', end='')", "exit status 0"),
    ],
)
async def test_how_a_runner_ended_is_told(program: str, told: str) -> None:
    source = runner(program)
    assert await asyncio.wait_for(read(source), 10) == []
    assert told in source.ended


async def test_a_program_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    source = Runner(os.environ, None, (str(tmp_path / "nothing"),))
    assert await read(source) == []
    assert "cannot be started" in source.ended
    await source.send(Cancel())
    await source.close()


async def test_a_log_is_begun_afresh_when_it_is_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "LOG_LIMIT_BYTES", 10)
    log = tmp_path / "runner.log"
    log.write_text("x" * 11)
    await read(runner("import sys; print('new', file=sys.stderr)", log))
    assert log.read_text() == "new\n"


def recorded(path: Path, events: list[AnyEvent]) -> Path:
    recorder = Recorder(path)
    for event in events:
        recorder.write(event)
    recorder.close()
    return path


async def test_a_recording_folds_to_the_same_state(tmp_path: Path) -> None:
    path = recorded(tmp_path / "run.jsonl", whole_run())
    events = await read(Replay(path))
    assert asdict(fold(events)) == asdict(fold(whole_run()))


async def test_a_broken_recording_is_told(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text("no header\n")
    source = Replay(path)
    assert await read(source) == []
    assert "no recording" in source.ended


async def test_many_events_are_shown_at_once_and_then_rarely() -> None:
    told: list[float] = []
    loop = asyncio.get_running_loop()
    source = Script([Noted(text=str(number)) for number in range(1000)])
    feed = Feed(source, lambda feed: told.append(loop.time()))
    await asyncio.sleep(0.02)
    for number in range(50):
        source.say(Noted(text=str(number)))
        await asyncio.sleep(0.01)
    await feed.close()
    assert len(feed.state.notes) == 1050
    assert 2 <= len(told) <= 9


async def test_time_ticks_only_while_somebody_waits() -> None:
    told: list[float] = []
    source = Script(opened())
    feed = Feed(source, lambda feed: told.append(feed.state.now))
    await asyncio.sleep(0.6)
    assert len(told) == 1
    source.say(*started(), *waiting())
    await asyncio.sleep(0.8)
    assert len(told) >= 4 and told == sorted(told)
    await feed.close()


async def test_while_much_is_read_others_get_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little of it there is: what an event costs depends on how much is in it."""
    add = Tape.add

    def slow(tape: Tape, event: AnyEvent) -> int:
        until = monotonic() + 0.005
        while monotonic() < until:
            pass
        return add(tape, event)

    monkeypatch.setattr(Tape, "add", slow)
    script = Script([Noted(t=0, text=str(number)) for number in range(100)], live=False)
    feed = Feed(script, lambda feed: None)
    turns = 0
    while not script.heard:
        await asyncio.sleep(0)
        turns += 1
    await feed.close()
    assert turns >= 10
