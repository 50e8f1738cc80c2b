"""The replay screen: a recording, stepped through on the screen of its lab."""

from __future__ import annotations

from textual.message import Message

from labs.stream.events import ErrorReported
from tui.actions import bindings
from tui.player import Player
from tui.screens.stage import Stage


class ReplayScreen(Stage):
    """One recording. It starts paused at its first step; there is nothing beneath it."""

    SCOPES = ("replay", "panes")
    BINDINGS = bindings("replay", "panes")

    class Left(Message):
        """The person has seen enough."""

    def __init__(self, player: Player) -> None:
        super().__init__(player)
        self._player = player

    def follow(self) -> None:
        """Say which step is shown."""
        choices, player = self.choices, self._player
        choices.step, choices.steps = player.at + 1, player.steps
        choices.playing, choices.coming = player.playing, player.coming
        super().follow()

    def lost(self, ended: str) -> ErrorReported:
        """What is wrong with the recording."""
        return ErrorReported(title="The recording cannot be replayed to its end", cause=ended, remedy="")

    def action_forward(self) -> None:
        """Show the next step; what plays is paused instead."""
        if self._player.playing:
            self._player.pause()
        elif self._player.over and not self._player.coming:
            self.refuse("This is the end of the recording: ← goes back, g starts again, q leaves.")
        else:
            self.forget_refusal()
            self._player.go(self._player.at + 1)

    def action_backward(self) -> None:
        """Show the step before."""
        self._to(self._player.at - 1)

    def action_play(self) -> None:
        """Go on by itself, or pause."""
        self.forget_refusal()
        if self._player.playing:
            self._player.pause()
        else:
            self._player.play()

    def action_from_start(self) -> None:
        """Show the first step."""
        self._to(0)

    def action_to_end(self) -> None:
        """Show the last step."""
        self._to(self._player.steps)

    def action_recorded(self, by: int) -> None:
        """Show where another experiment begins."""
        self._player.pause()
        self.forget_refusal()
        self._player.go_to_run(by)

    def action_cell(self, by: int) -> None:
        """Go to another cell of the chosen table."""
        self.move_cell(by, 0)

    def action_deaf(self) -> None:
        """Answer a key of the live screen."""
        self.refuse("This is a recording, with no server behind it. Space shows the next step, ? every key.")

    def action_stop(self) -> None:
        """Leave."""
        self.post_message(self.Left())

    def _to(self, step: int) -> None:
        self._player.pause()
        self.forget_refusal()
        self._player.go(step)
