"""How figures of several variants or levels are named in the evidence of one verdict."""

from __future__ import annotations


def key(title: str) -> str:
    """A title or an isolation level as one word: ``repeatable_read_snapshot_on``."""
    return title.lower().replace(",", "").replace(" ", "_")
