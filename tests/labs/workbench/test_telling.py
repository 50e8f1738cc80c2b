"""What is said of progress: a pace, and what is left at that pace."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from labs.stream.events import Event, ProgressAdvanced
from labs.workbench import telling
from labs.workbench.telling import Telling


def test_a_pause_is_no_part_of_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, told = SimpleNamespace(monotonic=lambda: 0.0), list[Event]()
    monkeypatch.setattr(telling, "time", clock)
    bench = Telling(told.append)
    for now, done, since in ((1_001.0, 100, 1_000.0), (1_009.0, 900, 1_000.0), (1_069.0, 1_000, 1_059.0)):
        clock.monotonic = lambda now=now: now
        bench.progress("Backfill", done, 2_000, "users", since=since)
    advanced = [event for event in told if isinstance(event, ProgressAdvanced)]
    assert [(event.rate, event.eta_s) for event in advanced] == [(100, 19.0), (100, 11.0), (100, 10.0)]
