from __future__ import annotations

from labs.stream.events import (
    LatencySampled,
    LocksSampled,
    Noted,
    ProgressAdvanced,
    TableSampled,
    Version,
    VersionsSampled,
)
from labs.workbench.outbox import Outbox


def table(name: str, rows: int) -> TableSampled:
    return TableSampled(table=name, columns=(), key=(), rows=(), row_count=rows)


async def test_a_slow_reader_gets_every_fact_and_only_the_newest_sample() -> None:
    outbox = Outbox()
    outbox.emit(Noted(text="first"))
    for rows in range(100):
        outbox.emit(table("accounts", rows))
        outbox.emit(LocksSampled(waits=()))
        outbox.emit(ProgressAdvanced(task="load", done=rows, total=99))
    outbox.emit(table("ledger", 7))
    outbox.emit(Noted(text="last"))
    outbox.close()
    received = [event async for event in outbox.events()]
    assert [event.text for event in received if isinstance(event, Noted)] == ["first", "last"]
    assert [(e.table, e.row_count) for e in received if isinstance(e, TableSampled)] == [
        ("accounts", 99),
        ("ledger", 7),
    ]
    assert sum(isinstance(event, LocksSampled) for event in received) == 1
    assert [event.done for event in received if isinstance(event, ProgressAdvanced)] == [99]


async def test_of_each_entity_the_newest_versions_arrive_and_every_column_of_a_strip() -> None:
    def versions(entity: str, key: int, number: int) -> VersionsSampled:
        return VersionsSampled(entity=entity, key=(key,), columns=(), versions=(Version(values=()),) * number)

    outbox = Outbox()
    for number in range(3):
        outbox.emit(versions("prices", 1, number))
        outbox.emit(versions("prices", 2, number))
        outbox.emit(versions("accounts", 1, number))
        outbox.emit(
            LatencySampled(operation="writers", variant="v", seconds=0.2, count=number, median=None, worst=number)
        )
    outbox.close()
    received = [event async for event in outbox.events()]
    told = [(one.entity, one.key, len(one.versions)) for one in received if isinstance(one, VersionsSampled)]
    assert told == [("prices", (1,), 2), ("prices", (2,), 2), ("accounts", (1,), 2)]
    assert [one.count for one in received if isinstance(one, LatencySampled)] == [0, 1, 2]


async def test_times_never_go_back() -> None:
    outbox = Outbox()
    for number in range(50):
        outbox.emit(table(f"t{number % 3}", number))
        outbox.emit(Noted(text=str(number)))
    outbox.close()
    times = [event.t async for event in outbox.events()]
    assert times == sorted(times)
