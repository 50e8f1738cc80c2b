"""What an exploration found can be seen in the lanes: the same order, and the same claims that do not hold after it."""

from __future__ import annotations

from labs.stream.events import OrdersExplored, StatementStarted, VerdictReached
from labs.workbench.runner import Runner
from tests.conftest import Heard


async def test_the_shortest_failing_order_fails_in_the_lanes_as_well(races: Runner, heard: Heard) -> None:
    await races.run("every_order", {"variant": "Double spend"})
    await heard.until(lambda: any(event.sampled is False for event in heard.of(OrdersExplored)))
    failing = [cell for cell in heard.of(OrdersExplored) if cell.failing is not None]
    assert failing
    for cell in failing:
        heard.clear()
        shown = await races.run(cell.experiment, {**cell.parameters, "order": cell.failing or "serial"})
        assert shown == "failed"
        turns = [event.session for event in heard.of(StatementStarted) if not event.sql.startswith("BEGIN")]
        assert "".join(turns).startswith(cell.failing or "")
        broken = {verdict.claim for verdict in heard.of(VerdictReached) if not verdict.holds}
        assert broken & set(cell.broken)
