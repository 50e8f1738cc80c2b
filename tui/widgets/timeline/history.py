"""An entity's versions on one line of time: which was in effect when. Pure."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from math import inf, isfinite

from labs.stream.events import Version, VersionsSampled
from tui.widgets.timeline.moments import Place, Scale, place


@dataclass(frozen=True, slots=True)
class Lane:
    """A version and its bar, from its start to its end, the end excluded."""

    version: Version
    start: Place
    end: Place
    placed: bool
    """Whether both ends are moments; one of which they are not has no bar."""
    superseded: bool
    """Whether the database believes something else today."""
    believed: Place
    """Since when it stands in the database, where there is such a time beside that of the bars."""

    @property
    def empty(self) -> bool:
        """Whether it was in effect at no moment."""
        return self.placed and self.start >= self.end

    @property
    def counts(self) -> bool:
        """Whether it can be the row as it was."""
        return self.placed and not self.superseded and not self.empty


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """All versions of an entity in the order of their starts."""

    valid: bool
    """Whether the bars are of valid time; otherwise they are of system time."""
    bitemporal: bool
    scale: Scale
    system: Scale
    lanes: tuple[Lane, ...]
    moments: tuple[Place, ...]
    """Where a cursor can be: before everything, at each change of what is in effect, after everything."""
    bounds: tuple[Place, ...]
    """Where bars begin and end."""

    def position(self, chosen: Place) -> int:
        """Of the moments, the latest that is not after the one chosen."""
        return max(bisect_right(self.moments, chosen) - 1, 0)

    def at(self, moment: Place) -> list[int]:
        """The lanes in effect, the one that the database learnt of last being the last."""
        found = [at for at, lane in enumerate(self.lanes) if lane.counts and _covers(lane, moment)]
        return sorted(found, key=lambda at: (self.lanes[at].believed, self.lanes[at].start, at))

    def before(self, number: int) -> Version | None:
        """The version that was in effect before this one."""
        start = self.lanes[number].start
        earlier = [lane for lane in self.lanes[:number] if lane.counts and lane.start < start]
        return earlier[-1].version if earlier else None

    def absence(self, moment: Place) -> str:
        """Why no row was in effect, in words."""
        counting = [lane for lane in self.lanes if lane.counts]
        if not counting:
            return "no version counts today" if self.lanes else "it has no version"
        first, last = min(lane.start for lane in counting), max(lane.end for lane in counting)
        if moment < first:
            return "not born yet"
        if moment >= last:
            return f"deleted since {self.scale.write(last)}"
        gone = max(lane.end for lane in counting if lane.end <= moment)
        back = min(lane.start for lane in counting if lane.start > moment)
        return f"a gap from {self.scale.write(gone)} to {self.scale.write(back)}"


def history(sampled: VersionsSampled) -> History:
    """The versions that were sampled, whatever order they came in; of one event always the same object."""
    return _history(_Same(sampled))


@dataclass(frozen=True, slots=True, eq=False)
class _Same:
    """An event, known by what it is and not by what it says: that may be megabytes."""

    event: VersionsSampled

    def __hash__(self) -> int:
        return id(self.event)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.event is other.event


@lru_cache(maxsize=8)
def _history(of: _Same) -> History:
    versions = of.event.versions
    valid = any(one.valid_from is not None or one.valid_to is not None for one in versions)
    has_system = any(one.system_from is not None or one.system_to is not None for one in versions)
    lanes = sorted(
        (_lane(one, valid=valid, bitemporal=valid and has_system) for one in versions),
        key=lambda lane: (not lane.placed, lane.start, lane.end, lane.believed),
    )
    bounds = {end for lane in lanes if lane.placed for end in (lane.start, lane.end) if isfinite(end)}
    changes = {end for lane in lanes if lane.counts for end in (lane.start, lane.end) if isfinite(end)}
    system = Scale.of(end for one in versions for end in (one.system_from, one.system_to))
    return History(
        valid=valid,
        bitemporal=valid and has_system,
        scale=Scale.of(end for one in versions for end in (one.valid_from, one.valid_to)) if valid else system,
        system=system,
        lanes=tuple(lanes),
        moments=(-inf, *sorted(changes), inf),
        bounds=tuple(sorted(bounds)),
    )


def _lane(version: Version, *, valid: bool, bitemporal: bool) -> Lane:
    ends = (version.valid_from, version.valid_to) if valid else (version.system_from, version.system_to)
    start, end = place(ends[0], -inf), place(ends[1], inf)
    if ends[0] is not None and ends[0] == ends[1]:
        # The same at both ends is an empty range, also where it is no moment.
        start = end = inf if start is None else start
    believed_from = place(version.system_from, -inf) if bitemporal else -inf
    believed_to = place(version.system_to, inf) if bitemporal else inf
    return Lane(
        version,
        start=inf if start is None else start,
        end=inf if end is None else end,
        placed=start is not None and end is not None,
        superseded=believed_to is not None and believed_to < inf,
        believed=-inf if believed_from is None else believed_from,
    )


def _covers(lane: Lane, moment: Place) -> bool:
    """An open end covers what is beyond everything."""
    return lane.start <= moment and (moment < lane.end or lane.end == inf == moment)
