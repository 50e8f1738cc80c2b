"""Takes a scenario's permutations step by step, with isolationtester's rules for who is waited for, and when.

A step is sent when every earlier one has ended or waits for a lock of another session; who waits, the server says.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from labs.races.scenario.spec import AfterNotices, AfterStep, Permutation, ReportedLate, Session, Spec, Step, Turn
from labs.races.scenario.transcript import Transcript
from labs.workbench.circles import has_circle
from labs.workbench.engines.scripts import Answer, CopyAsked, Refusal, SendingError, Table
from labs.workbench.errors import USAGE, LabError
from labs.workbench.schedule import FIRST_POLL_S, SLOWEST_POLL_S
from labs.workbench.scripting import SETUP, ScriptBench, ScriptLane

MAX_STEP_WAIT_S = 360
"""isolationtester's patience with one step. Here it is what the transcript says when a step can never end; it is only
waited for where the scenario itself lets waits end by time."""

_TIMED = re.compile(r"\b(?!deadlock_)\w+_timeout\b|\bWAIT\s+\d", re.IGNORECASE)
"""With such words in its SQL, a scenario may end a wait by time."""

COPY = "It copies data from or to the client, which a step cannot."


class BrokenOffError(Exception):
    """The run ends here, as isolationtester's would; the text says why."""


@dataclass(slots=True)
class Tally:
    """What came of the permutations that were run."""

    ended: int = 0
    """How many were taken to their end as written."""
    impossible: dict[int, str] = field(default_factory=dict)
    """By a permutation's number, why it cannot happen."""
    waits: int = 0
    """Steps that waited for a lock."""
    refusals: Counter[str] = field(default_factory=Counter)
    """How often the server gave each of its codes."""


@dataclass(slots=True, eq=False)
class _Sent:
    """A step under way: sent, and not yet told as completed."""

    turn: Turn
    lane: ScriptLane
    running: asyncio.Task[list[Answer]]
    notices_due: Mapping[str, int]
    """By session, how many notices must have come before this is told as completed."""

    @property
    def step(self) -> Step:
        return self.turn.step


