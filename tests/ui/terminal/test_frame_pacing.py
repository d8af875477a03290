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
        assert pacer.is_slow is (len(pacer._late) >= SLOW_LINE_COUNT)
        pacer.exchange(200, 0.4)
    assert pacer.is_slow
    pacer.frame_sent(MIN_WINDOW_BYTES + 1)
    assert pacer.seconds_to_wait() > 0
    pacer.reply_received()
    for _ in range(20):
        pacer.exchange(150, 0.05)
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


def test_late_replies_are_no_slow_line_once_as_many_bytes_pass_in_time(pacer: ManualClockPacer) -> None:
    pacer.exchange(100, 0.01)
    for _ in range(SLOW_LINE_COUNT):
        pacer.exchange(600, 0.4)  # both cores are busy
    assert pacer.is_slow
    pacer.exchange(500, 0.02)
    assert pacer.is_slow, "fewer bytes say nothing of more"
    pacer.exchange(600, 0.02)
    assert not pacer.is_slow
    pacer.exchange(600, 0.4)
    assert not pacer.is_slow, "the earlier ones count no more"


def test_throttled_line_stays_slow_although_small_frames_are_in_time(pacer: ManualClockPacer) -> None:
    rate = 2_000
    pacer.exchange(20, 20 / rate)
    for count in (600, 40, 900, 30, 700, 40, 60, 300, 20):
        pacer.exchange(count, count / rate)
    assert pacer.is_slow
    assert pacer.bytes_per_second == pytest.approx(rate, rel=0.05)


def test_delay_measured_by_driver_counts_not_when_message_is_handled(pacer: ManualClockPacer) -> None:
    for _ in range(2 * SLOW_LINE_COUNT):
        pacer.frame_sent(300)
        pacer.now += 0.8  # a screen is mounted
        pacer.reply_received(0.002)
    assert not pacer.is_slow


def test_speed_of_slow_line_does_not_fall_while_idle(pacer: ManualClockPacer) -> None:
    pacer.exchange(20, 0.01)
    for _ in range(SLOW_LINE_COUNT):
        pacer.exchange(1_000, 0.51)
    pacer.now += 20
    assert pacer.bytes_per_second == pytest.approx(2_000)
    pacer.now += SLOW_LINE_SECONDS
    assert pacer.bytes_per_second == 0
