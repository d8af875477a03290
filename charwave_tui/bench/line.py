"""The line between a person's terminal and the program: how much goes over it in a second, and how long it takes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from charwave_tui.bench.emulator import Emulator
from charwave_tui.bench.terminal import Terminal

PIECE = 256
"""Bytes that a slow line delivers at once."""


class Line:
    """Carries what `terminal` writes to `screen`, and keys and answers back; `rate` is in bytes/s, `delay` each way.

    Whatever the program writes is taken from it at once and waits in the line, as it does in the buffers of SSH.
    """

    def __init__(self, terminal: Terminal, screen: Emulator, rate: float = float("inf"), delay: float = 0.0) -> None:
        self._terminal, self.screen = terminal, screen
        self._rate, self._delay = rate, delay
        self._coming: deque[tuple[float, bytes]] = deque()
        self._going: deque[tuple[float, bytes]] = deque()
        self._free_at = 0.0
        self.delivered = 0
        """Bytes that have reached the screen."""

    def type(self, typed: bytes) -> None:
        """Press keys, or answer."""
        self._going.append((time.monotonic() + self._delay, typed))

    def carry(self, until: Callable[[], bool], within: float) -> bool:
        """Carry on until something is so; False where it was not after so many seconds, or the program is gone."""
        deadline = time.monotonic() + within
        while not self._terminal.gone:
            now = time.monotonic()
            while self._going and self._going[0][0] <= now:
                self._terminal.write(self._going.popleft()[1])
            while self._coming and self._coming[0][0] <= now:
                self._deliver(self._coming.popleft()[1])
            if until():
                return True
            if now >= deadline:
                return False
            due = [queue[0][0] for queue in (self._going, self._coming) if queue]
            self._take(self._terminal.read(min([deadline, *due]) - now))
        return False

    def rest(self, seconds: float) -> int:
        """Carry on for so many seconds; how many bytes reached the screen in them. Raises RuntimeError."""
        before = self.delivered
        self.carry(lambda: False, seconds)
        if self._terminal.gone:
            raise RuntimeError("the playground has closed by itself")
        return self.delivered - before

    def _take(self, written: bytes) -> None:
        size = PIECE if self._rate < float("inf") else max(len(written), 1)
        for start in range(0, len(written), size):
            piece = written[start : start + size]
            self._free_at = max(self._free_at, time.monotonic()) + len(piece) / self._rate
            self._coming.append((self._free_at + self._delay, piece))

    def _deliver(self, piece: bytes) -> None:
        self.delivered += len(piece)
        if answers := self.screen.feed(piece):
            self.type(answers)
