"""The anomalies, and what is promised about them."""

from __future__ import annotations

from labs.races.anomalies import deciding, dirty, reading

ALL = (*dirty.ALL, *reading.ALL, *deciding.ALL)
"""In the order of the literature, from what every level prevents to what only serializable does."""

BY_NAME = {anomaly.name: anomaly for anomaly in ALL}

STANDARD = "read uncommitted", "read committed", "repeatable read", "serializable"
"""The levels of the SQL standard, weakest first."""

PREVENTED_FROM = {
    dirty.DIRTY_WRITE: "read uncommitted",
    dirty.ABORTED_READ: "read committed",
    dirty.INTERMEDIATE_READ: "read committed",
    dirty.CIRCULAR_INFORMATION_FLOW: "read committed",
    reading.READ_SKEW: "repeatable read",
}
"""From which level on the SQL standard wants it prevented: no dirty write, no dirty read, no read that cannot be
repeated. All the rest, phantoms among it, it wants prevented at serializable."""

PERMITTED = {
    "read committed": deciding.LOST_UPDATE,
    "repeatable read": deciding.WRITE_SKEW,
    "repeatable read, snapshot off": deciding.LOST_UPDATE,
    "repeatable read, snapshot on": deciding.WRITE_SKEW,
}
"""By level the anomaly that surprises most, because the level's name sounds as if it were prevented."""


def promised(name: str, level: str) -> bool:
    """Whether the SQL standard wants that anomaly prevented at that level, whatever is said of snapshots."""
    least = STANDARD.index(PREVENTED_FROM.get(BY_NAME[name], "serializable"))
    return level.partition(",")[0] in STANDARD[least:]
