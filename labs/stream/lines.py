"""Events and commands as lines of JSON, both ways."""

from __future__ import annotations

import msgspec

from labs.stream.commands import AnyCommand
from labs.stream.events import AnyEvent, Event

_encoder = msgspec.json.Encoder(enc_hook=str)
_event_decoder = msgspec.json.Decoder(AnyEvent)
_command_decoder = msgspec.json.Decoder(AnyCommand)

LINE_LIMIT_BYTES = 64 * 1024 * 1024
"""The longest line a reader must accept; a table sample with very large cells comes nowhere near it."""


class MalformedLineError(ValueError):
    """A line is no event, or no command, of this version of the stream."""


def encode(message: Event | AnyCommand) -> bytes:
    """One message as one line, newline included. Values that JSON has no word for become their text."""
    return _encoder.encode(message) + b"\n"


def decode_event(line: bytes | str) -> AnyEvent:
    """The event on a line; raises `MalformedLineError`."""
    try:
        event: AnyEvent = _event_decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedLineError(str(error)) from error
    return event


def decode_command(line: bytes | str) -> AnyCommand:
    """The command on a line; raises `MalformedLineError`."""
    try:
        command: AnyCommand = _command_decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedLineError(str(error)) from error
    return command
