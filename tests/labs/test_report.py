"""The printed report of a run: a line a strip of latencies, and no word of what only a screen can show."""

from __future__ import annotations

from io import BytesIO

from labs.report import report_sink
from labs.stream.events import (
    Event,
    ExperimentEnded,
    ExperimentStarted,
    LabOpened,
    LatencySampled,
    ProgressAdvanced,
    Version,
    VersionsSampled,
)
from labs.stream.specs import ExperimentSpec

OPENED = LabOpened(
    lab="races",
    title="Races",
    schema="s",
    engine="postgres",
    server_version="18",
    isolation_default="",
    capabilities={},
    experiments=(ExperimentSpec(slug="one", title="One", question="?", why="", engines=("postgres",)),),
)
STARTED = ExperimentStarted(experiment="one", parameters={}, stepped=False)
ENDED = ExperimentEnded(experiment="one", outcome="passed", seconds=1)


def column(variant: str, worst: float) -> LatencySampled:
    return LatencySampled(operation="Writers", variant=variant, seconds=0.2, count=9, median=4, worst=worst)


def printed(*events: Event) -> list[str]:
    out = BytesIO()
    tell = report_sink(out)
    for event in (OPENED, *events):
        tell(event)
    return out.getvalue().decode().splitlines()


def test_of_a_strip_the_usual_the_worst_and_the_stalls_are_told_once_at_the_end() -> None:
    strips = [column(variant, worst) for variant in ("Naive", "Batched") for worst in (5, 5, 5)]
    during = printed(STARTED, *strips)
    told = printed(STARTED, *strips, column("Naive", 4210), ENDED)[len(during) :]
    assert [" ".join(line.split()) for line in told] == [
        "Writers, Naive median 4.0 ms, worst 4,210 ms, 1 stall",
        "Writers, Batched median 4.0 ms, worst 5.0 ms",
        "passed after 1.00 s",
    ]
    assert during == printed(STARTED)


def test_a_new_run_has_strips_of_its_own() -> None:
    told = printed(STARTED, column("Naive", 9), ENDED, STARTED, column("Other", 9), ENDED)
    assert sum("Naive" in line for line in told) == 1


def test_what_only_a_screen_can_show_is_not_printed() -> None:
    sample = VersionsSampled(entity="prices", key=(1,), columns=("a",), versions=(Version(values=(1,)),))
    assert printed(STARTED, sample, ProgressAdvanced(task="t", done=1, total=2)) == printed(STARTED)
