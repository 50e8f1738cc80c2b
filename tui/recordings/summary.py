"""What a recording holds, in a few facts, found without taking it all in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

from labs.stream.events import (
    AnyEvent,
    ExperimentEnded,
    ExperimentStarted,
    LabOpened,
    Noted,
    StatementHeld,
    StatementStarted,
    StreamOpened,
)
from labs.stream.lines import decode_event
from labs.stream.recording import RecordingError, read_recording
from labs.stream.specs import Cell, Outcome
from tui.recordings.resume import Resumption, steps_taken

LARGEST_BYTES = 20 * 2**20
"""A recording that has grown to this ends there."""
FULL = Noted(text=f"The recording ends here: it has grown to {LARGEST_BYTES >> 20} MB. The run went on.")
"""The last event of such a one."""
MOST_BYTES = 3 * LARGEST_BYTES
"""A file larger than this was not kept by us, and is not looked through."""

OURS = re.compile(r"\d{8}T\d{6}\.\d{6}Z-\w+\.jsonl")
"""The name of a recording that we keep: when it began, and of which lab it is."""

_STEPS = (StatementHeld, StatementStarted)
_LOOKED_AT = (LabOpened, ExperimentStarted, ExperimentEnded, *_STEPS)
_PASSED_OVER = {kind.__name__.encode() for kind in get_args(AnyEvent)} - {kind.__name__.encode() for kind in _LOOKED_AT}
_OF_STEPS = {kind.__name__.encode() for kind in _STEPS}
_TAG = b'{"type":"'


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording, as a list shows it."""

    path: Path
    when: datetime
    """When its first experiment began; of what cannot be read, when it was last written."""
    until: datetime
    """When it ended."""
    lab: str = ""
    """Empty when it cannot be told."""
    problem: str = ""
    """Why it cannot be shown, as a sentence; empty when it can."""
    being_written: bool = False
    """Whether a ninelabs has it open for writing."""
    runs: int = 0
    seconds: float = 0.0
    """From the start of its first experiment to its end."""
    engine: str = ""
    experiment: str = ""
    """The title of the latest one."""
    settings: dict[str, Cell] = field(default_factory=dict)
    """What the latest one was run with."""
    outcome: Outcome | None = None
    """Of the latest experiment; none when the recording ends before it did."""
    expected: Outcome = "passed"
    """How that one ends with default parameters."""
    full: bool = False
    """Whether it ends because of its size."""
    way: Resumption | None = None
    """Through the latest experiment, if it was stepped."""

    @property
    def broken_off(self) -> Resumption | None:
        """The way to where its latest experiment was broken off; none when that ended, or took no step."""
        ended = self.outcome is not None or self.full or self.being_written
        return None if ended or self.way is None or not self.way.sessions else self.way


def summarize(path: Path) -> Recording:
    """Look through a recording. One that cannot be read comes back with its problem.

    Raises:
        OSError: there is no such file any more.
    """
    status = path.stat()
    written = datetime.fromtimestamp(status.st_mtime, UTC)
    lab = path.stem.partition("-")[2] if OURS.fullmatch(path.name) else ""
    if status.st_size > MOST_BYTES:
        return Recording(path, written, written, lab, problem=f"It is larger than {MOST_BYTES >> 20} MB.")
    try:
        return _look_through(path)
    except OverflowError:
        return Recording(path, written, written, lab, problem="Its times are out of all range.")
    except (RecordingError, ValueError) as error:
        return Recording(path, written, written, lab, problem=str(error).replace(str(path), path.name))


def _look_through(path: Path) -> Recording:
    header = next(read_recording(path), None)
    if not isinstance(header, StreamOpened):
        raise RecordingError("It is empty.")
    opened: LabOpened | None = None
    place: LabOpened | None = None
    """Where the latest run began."""
    started: ExperimentStarted | None = None
    ended: ExperimentEnded | None = None
    latest: list[AnyEvent] = []
    runs, first, last = 0, 0.0, b""
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            last = line
            kind = line[len(_TAG) : line.find(b'"', len(_TAG))] if line.startswith(_TAG) else b""
            if kind in _PASSED_OVER or (kind in _OF_STEPS and not (started and started.stepped)):
                continue
            event = decode_event(line)
            match event:
                case LabOpened():
                    opened = event
                    if ended is None:
                        latest.append(event)
                case ExperimentStarted():
                    started, ended, place = event, None, opened
                    latest = [*([opened] if opened else []), event]
                    runs += 1
                    first = first or event.t
                case ExperimentEnded():
                    ended = event
                case _:
                    latest.append(event)
    if place is None or started is None:
        raise RecordingError("No experiment was started in it.")
    end = decode_event(last)
    spec = next((spec for spec in place.experiments if spec.slug == started.experiment), None)
    opened_at = datetime.fromisoformat(header.started_at).astimezone()
    return Recording(
        path,
        opened_at + timedelta(seconds=first),
        opened_at + timedelta(seconds=end.t),
        place.lab,
        runs=runs,
        seconds=end.t - first,
        engine=place.engine,
        experiment=spec.title if spec else started.experiment,
        settings=started.parameters,
        outcome=ended.outcome if ended else None,
        expected=spec.expected if spec else "passed",
        full=isinstance(end, Noted) and end.text == FULL.text,
        way=steps_taken(latest) if started.stepped else None,
    )
