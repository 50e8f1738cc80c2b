from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from labs.stream.commands import AnyCommand, OpenLab, RunExperiment, Step
from labs.stream.events import (
    STREAM_VERSION,
    AnyEvent,
    LabOpened,
    LocksSampled,
    LockWait,
    StatementStarted,
    StreamOpened,
    TableSampled,
    VerdictReached,
)
from labs.stream.lines import MalformedLineError, decode_command, decode_event, encode
from labs.stream.recording import Recorder, RecordingError, read_recording

HEADER = StreamOpened(version=STREAM_VERSION, program="ninelabs 0", started_at="2026-01-01T00:00:00+00:00")
OPENED = LabOpened(
    lab="races",
    title="Races",
    schema="ninelabs_x_races",
    engine="postgres",
    server_version="18",
    isolation_default="read committed",
    capabilities={},
    experiments=(),
)
HOSTILE = '[/x]\x1b[31m\x00\u202e漢字 "quoted"\n'


@pytest.mark.parametrize(
    "event",
    [
        HEADER,
        TableSampled(table=HOSTILE, columns=("a",), key=("a",), rows=((HOSTILE,), (None,), (1.5,)), row_count=3),
        LocksSampled(waits=(LockWait(waiter="B", blocker="A", mode="X", object="row", milliseconds=1.0),)),
        VerdictReached(claim="Money is conserved", holds=False, evidence={"sum": 380}),
        StatementStarted(session="A", number=1, sql=HOSTILE, parameters=(1, HOSTILE, None)),
    ],
)
def test_an_event_is_one_line_and_comes_back_the_same(event: AnyEvent) -> None:
    line = encode(event)
    assert line.count(b"\n") == 1
    back = decode_event(line)
    assert back == event
    assert f'"type":"{type(event).__name__}"'.encode() in line


@pytest.mark.parametrize("command", [OpenLab(lab="races"), RunExperiment(experiment="x", parameters={"n": 1}), Step()])
def test_a_command_comes_back_the_same(command: AnyCommand) -> None:
    assert decode_command(encode(command)) == command


def test_what_json_has_no_word_for_travels_as_text() -> None:
    class Opaque:
        def __str__(self) -> str:
            return "opaque"

    event = StatementStarted(session="A", number=1, sql="SELECT 1", parameters=(Opaque(),))
    assert b'["opaque"]' in encode(event)


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"type":"Unheard"}', b'{"type":"OpenLab"}', b"\xff\xfe"])
def test_a_line_that_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(MalformedLineError):
        decode_command(line)
    with pytest.raises(MalformedLineError):
        decode_event(line)


def test_a_recording_is_the_stream(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run.jsonl")
    events = [HEADER, OPENED, VerdictReached(claim="c", holds=True, evidence={}, t=1.5)]
    with closing(recorder):
        for event in events:
            recorder.write(event)
    assert list(read_recording(recorder.path)) == events


def test_an_earlier_recording_is_kept_until_there_is_something_to_record(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(encode(HEADER))
    with closing(Recorder(path)) as recorder:
        recorder.write(HEADER)
        assert path.read_bytes() == encode(HEADER)
        recorder.write(OPENED)
    assert list(read_recording(path)) == [HEADER, OPENED]


def test_what_a_killed_writer_left_half_written_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(encode(HEADER) + b'{"type":"Noted","te')
    assert list(read_recording(path)) == [HEADER]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"type":"Noted","text":"x"}\n', "header"),
        (encode(StreamOpened(version=STREAM_VERSION + 1, program="", started_at="")), "version"),
        (encode(HEADER) + b"nonsense\n", "line 2"),
    ],
)
def test_what_is_no_recording_is_refused_with_its_reason(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=told):
        list(read_recording(path))


def test_a_missing_recording_and_a_full_disk_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="Cannot read"):
        list(read_recording(tmp_path / "none"))
    recorder = Recorder(Path("/dev/full"))
    with closing(recorder), pytest.raises(RecordingError, match="No space left"):
        recorder.write(OPENED)
