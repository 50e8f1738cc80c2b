"""Writing to a terminal that may be slow, or gone: who paints never waits, and how much is on its way is known."""

from __future__ import annotations

import contextlib
import os
import select
import termios
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from math import inf
from time import monotonic
from typing import NamedTuple

PIECE_BYTES = 512
"""What is painted goes out in pieces of about this size; between two of them the rest can be given up."""
QUESTION = b"\x1b[6n"
"""Where the cursor is: what a terminal answers when it has taken everything before. Asked after every piece."""
ANSWER_S = 3.0
"""Without any answer for so long, none is waited for: the line may stand still, or the questions may be lost."""
TRUST = 3
"""After so many times in a row, a terminal is taken for one that answers none."""
FIRST_WINDOW_BYTES, LARGEST_WINDOW_BYTES = 4096, 65536
"""How much may be on its way, at first and on a fast line; the rest waits here, where it can still be given up."""
LONG_S, SHORT_S = 0.4, 0.1
"""Answers that take so much longer than the quickest one mean that less, or more, may be on its way."""
SETTLE_S = 1.0
"""How much longer than for its latest answer the terminal may take, once the screen closes, for those that it owes."""
LAST_S, FLUSHED_S = 1.5, 0.5
"""How long it may take for what restores it; after that, what it has not read is thrown away, and it is told again."""
CANCEL = b"\x18\x1b\\"
"""Ends a control string wherever it was cut off, so that it does not swallow what comes next; CAN, and ST for terminals
that know no other end."""


class _Piece(NamedTuple):
    data: bytes
    dispensable: bool = False
    within: bool = False
    """Whether it ends inside a control string."""


