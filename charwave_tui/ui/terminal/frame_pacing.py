"""How fast the line to the terminal is, told by the terminal's answers, and so when the next frame may go.

Each frame ends with a question that every terminal answers: where its cursor is. What was not answered yet is still
under way; little must be added to it, or keys would wait behind frames that nobody needs any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

CURSOR_POSITION_REQUEST = "\x1b[6n"
"""Asks the terminal where its cursor is."""


WIDEST, NARROWEST = 2_048, 128
"""Bytes under way with which a frame may still go: on a quick line, and on one that is slow to answer."""


LATE = 0.15
"""Seconds beyond the quickest answer of late after which an answer says that the line is full."""


SLOW, LASTING = 3, 30.0
"""A line is slow that was full so often in so many seconds."""


PATIENCE, UNANSWERED = 2.0, 0.2
"""Seconds after which an answer is given up, and the same as long as the terminal has never answered."""


SPAN = 5.0
"""Seconds over which bytes/s are counted."""


class Frame(NamedTuple):
    """A frame of `size` bytes that went at the moment `sent`, when `load` bytes were under way, itself included."""

    sent: float
    size: int
    load: int


class FramePacer:
    """What is under way to the terminal; `clock` tells seconds."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._under_way: deque[Frame] = deque()
        self._sent: deque[Frame] = deque()
        self._delays: deque[tuple[float, float]] = deque()
        self._full: deque[float] = deque()
        self._window = WIDEST
        self._answers = False

    @property
    def slow(self) -> bool:
        """Whether frames have had to wait for the line again and again."""
        while self._full and self._full[0] < self._clock() - LASTING:
            self._full.popleft()
        return len(self._full) >= SLOW

    @property
    def bytes_per_second(self) -> float:
        """What was sent of late, in a second."""
        while self._sent and self._sent[0].sent < self._clock() - SPAN:
            self._sent.popleft()
        return sum(frame.size for frame in self._sent) / SPAN

    def sent(self, size: int) -> None:
        """Note a frame of so many bytes, with its question."""
        frame = Frame(self._clock(), size, size + self._load())
        self._under_way.append(frame)
        self._sent.append(frame)

    def answered(self) -> None:
        """Note the answer to the oldest question; one that was given up may be answered after all."""
        self._answers = True
        if not self._under_way:
            return
        now = self._clock()
        frame = self._under_way.popleft()
        delay = now - frame.sent
        while self._delays and self._delays[0][0] < now - LASTING:
            self._delays.popleft()
        self._delays.append((now, delay))
        if delay - min(known for _, known in self._delays) <= LATE:
            self._window = min(self._window + NARROWEST, WIDEST)
        elif frame.load <= WIDEST:  # more takes its time on a good line too
            self._window = max(self._window // 2, NARROWEST)
            self._full.append(now)

    def wait(self) -> float:
        """Seconds until a frame may go even if no answer comes; 0 where it may now."""
        if self._load() <= self._window:
            return 0.0
        since = self._clock() - self._under_way[-1].sent
        patience = PATIENCE if self._answers else UNANSWERED
        if since < patience:
            return patience - since
        self._answers = bool(self._delays)
        self._under_way.clear()
        return 0.0

    def _load(self) -> int:
        return sum(frame.size for frame in self._under_way)
