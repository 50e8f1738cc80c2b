"""A circle of dependencies as a line of text, the same on paper and on the screen."""

from __future__ import annotations

from labs.stream.events import Dependency


def drawn(cycle: tuple[Dependency, ...]) -> str:
    """Each transaction with an arrow to the one that comes after it: ``A ─rw(x)→ B ─rw(y)→ A``; empty for none."""
    if not cycle:
        return ""
    return "".join(f"{edge.source} ─{edge.kind}({edge.item})→ " for edge in cycle) + cycle[-1].target
