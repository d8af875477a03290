"""When the next frame may go, on a clock that the test moves."""

from __future__ import annotations

import pytest

from charwave_tui.ui.line_speed import LASTING, NARROWEST, PATIENCE, SLOW, UNANSWERED, WIDEST, LineSpeed


class Clocked(LineSpeed):
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


def test_on_a_quick_line_small_frames_go_without_waiting_for_answers(line: Clocked) -> None:
    for _ in range(8):
        assert line.wait() == 0
        line.sent(WIDEST // 8)
    assert line.wait() == 0
    line.sent(1)
    assert line.wait() == UNANSWERED
    line.answered()
    assert line.wait() == 0


def test_a_large_frame_holds_up_the_next_until_it_is_answered(line: Clocked) -> None:
    line.exchange(200, 0.05)
    line.sent(9_000)
    line.now += 0.5
    assert line.wait() == PATIENCE - 0.5
    line.answered()
    assert line.wait() == 0
    assert not line.slow


def test_a_full_line_takes_less_at_once_and_is_slow_until_it_has_been_good_for_long(line: Clocked) -> None:
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


def test_a_long_way_is_no_full_line(line: Clocked) -> None:
    for _ in range(10):
        line.exchange(200, 0.3)
    assert not line.slow


def test_an_answer_that_is_lost_holds_up_nothing_for_long(line: Clocked) -> None:
    line.exchange(200, 0.05)
    line.sent(9_000)
    line.now += PATIENCE
    assert line.wait() == 0
    line.sent(9_000)
    assert line.wait() == PATIENCE
    line.answered()
    line.answered()
    assert line.wait() == 0


def test_a_terminal_that_never_answers_has_frames_at_a_pace(line: Clocked) -> None:
    for _ in range(3):
        line.sent(9_000)
        assert line.wait() == UNANSWERED
        line.now += UNANSWERED
        assert line.wait() == 0
    line.exchange(200, 0.05)
    line.sent(9_000)
    assert line.wait() == PATIENCE


def test_bytes_per_second_are_those_of_late(line: Clocked) -> None:
    line.exchange(1_000, 1)
    line.exchange(4_000, 1)
    assert line.bytes_per_second == 1_000
    line.now += 3.5
    assert line.bytes_per_second == 800
    line.now += 5
    assert line.bytes_per_second == 0
