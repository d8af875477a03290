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


class LateReply(NamedTuple):
    """A reply that came late `at` (seconds): `load` bytes took `extra` seconds more than the quickest replies."""

    at: float
    load: int
    extra: float


class Frame(NamedTuple):
    """A frame of `size` bytes written at `sent` (seconds), with `load` bytes in transit including its own."""

    sent: float
    size: int
    load: int


class FramePacer:
    """Bytes in transit to the terminal, with a window that shrinks when replies come late; `clock` is in seconds.

    A line is slow if replies came late repeatedly and none in time for as many bytes: on a busy machine, too, some
    come late, but whatever the number of bytes. Without `measures_line` the replies do not come from its far end.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._in_transit: deque[Frame] = deque()
        self._delays: deque[tuple[float, float]] = deque()
        self._late: deque[LateReply] = deque()
        self._window_bytes = MAX_WINDOW_BYTES
        self._has_replied = False
        self.measures_line = True

    @property
    def is_slow(self) -> bool:
        """Whether the line was full repeatedly in the last seconds."""
        while self._late and self._late[0].at < self._clock() - SLOW_LINE_SECONDS:
            self._late.popleft()
        return self.measures_line and len(self._late) >= SLOW_LINE_COUNT

    @property
    def bytes_per_second(self) -> float:
        """The speed of a slow line, by the late replies; 0 on one that is not slow."""
        return max((late.load / late.extra for late in self._late), default=0.0) if self.is_slow else 0.0

    def frame_sent(self, size: int) -> None:
        """Note that a frame of so many bytes, its request included, was given to the terminal's driver."""
        self._in_transit.append(Frame(self._clock(), size, size + self._load()))

    def reply_received(self, delay: float | None = None) -> None:
        """Note the reply to the oldest request, `delay` seconds after it was written; None: since it was sent.

        A request that was given up may still get a reply.
        """
        self._has_replied = True
        if not self._in_transit:
            return
        now = self._clock()
        frame = self._in_transit.popleft()
        if delay is None:
            delay = now - frame.sent
        while self._delays and self._delays[0][0] < now - SLOW_LINE_SECONDS:
            self._delays.popleft()
        self._delays.append((now, delay))
        extra = delay - min(earlier for _, earlier in self._delays)
        if extra <= MAX_EXTRA_DELAY:
            self._window_bytes = min(self._window_bytes + MIN_WINDOW_BYTES, MAX_WINDOW_BYTES)
            self._late = deque(late for late in self._late if late.load > frame.load)
        elif frame.load <= MAX_WINDOW_BYTES:  # a larger load is late on a good line too
            self._window_bytes = max(self._window_bytes // 2, MIN_WINDOW_BYTES)
            self._late.append(LateReply(now, frame.load, extra))

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
