"""The replay screen: a recording, stepped through on the screen of its lab."""

from __future__ import annotations

import asyncio

from textual.message import Message

from labs.stream.events import ErrorReported
from tui.actions import bindings, keys_of
from tui.player import Player
from tui.screens.stage import Stage


class ReplayScreen(Stage):
    """One recording. It starts paused at its first step."""

    SCOPES = ("replay", "panes")
    BINDINGS = bindings("replay", "panes")

    class Left(Message):
        """The person has seen enough."""

    def __init__(self, player: Player) -> None:
        super().__init__(player)
        self._player = player

    def follow(self) -> None:
        """Say how it plays."""
        self.choices.playing, self.choices.speed = self._player.playing, self._player.speed
        super().follow()

    def lost(self, ended: str) -> ErrorReported:
        """What is wrong with the recording."""
        return ErrorReported(title="The recording cannot be replayed to its end", cause=ended, remedy="")

    async def at_step(self, step: int) -> None:
        """Show a step, counted from 0, as soon as all of the recording has been read."""
        await asyncio.wait({self._player.task})
        self._player.go(step)
        self.stream_moved(self._feed)  # The news of it may still be on their way.

    def action_forward(self) -> None:
        """Show the next step; what plays is paused instead."""
        if self._player.playing:
            self._player.pause()
        else:
            self._to(self._player.at + 1)

    def action_backward(self) -> None:
        """Show the step before."""
        self._to(self._player.at - 1)

    def action_play(self) -> None:
        """Go on by itself, or pause."""
        self.forget_refusal()
        if self._player.playing:
            self._player.pause()
        elif not self._player.in_past:
            self._to(self._player.tape.steps)
        else:
            self._player.play()

    def action_speed(self, by: int) -> None:
        """Play faster, or slower."""
        self.forget_refusal()
        self._player.change_speed(by)
        self.tell(f"It plays at {self._player.speed:g} times the speed it was recorded at.")

    def action_from_start(self) -> None:
        """Show the first step."""
        self._to(0)

    def action_to_end(self) -> None:
        """Show the last step."""
        self._to(self._player.tape.steps)

    def action_recorded(self, by: int) -> None:
        """Show where another experiment begins."""
        self._player.pause()
        self.forget_refusal()
        if not self._player.go_to_run(by):
            self.refuse(f"There is no experiment {'after' if by > 0 else 'before'} this in the recording.")

    def action_cell(self, by: int) -> None:
        """Go to another cell of the chosen table."""
        self.move_cell(by, 0)

    def action_deaf(self) -> None:
        """Answer a key of the live screen."""
        self.refuse(
            f"This is a recording, with no server behind it. {keys_of('forward')} shows the next step, "
            f"{keys_of('help')} every key."
        )

    def action_stop(self) -> None:
        """Go back to all panes, or else leave."""
        if self._body.zoomed:
            self.action_zoom()
            return
        self.post_message(self.Left())

    def _to(self, step: int) -> None:
        self._player.pause()
        self.forget_refusal()
        if not self._player.over:
            self.refuse("The recording is still being read.")
        elif step > self._player.at and not self._player.in_past:
            self.refuse(
                f"This is the end of the recording: {keys_of('backward')} goes back, {keys_of('from_start')} starts "
                f"again, {keys_of('stop')} leaves."
            )
        elif step <= self._player.at == 0:
            self.refuse(f"This is the first step of the recording: {keys_of('forward')} goes on.")
        else:
            self._player.go(step)
