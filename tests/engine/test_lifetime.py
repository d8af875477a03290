"""How long an engine stays by itself, by a clock that is set forward."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.events import Progress, RunChanged
from charwave_tui.engine.service.server import FIRST_VIEWER_WITHIN, IDLE_FOR, IdleShutdown


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time passes when a test says so."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        self.run_until_complete(asyncio.sleep(0))


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    yield clock
    clock.close()


class Watched:
    """A Lifetime and whether it has ended."""

    def __init__(self, clock: Clock) -> None:
        self.over = False

        async def made() -> IdleShutdown:
            return IdleShutdown(self._end)

        self.lifetime = clock.run_until_complete(made())

    def _end(self) -> None:
        self.over = True


@pytest.fixture
def watched(clock: Clock) -> Watched:
    return Watched(clock)


def test_engine_without_any_viewer_exits_soon(clock: Clock, watched: Watched) -> None:
    clock.pass_by(FIRST_VIEWER_WITHIN - 1)
    assert not watched.over
    clock.pass_by(1.1)
    assert watched.over


def test_engine_stays_while_viewed_and_a_while_after(clock: Clock, watched: Watched) -> None:
    for viewers in (1, 2, 1):
        watched.lifetime.viewers(viewers)
        clock.pass_by(10 * IDLE_FOR)
    watched.lifetime.viewers(0)
    clock.pass_by(IDLE_FOR - 1)
    watched.lifetime.viewers(1)
    clock.pass_by(2)
    watched.lifetime.viewers(0)
    clock.pass_by(IDLE_FOR - 1)
    assert not watched.over
    clock.pass_by(1.1)
    assert watched.over


@pytest.mark.parametrize("end", [RunState.FINISHED, RunState.PAUSED, RunState.STOPPED, RunState.DIVERGED])
def test_engine_stays_while_training_and_a_while_after(clock: Clock, watched: Watched, end: RunState) -> None:
    watched.lifetime.viewers(1)
    watched.lifetime.heard(RunChanged(RunState.TRAINING, 0))
    watched.lifetime.viewers(0)
    clock.pass_by(100 * IDLE_FOR)
    watched.lifetime.heard(RunChanged(end, 9))
    clock.pass_by(IDLE_FOR - 1)
    watched.lifetime.heard(Progress(9, 0.0, (), None))
    assert not watched.over
    clock.pass_by(1.1)
    assert watched.over


def test_resumed_run_stops_exit_timer(clock: Clock, watched: Watched) -> None:
    watched.lifetime.viewers(1)
    watched.lifetime.viewers(0)
    watched.lifetime.heard(RunChanged(RunState.TRAINING, 0))
    clock.pass_by(2 * IDLE_FOR)
    assert not watched.over
