"""However the screen ends, training goes on, and the next screen comes back to it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.lab_screen import (
    SMALL,
    curve_dots,
    engine_status,
    is_braille,
    is_restored,
    record,
    shown_step,
    start_training,
    wait_still_training,
)
from support.pty_screen import PtyScreen, playground_command, processes_of, wait_no_processes

from charwave_tui.core.metrics import RunState
from charwave_tui.core.paths import runs_dir, socket_path
from charwave_tui.core.store.run_store import RunStore

RUDE_ENDS: dict[str, Callable[[PtyScreen], None]] = {
    "SIGHUP": lambda screen: screen.process.send_signal(signal.SIGHUP),
    "SIGTERM": lambda screen: screen.process.send_signal(signal.SIGTERM),
    "the terminal goes": lambda screen: screen.hang_up(),
    "SIGKILL": lambda screen: screen.process.kill(),
}


@pytest.mark.parametrize("end", RUDE_ENDS)
def test_any_screen_death_keeps_training_and_leaves_nothing_else(home: Path, end: str) -> None:
    with PtyScreen(playground_command(*SMALL), 120, 40) as screen:
        start_training(screen)
        reached = shown_step(screen)
        RUDE_ENDS[end](screen)
        if not screen.gone:
            assert screen.wait_exit() == (-signal.SIGKILL if end == "SIGKILL" else 0)
            assert end == "SIGKILL" or is_restored(screen)
        assert screen.process.wait(30) == (-signal.SIGKILL if end == "SIGKILL" else 0)
    assert len(processes_of(home)) == 1
    wait_still_training(1, reached)


def test_run_left_training_reattached_and_stopped_from_shell(home: Path) -> None:
    with PtyScreen(playground_command(*SMALL), 120, 40) as screen:
        start_training(screen)
        reached = shown_step(screen)
        screen.press("q")
        screen.wait_for(r"enter +quit, and let it train on")
        screen.press("enter")
        assert screen.wait_exit() == 0
        assert is_restored(screen)
        told = " ".join(line for line in screen.lines if line)
        assert told == "run 1 continues to train; charwave-tui reopens it, charwave-tui engine stop ends it"
    wait_still_training(1, reached + 400)
    with PtyScreen(playground_command(), 120, 40) as screen:
        found = screen.wait_for(r"reattached to run 1, step ([\d,]+)")
        assert int(found[1].replace(",", "")) > reached + 400
        screen.wait_for(r"n_hidden +12 ")  # the run's config is in the form
        screen.wait_until(lambda: curve_starts_at_first_step(screen), "the whole curve")
        screen.wait_for(r"train +\d\.\d{4}")
        screen.press("q")
        screen.wait_for(r"enter +quit, and let it train on")
        screen.press("enter")
        assert screen.wait_exit() == 0
    ended = subprocess.run(playground_command("engine", "stop"), capture_output=True, text=True, check=True)
    kept = record(1)
    assert kept.state is RunState.PAUSED
    assert kept.step > reached + 400
    resume = "charwave-tui train --resume 1 resumes it"
    assert ended.stdout == f"run 1 is paused and saved at step {kept.step:,}; {resume}\n"
    wait_no_processes(home, 20)
    assert not socket_path().exists()


def curve_starts_at_first_step(screen: PtyScreen) -> bool:
    """Whether the curve is there from the first steps on, not only where it was looked at."""
    corner = next((line.index("└") for line in screen.lines if "└" in line), None)
    dots = [line.index(symbol) for line in screen.lines for symbol in line if is_braille(symbol)]
    return corner is not None and bool(dots) and min(dots) < corner + 8


def test_two_screens_show_and_control_one_run(home: Path) -> None:
    with PtyScreen(playground_command(*SMALL), 120, 40) as first, PtyScreen(playground_command(), 80, 24) as second:
        start_training(first)
        second.wait_for(r"● training")
        second.press("space")
        for screen in (second, first):
            screen.wait_for(r"○ paused")
        held = engine_status().step
        for screen in (second, first):
            screen.wait_until(lambda screen=screen: shown_step(screen) == held, f"step {held}")
        first.press(".")
        for screen in (first, second):
            screen.wait_until(lambda screen=screen: shown_step(screen) == held + 1, f"step {held + 1}")
        assert len(processes_of(home)) == 3


def test_killed_engine_reported_and_space_resumes_its_run(home: Path) -> None:
    with PtyScreen(playground_command(*SMALL), 120, 40) as screen:
        start_training(screen, 1_000)  # it is saved on the way
        (engine,) = [pid for pid in processes_of(home) if pid != screen.process.pid]
        os.kill(engine, signal.SIGKILL)
        screen.wait_for(r"the engine is gone +space resumes run 1")
        with pytest.raises(ProcessLookupError):  # it is no zombie either
            os.kill(engine, 0)
        saved, drawn = record(1), curve_dots(screen)
        assert drawn.strip()
        assert saved.state is RunState.TRAINING
        assert saved.step >= 400
        screen.press("space")
        screen.wait_for(r"run 1 .*● training")
        screen.wait_until(lambda: shown_step(screen) > saved.step, "the run to go on")
        assert curve_starts_at_first_step(screen)
        assert engine not in processes_of(home)
    wait_still_training(1, saved.step)
    assert RunStore(runs_dir()).run_numbers() == [1]


def test_screen_quit_at_once_leaves_stoppable_engine(home: Path) -> None:
    with PtyScreen(playground_command(*SMALL), 120, 40) as screen:
        screen.wait_for(r"n_hidden +12")
        screen.press("q")
        assert screen.wait_exit() == 0
    ended = subprocess.run(playground_command("engine", "stop"), capture_output=True, text=True, check=True)
    assert ended.stdout in ("the engine has ended\n", "")
    wait_no_processes(home, 20)
