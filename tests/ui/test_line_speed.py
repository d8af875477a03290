"""When the next frame may go, on a clock that the test moves."""

from __future__ import annotations

import pytest

from charwave_tui.ui.terminal.frame_pacing import LASTING, NARROWEST, PATIENCE, SLOW, UNANSWERED, WIDEST, FramePacer


class Clocked(FramePacer):
    """A line with a clock of its own, and answers after a time of the test's choice."""

    now = 100.0

    def __init__(self) -> None:
        super().__init__(lambda: self.now)

    def exchange(self, count: int, delay: float) -> None:
        self.sent(count)
        self.now += delay
        self.answered()


@pytest.fixture
def line() -> Clocked:
    return Clocked()


def test_fast_line_sends_small_frames_without_acknowledgement(line: Clocked) -> None:
    for _ in range(8):
        assert line.wait() == 0
        line.sent(WIDEST // 8)
    assert line.wait() == 0
    line.sent(1)
    assert line.wait() == UNANSWERED
    line.answered()
    assert line.wait() == 0


def test_large_frame_blocks_next_until_acknowledged(line: Clocked) -> None:
    line.exchange(200, 0.05)
    line.sent(9_000)
    line.now += 0.5
    assert line.wait() == PATIENCE - 0.5
    line.answered()
    assert line.wait() == 0
    assert not line.slow


def test_congested_line_shrinks_window_and_stays_slow_until_stable(line: Clocked) -> None:
    line.exchange(200, 0.05)
    for _ in range(4):
        assert line.slow is (len(line._full) >= SLOW)
        line.exchange(200, 0.4)
    assert line.slow
    line.sent(NARROWEST + 1)
    assert line.wait() > 0
    line.answered()
    for _ in range(20):
        line.exchange(200, 0.05)
    line.sent(WIDEST)
    assert line.wait() == 0
    assert line.slow
    line.now += LASTING
    assert not line.slow


def test_high_latency_is_not_congestion(line: Clocked) -> None:
    for _ in range(10):
        line.exchange(200, 0.3)
    assert not line.slow


def test_lost_acknowledgement_times_out(line: Clocked) -> None:
    line.exchange(200, 0.05)
    line.sent(9_000)
    line.now += PATIENCE
    assert line.wait() == 0
    line.sent(9_000)
    assert line.wait() == PATIENCE
    line.answered()
    line.answered()
    assert line.wait() == 0


def test_silent_terminal_gets_frames_at_fixed_rate(line: Clocked) -> None:
    for _ in range(3):
        line.sent(9_000)
        assert line.wait() == UNANSWERED
        line.now += UNANSWERED
        assert line.wait() == 0
    line.exchange(200, 0.05)
    line.sent(9_000)
    assert line.wait() == PATIENCE


def test_bytes_per_second_are_recent(line: Clocked) -> None:
    line.exchange(1_000, 1)
    line.exchange(4_000, 1)
    assert line.bytes_per_second == 1_000
    line.now += 3.5
    assert line.bytes_per_second == 800
    line.now += 5
    assert line.bytes_per_second == 0
