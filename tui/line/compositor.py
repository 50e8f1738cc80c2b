"""Textual's compositor, sending of a changed line only the cells that changed.

Textual crops an update of a line on its right, but begins it where the widget begins. On a slow line that is most of
what a live table costs.
"""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate, Compositor, CompositorMap


class NarrowUpdate(ChopsUpdate):
    """An update that is cropped on both sides."""

    def render_segments(self, console: Console) -> str:
        """The update as the terminal takes it."""
        pieces: list[str] = []
        for y, left, right in self.spans:
            for end, (start, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                first, last = max(start, left), min(end, right)
                if strip is not None and first < last:
                    pieces.append(Control.move_to(first, y).segment.text)
                    pieces.append(strip.crop(first - start, last - start).render(console))
        return "".join(pieces)


class NarrowCompositor(Compositor):
    """Makes narrow updates of what Textual finds changed."""

    @property
    def full_map(self) -> CompositorMap:
        """Where the latest layout has put everything.

        Textual arranges anew here, if a widget that is out of sight was to be repainted. The next layout then finds
        nothing changed, and what has come into sight is never painted.
        """
        self._full_map_invalidated = False
        return self._full_map

    def render_partial_update(self) -> ChopsUpdate | None:
        """What changed since the last update; none when nothing did."""
        update = super().render_partial_update()
        return NarrowUpdate(update.chops, update.spans, update.chop_ends) if update else None
