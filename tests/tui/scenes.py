"""Every state of the screen that there is a picture of, and the way there."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from textual.pilot import Pilot

from labs.stream.events import (
    AnyEvent,
    ErrorReported,
    ExperimentEnded,
    LocksSampled,
    LockWait,
    ScheduleChanged,
    SessionChanged,
    VerdictReached,
)
from tests.tui import test_chart, test_strip
from tests.tui.pictures import at_rest
from tests.tui.screens import running
from tests.tui.streams import Script, ending, opening, recording, started, waiting, whole_run
from tests.tui.test_resume import three_steps
from tests.tui.test_screens import lab
from tests.tui.test_shelf import at, kept
from tests.tui.test_surveys import EXPLORED, ON_MARIADB, measured
from tests.tui.test_timeline import PRICES

OPEN = "5 enter"
RUN = (*started(), *waiting(), *ending())
NO_SERVER = ErrorReported(title="No PostgreSQL", cause="The wheel is broken.", remedy="Reinstall it.")
WRITTEN = datetime(2026, 1, 1, 9, 30, tzinfo=UTC)
"""When the recordings were."""
LOST = ErrorReported(
    t=9.0,
    title="The server ended the session",
    cause="An administrator has terminated the backend of session B.",
    remedy="Roll back, then run the experiment again.",
    sqlstate="57P01",
    sql="UPDATE accounts SET balance = 20 WHERE id = 1",
)
FULL_SHELF = {"a": at(2, whole_run()), "b": at(3, three_steps()), "c": []}


def passed() -> list[AnyEvent]:
    """The run once more, with a happy end."""
    happy = ending()[:8]
    return [
        *started(),
        *waiting(),
        *happy,
        VerdictReached(t=8.2, claim="one transfer is refused", holds=True, evidence={"refusals": 1}),
        VerdictReached(t=8.2, claim="ledger equals balances", holds=True, evidence={"ledger": 90, "balances": 90}),
        ExperimentEnded(t=8.3, experiment="double_spend", outcome="passed", seconds=6.3),
    ]


def deadlock() -> list[AnyEvent]:
    """A now wants what B has."""
    waits = (
        LockWait(waiter="B", blocker="A", mode="ShareLock", object="transaction 812", milliseconds=700),
        LockWait(waiter="A", blocker="B", mode="ShareLock", object="transaction 813", milliseconds=200),
    )
    return [
        *started(),
        *waiting(),
        SessionChanged(t=4, session="A", state="waiting", backend_pid=4711, in_transaction=True, waiting_for=("B",)),
        LocksSampled(t=4.2, waits=waits),
        ScheduleChanged(t=4.3, suggested=None, steppable=(), step=4),
    ]


def load() -> list[AnyEvent]:
    """Progress, a latency strip with stalls, and bars, in a run that goes on."""
    columns = (
        [test_strip.column(4)] * 20 + [test_strip.column(3000), test_strip.stuck(400)] + [test_strip.column(9)] * 8
    )
    run = test_chart.run(*test_chart.RATES, *columns)[:-1]
    return [*run, *(test_chart.advanced(t, done) for t, done in ((3, 0), (4, 8), (5, 12), (6, 12), (8, 20)))]


@dataclass(frozen=True)
class Scene:
    """Where keys lead to, and the words that must be there at every size."""

    words: tuple[str, ...]
    keys: tuple[str, ...] = ()
    """Those in one string are pressed one right after the other."""
    events: Sequence[AnyEvent] = ()
    """What the lab has to say once it is open."""
    before: Sequence[AnyEvent] = field(default_factory=opening)
    """What its process says before it."""
    replay: Sequence[AnyEvent] = ()
    """What is shown in the place of a lab."""
    shelf: dict[str, list[AnyEvent]] = field(default_factory=dict)
    """Recordings, by name."""
    newcomer: bool = False
    sizes: tuple[tuple[int, int], ...] = ((80, 24), (120, 40), (200, 50))


SCENES = {
    "catalogue-ready": Scene(("1  Migrations", "5  Races", "9  Scale", "● PostgreSQL 18.6 ready", "Enter open it")),
    "catalogue-first-time": Scene(("9  Scale", "First time here? T shows you round"), newcomer=True),
    "catalogue-server-starting": Scene(("9  Scale", "… PostgreSQL starting"), before=opening()[:2]),
    "catalogue-recordings": Scene(
        ("3 recordings", "stopped at step 4", "b goes on", "B forgets it", "✗ unreadable", "as meant"), shelf=FULL_SHELF
    ),
    "catalogue-recording-chosen": Scene(("▌ 02 Jan 10:00", "T tour"), ("tab", "down"), shelf=FULL_SHELF),
    "catalogue-not-built": Scene(("· not built yet", "Not built yet: it cannot be opened."), ("1",)),
    "catalogue-refusal": Scene((" ! Migrations is not built yet, so it cannot be opened.",), ("1", "enter")),
    "catalogue-no-server": Scene(("✗ no server", "✗ No PostgreSQL", "Reinstall it."), before=[NO_SERVER]),
    "lab-opened": Scene(("Races › Double spend", "LIVE", "NEXT Space start", "[Why]"), (OPEN,)),
    "lab-stepped": Scene(("NEXT 1", "Space: A runs SELECT balance", "A 4711", "B 4712"), (OPEN,), started()),
    "lab-lane-chosen": Scene(("►B 4712",), (OPEN, "right right"), started()),
    "lab-waits": Scene(("B waits for A", "[Locks]", "▷ COMMIT"), (OPEN,), [*started(), *waiting()]),
    "lab-deadlock": Scene(("! DEADLOCK", "A → B → A", "A waits for B"), (OPEN,), deadlock()),
    "lab-failed": Scene(("✗ DOES NOT HOLD  no balance below zero", "✗ VERDICT", "[Verdict]"), (OPEN,), RUN),
    "lab-passed": Scene(("✓ HOLDS  one transfer is refused", "✓ VERDICT", "[Verdict]"), (OPEN,), passed()),
    "lab-another-experiment": Scene(("Races › Lock the row", "NEXT Space start", "[Why]"), (OPEN, "n")),
    "lab-another-after-a-run": Scene(("Races › Lock the row", "Last run: Double spend, failed."), (OPEN, "n"), RUN),
    "lab-refusal": Scene((" ! Nothing is running.",), (OPEN, "c")),
    "lab-table": Scene(("[Table]", "alice", "-60", "! BROKEN  no balance below zero"), (OPEN, "t"), RUN),
    "lab-sql": Scene(("[SQL]", "COMMIT"), (OPEN, "s"), RUN),
    "lab-orders": Scene(("[Orders]", "✗ 38/40", "✓ 0/40", "NEXT Enter"), (OPEN, "down"), [*EXPLORED, *ON_MARIADB]),
    "lab-anomalies": Scene(("[Anomalies]", "✗ occurs", "✓ 40001", "prevented by"), (OPEN, "right"), measured()[6:]),
    "lab-chart": Scene(("[Chart]", "20 of 30 rounds", "payments/s", "c cancels", "stall"), (OPEN, "C"), load()),
    "lab-versions": Scene(("[Versions]", "As of 2024-09-01", "○ no row: a gap"), (OPEN, "V left"), [PRICES]),
    "lab-error": Scene(("[Error]", "✗ ERROR", "57P01", "NEXT"), (OPEN,), [*started(), *waiting(), LOST]),
    "lab-zoomed": Scene(("[Table]", "zoomed", "alice"), (OPEN, "t z"), RUN),
    "lab-past": Scene(("PAST 4/8", "B waits for A"), (OPEN, "comma " * 4), RUN),
    "lab-tour": Scene(("TOUR 2/12", "(T ends"), ("T", OPEN)),
    "replay-start": Scene(("REPLAY 1/8", "NEXT 2/8"), replay=whole_run()),
    "replay-playing": Scene(("REPLAY 4/8", "PLAYING", "B waits for A"), ("space space space", "a"), replay=whole_run()),
    "replay-end": Scene(("REPLAY 8/8", "END", "✗ DOES NOT HOLD"), ("G",), replay=whole_run()),
    "keys-of-the-catalogue": Scene((" Keys ", "Open the selected lab."), ("question_mark",)),
    "keys-of-a-lab": Scene((" Keys ", "Esc closes"), (OPEN, "question_mark")),
    "set-up": Scene(("Double spend  (1 of 2)", "READ COMMITTED", "Esc closes"), (OPEN, "e")),
    "roll-back": Scene(("Roll back", "y yes, roll it back", "Enter no"), (OPEN, "u"), RUN),
    "reset": Scene(("Reset", "accounts (2 rows)", "type r to reset"), (OPEN, "R"), RUN),
    "leave": Scene(("Leave", "rolled back: A, B", "Enter no, stay here"), (OPEN, "escape"), [*started(), *waiting()]),
    "export": Scene(("Export", "markdown", "Esc closes"), (OPEN, "x"), RUN),
    "delete-recording": Scene(("b.jsonl is deleted", "type d to delete it"), ("tab", "D"), shelf=FULL_SHELF),
    "too-small": Scene(("needs 60×16",), (OPEN,), sizes=((59, 15),)),
}


@asynccontextmanager
async def at_scene(scene: Scene, folder: Path, size: tuple[int, int]) -> AsyncIterator[tuple[Pilot[None], Script]]:
    """The app where the scene's keys have led it."""
    script = recording([*scene.replay]) if scene.replay else lab(*scene.events)
    if scene.before != opening():
        script = Script(scene.before)
    shelf = kept(folder, **scene.shelf) if scene.shelf else None
    for name in scene.shelf:
        os.utime(folder / f"{name}.jsonl", (WRITTEN.timestamp(),) * 2)
    scripts, replay = ((), script) if scene.replay else ((script,), None)
    async with running(*scripts, size=size, replay=replay, recordings=shelf) as pilot:
        await at_rest(pilot, script)
        for key in scene.keys:
            await pilot.press(*key.split())
            await at_rest(pilot, script)
        yield pilot, script
