"""What comes from the terminal: keys, clicks, answers; and bytes that mean nothing, which are dropped."""

from __future__ import annotations

import os
import select
import threading
from codecs import getincrementaldecoder
from collections.abc import Generator, Iterator

from textual._parser import Peek1, Read1, TokenCallback
from textual._xterm_parser import XTermParser
from textual.message import Message

WAIT_S = 0.1
"""How often to see whether enough has been read, and whether an Escape was a key of its own."""
READ_BYTES = 4096


class Parser(XTermParser):
    """Textual's parser, beginning anew after a sequence that it cannot take, as one with a number beyond all bounds."""

    def parse(self, token_callback: TokenCallback) -> Generator[Read1 | Peek1, str, None]:  # type: ignore[type-arg]
        """Hand over what is in the characters that it is sent."""
        while not self.is_eof:
            try:
                yield from super().parse(token_callback)
            except (ValueError, OverflowError):
                continue


def messages(descriptor: int, enough: threading.Event) -> Iterator[Message]:
    """What is typed and told, until there is enough of it or the terminal is gone."""
    parser = Parser()
    decode = getincrementaldecoder("utf-8")("replace").decode
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while not enough.is_set():
        if poll.poll(WAIT_S * 1000):
            try:
                data = os.read(descriptor, READ_BYTES)
            except BlockingIOError:  # Another program has made the terminal non-blocking, and been quicker.
                continue
            except OSError:
                return
            if not data:
                return
            if characters := decode(data):
                yield from parser.feed(characters)
        yield from parser.tick()
