"""The speed of the line to the terminal, measured by the terminal's replies, and when the next frame may be written.

Each frame ends with a request that every terminal replies to: its cursor's position. A frame without a reply is still
in transit; little may be added to it, or keys would wait behind frames that are already outdated.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

CURSOR_POSITION_REQUEST = "\x1b[6n"
MAX_WINDOW_BYTES, MIN_WINDOW_BYTES = (
    2_048,
    128,
)  # bytes in transit with which a frame may still go, on a fast and on a slow line
MAX_EXTRA_DELAY = 0.15  # over the shortest recent delay: the line is full
SLOW_LINE_COUNT, SLOW_LINE_SECONDS = 3, 30.0  # a line is slow that was full so many times in so many seconds
REPLY_TIMEOUT, FIRST_REPLY_TIMEOUT = (
    2.0,
    0.2,
)  # until a reply is given up; the latter while the terminal has never replied
RATE_WINDOW = 5.0  # over which bytes per second are counted


class Frame(NamedTuple):
    """A frame of `size` bytes written at `sent` (seconds), with `load` bytes in transit including its own."""

    sent: float
    size: int
    load: int


class FramePacer:
    """Bytes in transit to the terminal, with a window that shrinks when replies come late; `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._in_transit: deque[Frame] = deque()
        self._sent: deque[Frame] = deque()
        self._delays: deque[tuple[float, float]] = deque()
        self._full_at: deque[float] = deque()
        self._window_bytes = MAX_WINDOW_BYTES
        self._has_replied = False

    @property
    def is_slow(self) -> bool:
        """Whether the line was full repeatedly in the last seconds."""
        while self._full_at and self._full_at[0] < self._clock() - SLOW_LINE_SECONDS:
            self._full_at.popleft()
        return len(self._full_at) >= SLOW_LINE_COUNT

    @property
    def bytes_per_second(self) -> float:
        while self._sent and self._sent[0].sent < self._clock() - RATE_WINDOW:
            self._sent.popleft()
        return sum(frame.size for frame in self._sent) / RATE_WINDOW

    def frame_sent(self, size: int) -> None:
        """Note that a frame of so many bytes, its request included, was written."""
        frame = Frame(self._clock(), size, size + self._load())
        self._in_transit.append(frame)
        self._sent.append(frame)

    def reply_received(self) -> None:
        """Note the reply to the oldest request; a request that was given up may still get one."""
        self._has_replied = True
        if not self._in_transit:
            return
        now = self._clock()
        frame = self._in_transit.popleft()
        delay = now - frame.sent
        while self._delays and self._delays[0][0] < now - SLOW_LINE_SECONDS:
            self._delays.popleft()
        self._delays.append((now, delay))
        if delay - min(earlier for _, earlier in self._delays) <= MAX_EXTRA_DELAY:
            self._window_bytes = min(self._window_bytes + MIN_WINDOW_BYTES, MAX_WINDOW_BYTES)
        elif frame.load <= MAX_WINDOW_BYTES:  # a larger load is late on a good line too
            self._window_bytes = max(self._window_bytes // 2, MIN_WINDOW_BYTES)
            self._full_at.append(now)

    def seconds_to_wait(self) -> float:
        """Return the seconds until a frame may go even without a reply; 0 if it may go now."""
        if self._load() <= self._window_bytes:
            return 0.0
        waited = self._clock() - self._in_transit[-1].sent
        timeout = REPLY_TIMEOUT if self._has_replied else FIRST_REPLY_TIMEOUT
        if waited < timeout:
            return timeout - waited
        self._has_replied = bool(self._delays)
        self._in_transit.clear()
        return 0.0

    def _load(self) -> int:
        return sum(frame.size for frame in self._in_transit)