class Writer(threading.Thread):
    """Hands bytes to a terminal in order; who writes does not wait for it, only who closes does, and not for long."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(name="line", daemon=True)
        self._descriptor = descriptor
        self._pieces: deque[_Piece] = deque()
        self._changed = threading.Condition()
        self._ending = self._over = self._within = False
        self._last = b""
        """Everything that was to be written after the end was asked for."""
        self._handed = self._sent = self._gone = self._answered = 0
        """Bytes so far: to be written, begun to be written, written, and known to have arrived."""
        self._questions: deque[tuple[int, int, float]] = deque()
        """Of each question that awaits its answer: what had been sent with it, how much of that was on its way, and
        when it was written, which is never as long as it is not."""
        self._answered_at = 0.0
        self._latest_s = 0.0
        self._trust = 0
        self._window = FIRST_WINDOW_BYTES
        self._quickest_s = ANSWER_S

    @property
    def backlog(self) -> int:
        """Bytes that the terminal has not taken yet, as far as can be known."""
        with self._changed:
            return self._handed - self._arrived()

    @property
    def taken(self) -> int:
        """Bytes that the terminal has taken."""
        with self._changed:
            return self._arrived()

    def write(self, data: bytes, *, dispensable: bool = False) -> None:
        """Have it written; what is dispensable may be given up as long as it is not begun."""
        self._hand(_Piece(data, dispensable))

    def write_string(self, data: bytes) -> None:
        """Have a control string written, however long; it may be given up, also after its beginning."""
        for start in range(0, len(data), PIECE_BYTES):
            end = start + PIECE_BYTES
            self._hand(_Piece(data[start:end], dispensable=True, within=end < len(data)))

    def _hand(self, piece: _Piece) -> None:
        with self._changed:
            self._handed += len(piece.data)
            self._pieces.append(piece)
            if self._ending:
                self._last += piece.data
            self._changed.notify_all()

    def answered(self) -> None:
        """The terminal has answered, the oldest question by all that is known: no answer says which one it is to."""
        with self._changed:
            if not self._questions:  # This one comes too late to be waited for.
                return
            self._answered, on_its_way, asked_at = self._questions.popleft()
            self._answered_at = monotonic()
            self._trust = TRUST
            took_s = self._latest_s = max(self._answered_at - asked_at, 0.0)
            self._quickest_s = min(self._quickest_s, took_s)
            if took_s > self._quickest_s + LONG_S:
                self._window = max(int(on_its_way * LONG_S / took_s), PIECE_BYTES)
            elif took_s < self._quickest_s + SHORT_S:
                self._window = min(self._window * 2, LARGEST_WINDOW_BYTES)
            self._changed.notify_all()

    def end(self) -> None:
        """Ask nothing any more, and write nothing of what can be dispensed with."""
        with self._changed:
            self._ending = True
            self._handed -= sum(len(one.data) for one in self._pieces if one.dispensable)
            self._pieces = deque(one for one in self._pieces if not one.dispensable)
            if self._within:
                self._within = False
                self._handed += len(CANCEL)
                self._pieces.appendleft(_Piece(CANCEL))
            self._changed.notify_all()

    def settle(self) -> None:
        """Wait for the answers that the terminal owes, if it is one that answers: a shell would get them next."""
        with self._changed:
            longest = min(self._latest_s + SETTLE_S, ANSWER_S)
            if self._trust and not self._changed.wait_for(lambda: not self._questions, longest):
                self._throw_away(CANCEL, self._pieces)

    def finish(self) -> None:
        """Write the rest; where nobody reads it, throw away what has not been read, and restore the terminal anew."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        self.join(LAST_S)
        if self.is_alive():
            with self._changed:
                self._throw_away(CANCEL + self._last, ())
            self.join(FLUSHED_S)

    def _throw_away(self, data: bytes, rest: Iterable[_Piece]) -> None:
        """Take back what the terminal has not read, its questions too; these data and the rest are written then."""
        self._pieces = deque([_Piece(data), *rest])
        self._handed += len(data)
        with contextlib.suppress(termios.error):
            termios.tcflush(self._descriptor, termios.TCOFLUSH)

    def run(self) -> None:
        """Write until it is over; a terminal that is gone takes everything."""
        while piece := self._next():
            try:
                self._send(piece)
            except OSError:
                answers = False
            else:
                answers = True
            with self._changed:
                self._gone += len(piece)
                if not answers:
                    self._questions.clear()
                elif self._questions and self._questions[-1][2] == inf:
                    self._questions.append((*self._questions.pop()[:2], monotonic()))
                self._changed.notify_all()

    def _next(self) -> bytes:
        """What to write next, with a question where it is time for one; nothing when it is over."""
        with self._changed:
            while not (self._over or (self._pieces and self._room())):
                self._changed.wait(ANSWER_S if self._pieces else None)
            if not self._pieces:
                return b""
            data, _, self._within = self._pieces.popleft()
            self._sent += len(data)
            asked = self._questions[-1][0] if self._questions else self._answered
            if not (self._ending or self._within) and self._sent - asked >= PIECE_BYTES:
                data += QUESTION
                self._handed += len(QUESTION)
                self._sent += len(QUESTION)
                if not self._questions:
                    self._answered = self._gone
                self._questions.append((self._sent, self._sent - self._arrived(), inf))
            return data

    def _room(self) -> bool:
        return self._ending or not self._trust or self._sent - self._arrived() < self._window

    def _arrived(self) -> int:
        """What the terminal has taken: what it has answered for, or, when it owes no answer, what has been written."""
        if self._questions and monotonic() - max(self._questions[0][2], self._answered_at) > ANSWER_S:
            self._questions = deque(one for one in self._questions if one[2] == inf)
            self._answered = self._gone
            self._trust = max(self._trust - 1, 0)
        return self._answered if self._trust and self._questions else self._gone

    def _send(self, piece: bytes) -> None:
        while piece:
            try:
                piece = piece[os.write(self._descriptor, piece) :]
            except BlockingIOError:  # Another program has made the terminal, which they share, non-blocking.
                select.select([], [self._descriptor], [])


def pieces(data: bytes) -> Iterator[bytes]:
    """The data in pieces that each begin with a control sequence, so that none is ever cut."""
    start = 0
    while len(data) - start > PIECE_BYTES:
        end = data.rfind(b"\x1b[", start + 1, start + PIECE_BYTES)
        if end < 0:
            end = data.find(b"\x1b[", start + PIECE_BYTES)
        if end < 0:
            break
        yield data[start:end]
        start = end
    yield data[start:]
