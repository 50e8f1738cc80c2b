"""What is kept of the labs that were open: written as it comes, listed, bounded, and never in the way."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labs.stream.events import AnyEvent, ExperimentEnded, Looked, Noted, StreamOpened
from labs.stream.lines import encode
from labs.stream.recording import Recorder, RecordingError, read_recording
from tests.tui.streams import Script, ending, opened, opened_on, started, whole_run
from tests.tui.test_resume import WAY, three_steps
from tui.recordings import folder, recorded
from tui.recordings.folder import Recordings
from tui.recordings.recorded import Recorded
from tui.recordings.summary import FULL, MOST_BYTES, summarize

BEGAN = "20260101T00000{number}.000000Z-races.jsonl"


def written(path: Path, events: Iterable[AnyEvent]) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(map(encode, events)))
    return path


@contextmanager
def held(path: Path) -> Iterator[None]:
    """As another ninelabs has it open."""
    file = os.open(path, os.O_RDWR)
    fcntl.flock(file, fcntl.LOCK_EX)
    yield
    os.close(file)


# summaries


def test_a_whole_run_in_a_few_facts(tmp_path: Path) -> None:
    one = summarize(written(tmp_path / "x.jsonl", [*whole_run(), *started(20), *ending(30)]))
    assert (one.lab, one.engine, one.experiment, one.runs) == ("races", "postgres", "Double spend", 2)
    assert (one.outcome, one.expected, one.broken_off, one.problem) == ("failed", "failed", None, "")
    assert one.when.isoformat().endswith(":02+00:00") and one.seconds == pytest.approx(28.3)


def test_a_run_that_was_broken_off_says_how_to_get_back_to_where_it_was(tmp_path: Path) -> None:
    path = written(tmp_path / "x.jsonl", [*whole_run(), *three_steps()[3:]])
    with path.open("ab") as file:
        file.write(b'{"type":"StatementSta')  # what a killed writer leaves
    assert summarize(path).broken_off == WAY


def test_a_run_was_on_the_engine_that_it_began_on_wherever_the_lab_went_after_it(tmp_path: Path) -> None:
    one = summarize(written(tmp_path / "x.jsonl", [*three_steps(), *ending(), *opened_on("mariadb", 20)]))
    assert one.engine == "postgres" and one.way is not None and one.way.engine == "postgres"


def test_a_run_that_was_broken_off_by_going_to_another_engine_is_not_gone_on_with(tmp_path: Path) -> None:
    one = summarize(written(tmp_path / "x.jsonl", [*three_steps(), *opened_on("mariadb", 20)]))
    assert (one.engine, one.broken_off) == ("postgres", None)


@pytest.mark.parametrize(
    "events",
    [
        [*opened(), *started()],
        [*opened(), *started(stepped=False), *three_steps()[-4:]],
        [*three_steps(), Noted(text=FULL.text)],
        [*three_steps(), ExperimentEnded(t=9, experiment="double_spend", outcome="cancelled", seconds=1)],
    ],
    ids=["no step was taken", "by itself", "too long to keep", "cancelled"],
)
def test_what_nobody_is_offered_to_go_on_with(tmp_path: Path, events: list[AnyEvent]) -> None:
    one = summarize(written(tmp_path / "x.jsonl", events))
    assert one.problem == "" and one.broken_off is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "It is empty."),
        (b"hello\n", "x.jsonl is no recording: it does not begin with a header."),
        (b"\x00\xff\n" * 9, "x.jsonl is no recording"),
        (encode(StreamOpened(version=2, program="n", started_at="")), "recorded with stream version 2"),
        (encode(StreamOpened(version=1, program="n", started_at="")) + b'{"type":"Danced"}\n', "Danced"),
        (b"".join(map(encode, opened())), "No experiment was started in it."),
        (b"".join(map(encode, whole_run())).replace(b"2026-01-01", b"yesterday"), "isoformat"),
        (b"".join(map(encode, [*whole_run(), Noted(t=1e300, text="")])), "out of all range"),
        (encode(opened()[0]) + b'{"type":"ExperimentStarted","more":' + b"[" * 100_000 + b"\n", "depth"),
    ],
    ids=["empty", "text", "bytes", "newer", "unknown word", "nothing run", "no time", "no such time", "deep"],
)
def test_what_cannot_be_read_is_listed_with_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "x.jsonl").write_bytes(content)
    [one] = Recordings(tmp_path).read()
    assert reason in one.problem and one.broken_off is None


def test_what_is_too_large_to_be_ours_is_not_looked_through(tmp_path: Path) -> None:
    with (tmp_path / "x.jsonl").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    [one] = Recordings(tmp_path).read()
    assert one.problem == "It is larger than 60 MB."


# the folder


def test_the_newest_is_listed_first_and_seen_to_grow(tmp_path: Path) -> None:
    older = written(tmp_path / "a.jsonl", whole_run())
    newer = written(tmp_path / "b.jsonl", [*opened(), *started(500)])
    (tmp_path / "notes.txt").write_text("not a recording")
    kept = Recordings(tmp_path)
    assert [one.path for one in kept.read()] == [newer, older]
    written(newer, [*opened(), *started(500), *ending(510)])
    assert [one.outcome for one in kept.read()] == ["failed", "failed"]
    newer.unlink()
    assert [one.path for one in kept.read()] == [older]
    assert Recordings(tmp_path / "absent").read() == []


def test_what_another_ninelabs_records_is_not_touched(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", three_steps())
    kept = Recordings(tmp_path)
    with held(path):
        [one] = kept.read()
        assert one.being_written and one.broken_off is None
        for change in (kept.remove, kept.close_off):
            with pytest.raises(RecordingError, match="being written"):
                change(one)
    [one] = kept.read()
    assert not one.being_written and one.broken_off == WAY
    kept.remove(one)
    assert kept.read() == []


def test_what_is_closed_off_ends_as_a_cancelled_run(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", three_steps())
    with path.open("ab") as file:
        file.write(b'{"type":"StatementSta')
    kept = Recordings(tmp_path)
    kept.close_off(kept.read()[0])
    [one] = kept.read()
    assert (one.outcome, one.broken_off) == ("cancelled", None)
    *before, last = read_recording(path)
    assert before == three_steps()
    assert last == ExperimentEnded(t=3, experiment="double_spend", outcome="cancelled", seconds=1)


def spaced_out(events: Iterable[AnyEvent]) -> bytes:
    """As another program would write the same JSON."""
    return b"".join(json.dumps(json.loads(encode(event))).encode() + b"\n" for event in events)


def test_what_another_program_wrote_can_be_closed_off_too_and_once_only(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(spaced_out(three_steps()))
    kept = Recordings(tmp_path)
    [before] = kept.read()
    kept.close_off(before)
    [one] = kept.read()
    assert (before.broken_off, one.outcome, one.broken_off) == (WAY, "cancelled", None)
    with pytest.raises(RecordingError, match=r"No run of a\.jsonl is broken off"):
        kept.close_off(before)


def test_what_has_been_spoilt_meanwhile_is_not_closed_off_but_told(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", three_steps())
    kept = Recordings(tmp_path)
    [one] = kept.read()
    path.write_bytes(path.read_bytes() + b"spoilt\n")
    with pytest.raises(RecordingError, match="not an event"):
        kept.close_off(one)


def test_the_oldest_make_room_but_none_that_is_open_and_nothing_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MOST_KEPT", 4)
    ours = [written(tmp_path / BEGAN.format(number=number), whole_run()) for number in range(5)]
    foreign = written(tmp_path / "0.jsonl", whole_run())
    with held(ours[0]):
        folder.make_room(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([foreign, ours[0], ours[3], ours[4]]), "one more fits"


def test_their_size_is_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = [written(tmp_path / BEGAN.format(number=number), whole_run()) for number in range(5)]
    monkeypatch.setattr(folder, "LARGEST_BYTES", 0)
    monkeypatch.setattr(folder, "MOST_KEPT_BYTES", 2 * ours[0].stat().st_size)
    folder.make_room(tmp_path)
    assert sorted(tmp_path.iterdir()) == ours[3:]


# while a lab is open


async def keep(folder: Path, *events: AnyEvent) -> tuple[list[AnyEvent], list[str]]:
    """What is seen of a source that says these, and what is told of its recording."""
    script, told = Script(events), list[str]()
    script.end("")
    source = Recorded(script, folder, told.append)
    return [event async for event in source.events()], told


def only(folder: Path) -> Path:
    [path] = folder.iterdir()
    return path


async def test_every_event_is_on_disk_before_it_is_seen_and_is_the_persons_alone(tmp_path: Path) -> None:
    folder, seen = tmp_path / "recordings", list[AnyEvent]()
    source = Recorded(Script([*three_steps(), *ending()]), folder, pytest.fail)
    async for event in source.events():
        seen.append(event)
        if len(seen) > len(opened()):
            assert list(read_recording(only(folder))) == seen
        if isinstance(event, ExperimentEnded):
            break
    path = only(folder)
    assert path.name.endswith("Z-races.jsonl")
    assert (stat.S_IMODE(folder.stat().st_mode), stat.S_IMODE(path.stat().st_mode)) == (0o700, 0o600)
    [one] = Recordings(folder).read()
    assert one.being_written
    await source.close()
    [one] = Recordings(folder).read()
    assert not one.being_written and one.outcome == "failed"


async def test_nothing_is_kept_where_no_experiment_was_started(tmp_path: Path) -> None:
    await keep(tmp_path / "recordings", *opened(), Looked(t=2))
    assert not (tmp_path / "recordings").exists()


class Cancelling(Script):
    """As a runner does, it ends what runs before it leaves."""

    async def close(self) -> None:
        self.say(ExperimentEnded(t=9, experiment="double_spend", outcome="cancelled", seconds=1))
        await super().close()


async def test_what_leaving_ends_is_not_recorded_as_ended(tmp_path: Path) -> None:
    """Whether by a key, a hang-up or a kill: the run was broken off."""
    source, seen = Recorded(Cancelling(three_steps()), tmp_path, pytest.fail), list[AnyEvent]()
    async for event in source.events():
        seen.append(event)
        if len(seen) == len(three_steps()):
            await source.close()
    assert isinstance(seen[-1], ExperimentEnded), "the screen still hears of it"
    [one] = Recordings(tmp_path).read()
    assert one.broken_off == WAY


async def test_a_lab_whose_process_dies_can_be_gone_on_with(tmp_path: Path) -> None:
    await keep(tmp_path, *three_steps())
    [one] = Recordings(tmp_path).read()
    assert one.broken_off == WAY and not one.being_written


async def test_where_nothing_can_be_written_the_lab_goes_on_and_that_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("in the way")
    events = [*three_steps(), *ending(), *started(20)]
    seen, told = await keep(tmp_path / "recordings", *events)
    assert seen == events
    [sentence] = told
    assert sentence.startswith("No recording is kept of this lab.") and "File exists" in sentence


async def test_on_a_full_disk_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Recorder.write

    def write(self: Recorder, event: AnyEvent) -> None:
        if isinstance(event, ExperimentEnded):
            raise RecordingError("No space left on device.")
        whole(self, event)

    monkeypatch.setattr(Recorder, "write", write)
    events = [*whole_run(), *started(20)]
    seen, told = await keep(tmp_path, *events)
    assert seen == events and told == ["No recording is kept of this lab. No space left on device."]
    assert Recordings(tmp_path).read() == []


async def test_a_recording_that_grows_too_large_ends_there_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded, "LARGEST_BYTES", 6_000)
    events = [*three_steps(), *[Noted(t=4, text="x" * 1_000)] * 9]
    seen, told = await keep(tmp_path, *events)
    assert seen == events and told == [FULL.text]
    path = only(tmp_path)
    assert 6_000 <= path.stat().st_size < 8_000
    *_, last = read_recording(path)
    assert isinstance(last, Noted) and last.text == FULL.text
    assert summarize(path).full
