"""When the next frame may go, on a simulated clock."""

from __future__ import annotations

import pytest

from charwave_tui.ui.terminal.frame_pacing import (
    FIRST_REPLY_TIMEOUT,
    MAX_WINDOW_BYTES,
    MIN_WINDOW_BYTES,
    REPLY_TIMEOUT,
    SLOW_LINE_COUNT,
    SLOW_LINE_SECONDS,
    FramePacer,
)


class ManualClockPacer(FramePacer):
    """A pacer with its own clock and chosen reply delays."""

    now = 100.0

    def __init__(self) -> None:
        super().__init__(lambda: self.now)

    def exchange(self, count: int, delay: float) -> None:
        self.frame_sent(count)
        self.now += delay
        self.reply_received()


@pytest.fixture
def pacer() -> ManualClockPacer:
    return ManualClockPacer()


def test_fast_line_sends_small_frames_without_acknowledgement(pacer: ManualClockPacer) -> None:
    for _ in range(8):
        assert pacer.seconds_to_wait() == 0
        pacer.frame_sent(MAX_WINDOW_BYTES // 8)
    assert pacer.seconds_to_wait() == 0
    pacer.frame_sent(1)
    assert pacer.seconds_to_wait() == FIRST_REPLY_TIMEOUT
    pacer.reply_received()
    assert pacer.seconds_to_wait() == 0


def test_large_frame_blocks_next_until_acknowledged(pacer: ManualClockPacer) -> None:
    pacer.exchange(200, 0.05)
    pacer.frame_sent(9_000)
    pacer.now += 0.5
    assert pacer.seconds_to_wait() == REPLY_TIMEOUT - 0.5
    pacer.reply_received()
    assert pacer.seconds_to_wait() == 0
    assert not pacer.is_slow


def test_congested_line_shrinks_window_and_stays_slow_until_stable(pacer: ManualClockPacer) -> None:
    pacer.exchange(200, 0.05)
    for _ in range(4):
        assert pacer.is_slow is (len(pacer._full_at) >= SLOW_LINE_COUNT)
        pacer.exchange(200, 0.4)
    assert pacer.is_slow
    pacer.frame_sent(MIN_WINDOW_BYTES + 1)
    assert pacer.seconds_to_wait() > 0
    pacer.reply_received()
    for _ in range(20):
        pacer.exchange(200, 0.05)
    pacer.frame_sent(MAX_WINDOW_BYTES)
    assert pacer.seconds_to_wait() == 0
    assert pacer.is_slow
    pacer.now += SLOW_LINE_SECONDS
    assert not pacer.is_slow


def test_high_latency_is_not_congestion(pacer: ManualClockPacer) -> None:
    for _ in range(10):
        pacer.exchange(200, 0.3)
    assert not pacer.is_slow


def test_lost_acknowledgement_times_out(pacer: ManualClockPacer) -> None:
    pacer.exchange(200, 0.05)
    pacer.frame_sent(9_000)
    pacer.now += REPLY_TIMEOUT
    assert pacer.seconds_to_wait() == 0
    pacer.frame_sent(9_000)
    assert pacer.seconds_to_wait() == REPLY_TIMEOUT
    pacer.reply_received()
    pacer.reply_received()
    assert pacer.seconds_to_wait() == 0


def test_silent_terminal_gets_frames_at_fixed_rate(pacer: ManualClockPacer) -> None:
    for _ in range(3):
        pacer.frame_sent(9_000)
        assert pacer.seconds_to_wait() == FIRST_REPLY_TIMEOUT
        pacer.now += FIRST_REPLY_TIMEOUT
        assert pacer.seconds_to_wait() == 0
    pacer.exchange(200, 0.05)
    pacer.frame_sent(9_000)
    assert pacer.seconds_to_wait() == REPLY_TIMEOUT


def test_bytes_per_second_are_recent(pacer: ManualClockPacer) -> None:
    pacer.exchange(1_000, 1)
    pacer.exchange(4_000, 1)
    assert pacer.bytes_per_second == 1_000
    pacer.now += 3.5
    assert pacer.bytes_per_second == 800
    pacer.now += 5
    assert pacer.bytes_per_second == 0