class Tester:
    """Runs permutations, one after the other, on the same connections."""

    def __init__(
        self, spec: Spec, bench: ScriptBench, transcript: Transcript, note: Callable[[str], None], tally: Tally
    ) -> None:
        self._spec = spec
        self._bench = bench
        self._transcript = transcript
        self._note = note
        self._tally = tally
        self._number = 0
        self._due: Step | None = None
        """The step whose turn it is; none when all have been sent."""
        self._timed = any(_TIMED.search(script) for script in spec.scripts)
        self._under_way: dict[str, _Sent] = {}
        """By session, the step that it is on."""
        self._waiting: list[_Sent] = []
        """Those told as waiting, in the order in which they were."""
        self._notices: Counter[str] = Counter()
        """By session, how many notices it has sent."""

    async def run(self, number: int, permutation: Permutation) -> None:
        """Take one permutation from its setup to its teardown.

        Raises:
            BrokenOffError: it cannot be taken to its end, and no other can be run after it.
            LabError: the file's SQL for setting up is refused, or a step wants to copy data.
        """
        self._number = number
        self._transcript.starting(permutation)
        for script in self._spec.setups:
            await self._around("The setup", self._bench.setup.run(script))
        for session in self._spec.sessions:
            if session.setup is not None:
                await self._prepare(session, session.setup)
        try:
            for turn in permutation:
                await self._take(turn)
            self._due = None
            await self._try_waiting(may_wait=False)
            if self._waiting:
                raise BrokenOffError(f"Each of {_names(self._waiting)} is to be told after another of them.")
        finally:
            for sent in self._under_way.values():
                sent.running.cancel()
            await asyncio.gather(*(sent.running for sent in self._under_way.values()), return_exceptions=True)
        await self._tear_down()
        self._tally.ended += number not in self._tally.impossible

    # Steps --------------------------------------------------------------------------------------------------

    async def _take(self, turn: Turn) -> None:
        self._due = step = turn.step
        while (earlier := self._under_way.get(step.session)) is not None:
            if await self._try(earlier, may_wait=False):
                self._waiting.remove(earlier)
            told = len(self._waiting)
            await self._try_waiting()
            if self._under_way.get(step.session) is earlier and len(self._waiting) == told:
                await self._something_moves(earlier)
        await self._bench.turn(step.session, step.sql)
        sent = await self._send(turn)
        ended = await self._try(sent, first=True)
        await self._try_waiting()
        if not ended:
            self._waiting.append(sent)

    async def _send(self, turn: Turn) -> _Sent:
        lane = self._bench.lanes[turn.step.session]
        due = {
            marker.step.session: self._notices[marker.step.session] + marker.notices
            for marker in turn.markers
            if isinstance(marker, AfterNotices)
        }
        sent = _Sent(turn, lane, asyncio.create_task(lane.run(turn.step.sql)), due)
        self._under_way[turn.step.session] = sent
        await asyncio.sleep(0)  # Let it go out before the next one does.
        return sent

    async def _try_waiting(self, *, may_wait: bool = True) -> None:
        """Tell every step that has ended meanwhile; one may let another be told, so again until none is."""
        again = True
        while again:
            told, noticed, marked = len(self._waiting), self._notices.total(), False
            for sent in list(self._waiting):
                if await self._try(sent, may_wait=may_wait):
                    self._waiting.remove(sent)
                else:
                    marked |= bool(sent.turn.markers)
            again = marked and (len(self._waiting) < told or self._notices.total() > noticed)

    async def _try(self, sent: _Sent, *, may_wait: bool = True, first: bool = False) -> bool:
        """Tell a step as completed; false when it waits for a lock, where it may, or its markers put it off.

        Args:
            first: whether it has not been told as waiting yet.
        """
        late = first and any(isinstance(marker, ReportedLate) for marker in sent.turn.markers)
        answered = not late and await self._answered(sent, may_wait=may_wait)
        if answered:
            self._tell_notices(sent.lane)
        elif not late:
            self._tally.waits += first
        if not answered or self._put_off(sent):
            if first:
                self._transcript.waiting(sent.step)
            return False
        answers = await self._answers(sent)
        self._transcript.ended(sent.step, answers, told_waiting=not first)
        self._tally.refusals.update(one.code for one in answers if isinstance(one, Refusal) and one.code)
        if CopyAsked() in answers:
            raise _refused(f"Step {sent.step.name}", COPY)
        names = {lane.pid: lane.name for lane in self._bench.lanes.values()}
        for notification in sent.lane.notifications():
            sender = names.get(notification.pid, f"PID {notification.pid}")
            self._transcript.notified(sent.lane.name, notification, sender)
        del self._under_way[sent.step.session]
        return True

    async def _answers(self, sent: _Sent) -> list[Answer]:
        try:
            return await sent.running
        except SendingError as error:
            self._transcript.not_sent(sent.step, str(error))
            await self._bench.still_there()
            raise BrokenOffError(
                f"{sent.step.name} could not be sent: an earlier step has ended session {sent.step.session}."
            ) from error

    def _put_off(self, sent: _Sent) -> bool:
        """Whether a step that has its answers must not be told as completed yet."""
        told_after = {marker.step for marker in sent.turn.markers if isinstance(marker, AfterStep)}
        return any(other.step in told_after for other in self._under_way.values()) or any(
            self._notices[session] < count for session, count in sent.notices_due.items()
        )

    def _tell_notices(self, lane: ScriptLane) -> None:
        for message in lane.notices:
            self._transcript.notice(lane.name, message)
        self._notices[lane.name] += len(lane.notices)
        lane.notices.clear()

    # Waits --------------------------------------------------------------------------------------------------

    async def _answered(self, sent: _Sent, *, may_wait: bool) -> bool:
        """Return true once a step has its answers; or false as soon as it waits for a lock, where it may.

        Where it may not, and nothing could end its wait, it is cancelled: the permutation cannot happen.
        """
        poll, began, cancelled = FIRST_POLL_S, asyncio.get_running_loop().time(), False
        while True:
            if not sent.running.done():
                await asyncio.wait({sent.running}, timeout=poll)
            waiting, stuck = await self._look() if not sent.running.done() else ({}, False)
            if sent.running.done():
                return True
            self._tell_notices(sent.lane)
            if sent.lane.name in waiting:
                sent.lane.show("waiting", waiting[sent.lane.name])
                if may_wait:
                    return False
            patient = self._timed and asyncio.get_running_loop().time() - began < MAX_STEP_WAIT_S
            if stuck and not may_wait and not cancelled and not patient:
                cancelled = True
                self._cannot_happen(sent, waiting[sent.lane.name])
                await self._bench.cancel(sent.lane.name)
            poll = min(poll * 2, SLOWEST_POLL_S)

    async def _look(self) -> tuple[Mapping[str, tuple[str, ...]], bool]:
        """Who waits for whom, and whether nothing moves any more but by a further step."""
        running = [one for one in self._under_way.values() if not one.running.done()]
        waiting = await self._bench.waiting()
        still = not any(one.running.done() or one.lane.name not in waiting for one in running)
        # Who waits in a circle is helped by the server: it refuses one of them.
        return waiting, still and not has_circle(waiting)

    async def _something_moves(self, sent: _Sent) -> None:
        """Wait while something may yet lead to this step, put off by its markers, being told as completed."""
        _, stuck = await self._look()
        if stuck and not self._timed:
            raise BrokenOffError(f"{sent.step.name} is to be told after a step that can never end.")
        running = {one.running for one in self._under_way.values() if not one.running.done()}
        if running:
            await asyncio.wait(running, timeout=SLOWEST_POLL_S, return_when=asyncio.FIRST_COMPLETED)

    def _cannot_happen(self, sent: _Sent, blockers: tuple[str, ...]) -> None:
        name, who = sent.step.name, " and ".join(blockers) or "another session"
        if self._due is None:
            why = f"at its end {name} still waits for {who}, and no step is left that could let it go."
        else:
            why = f"{self._due.name} is next, but its session still waits for {who} in {name}."
        self._tally.impossible.setdefault(self._number, why)
        self._note(f"Permutation {self._number} cannot happen: {why} {name} is cancelled.")
        self._transcript.cancelling(sent.step, MAX_STEP_WAIT_S)

    # Before and after ---------------------------------------------------------------------------------------

    async def _prepare(self, session: Session, script: str) -> None:
        what = f"The setup of session {session.name}"
        try:
            await self._around(what, self._bench.lanes[session.name].run(script), session)
        except SendingError as error:
            await self._bench.still_there()
            raise BrokenOffError(f"{what} could not be sent: an earlier step has ended the session.") from error

    async def _tear_down(self) -> None:
        for session in self._spec.sessions:
            if session.teardown is not None:
                script = self._bench.lanes[session.name].run(session.teardown)
                await self._tidy(f"The teardown of session {session.name}", script, session)
        if self._spec.teardown is not None:
            await self._tidy("The teardown", self._bench.setup.run(self._spec.teardown))

    async def _tidy(self, what: str, script: Awaitable[list[Answer]], session: Session | None = None) -> None:
        """A teardown that fails ends nothing; the next permutation will show what it has left."""
        try:
            await self._around(what, script, session)
        except LabError as error:
            self._note(f"{what} failed: {error.cause}")
        except SendingError:
            self._note(f"{what} could not be sent: a step has ended the session.")

    async def _around(self, what: str, script: Awaitable[list[Answer]], session: Session | None = None) -> None:
        """Run what is no step. As libpq's PQexec does, it looks at nothing but the last of several answers."""
        name = session.name if session is not None else SETUP
        running = asyncio.ensure_future(script)
        try:
            await asyncio.sleep(0)  # Mostly that is all it needs.
            while not running.done() and not (await asyncio.wait({running}, timeout=SLOWEST_POLL_S))[0]:
                blockers = (await self._bench.waiting()).get(name)
                if blockers is not None and not running.done() and not self._timed:
                    raise BrokenOffError(f"{what} waits for {' and '.join(blockers)}, whose transaction nothing ends.")
        finally:
            if running.cancel():
                await asyncio.wait({running})
        answers = running.result()
        if session is not None:
            self._tell_notices(self._bench.lanes[session.name])
        match answers[-1:]:
            case [Refusal(text)]:
                raise _refused(what, text)
            case [CopyAsked()]:
                raise _refused(what, COPY)
            case [Table() as table]:
                self._transcript.table(table)


def _names(steps: Sequence[_Sent]) -> str:
    return ", ".join(sent.step.name for sent in steps)


def _refused(what: str, why: str) -> LabError:
    return LabError(f"{what} failed", why, "Correct the scenario's SQL.", exit_status=USAGE)
