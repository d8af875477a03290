"""The real program in a real terminal: the main job from the first frame to the last."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from support.lab_screen import (
    ALTERNATE,
    MOUSE,
    SMALL,
    curve_dots,
    engine_status,
    is_restored,
    record,
    shown_step,
    start_training,
    wait_still_training,
)
from support.pty_screen import PtyScreen, playground_command, wait_no_processes

from charwave_tui.bench.terminal_driver import stop_bench_engine
from charwave_tui.core.metrics import RunState
from charwave_tui.core.paths import log_path, socket_path


def layer_figures(screen: PtyScreen) -> list[str]:
    return re.findall(r"Tanh[^│]*", screen.text)


def names(screen: PtyScreen) -> list[str]:
    return re.findall(r"(\S+) +\d\.\d\d +[+=] ", screen.text)


def test_user_trains_edits_inspects_samples_resets_and_quits(home: Path) -> None:
    with PtyScreen(playground_command(*SMALL)) as screen:
        screen.wait_for(r"1 Hyperparameters")
        screen.wait_for(r"n_hidden +12")
        assert ALTERNATE in screen.modes
        screen.press("t")
        screen.wait_for(r"● training")
        screen.wait_for(r"train +\d\.\d{4}")
        first_step, first_curve = shown_step(screen), curve_dots(screen)
        screen.wait_until(lambda: shown_step(screen) > first_step + 100, "the step count to move")
        screen.wait_until(lambda: curve_dots(screen).strip() and curve_dots(screen) != first_curve, "the curve to move")

        screen.press("pagedown", "pagedown", "down")
        screen.wait_for(r"▸ lr +0\.1")
        screen.press("enter")
        screen.wait_for(r"enter Apply")
        screen.press("0.05", "enter")
        screen.wait_for(r"▸ lr +0\.05 +was 0\.1")
        screen.wait_for(r"▾ lr 0\.1 → 0\.05")
        assert "● training" in screen.lines[0]

        screen.press("3")
        figures = layer_figures(screen)
        assert len(figures) == 3
        screen.wait_until(lambda: layer_figures(screen) != figures, "the layers to move")
        screen.press("g")
        screen.wait_until(lambda: len(names(screen)) >= 10, "names")

        screen.press("space")
        screen.wait_for(r"○ paused")
        held = shown_step(screen)
        screen.press(".")
        screen.wait_until(lambda: shown_step(screen) == held + 1, f"step {held + 1}")
        screen.press(".", ".")
        screen.wait_until(lambda: shown_step(screen) == held + 3, f"step {held + 3}")
        assert "○ paused" in screen.lines[0]
        screen.press("space")
        screen.wait_until(lambda: shown_step(screen) > held + 50, "training to go on")

        screen.press("0")
        screen.wait_for(r"run 2")
        screen.wait_until(lambda: shown_step(screen) == 0, "step 0")
        screen.wait_for(r"run 1 +\d\.\d{4}")
        assert curve_dots(screen).strip(), "no ghost"
        screen.press("space")
        screen.wait_until(lambda: shown_step(screen) > 50, "the second run to train")

        screen.press("q")
        screen.wait_for(r"s +stop and save it, then quit")
        screen.press("s")
        assert screen.wait_exit() == 0
        assert [line for line in screen.lines if line] == [
            "run 2 is saved; charwave-tui sample --run 2 samples names from it"
        ]
        assert is_restored(screen)
    assert engine_status().state is RunState.STOPPED
    stop_bench_engine()
    wait_no_processes(home)
    assert not socket_path().exists()
    first, second = record(1), record(2)
    assert first.state is second.state is RunState.STOPPED
    assert first.step > 200
    assert second.step > 50
    assert [mark.text for mark in first.history.marks if not mark.quiet] == ["lr 0.1 → 0.05"]
    assert second.config == first.config
    assert second.first_loss == first.first_loss
    assert "Traceback" not in log_path().read_text("utf-8")


def test_small_terminal_shows_one_pane_and_all_after_growing(home: Path) -> None:
    with PtyScreen(playground_command(*SMALL), 80, 24) as screen:
        start_training(screen)
        assert "embedding" not in screen.text.lower()
        screen.press("2")
        screen.wait_for(r"train +\d\.\d{4}")
        seen = curve_dots(screen)
        screen.wait_until(lambda: curve_dots(screen) != seen, "the curve to move")
        screen.press("3")
        screen.wait_until(lambda: len(layer_figures(screen)) == 3, "the layers")
        screen.press("4", "g")
        screen.wait_until(lambda: len(names(screen)) >= 5, "names")
        assert "n_hidden" not in screen.text
        screen.resize_terminal(140, 40)
        screen.wait_for(r"n_hidden +12")
        screen.wait_until(lambda: len(layer_figures(screen)) == 3 and names(screen), "all panes")
        screen.resize_terminal(80, 24)
        screen.wait_until(lambda: "n_hidden" not in screen.text and names(screen), "the names alone")
        screen.press("x")
        screen.wait_until(lambda: "stopped" in screen.lines[0] and record(1).val is not None, "the run to be measured")
        kept = record(1)
        screen.wait_until(lambda: shown_step(screen) == kept.step, "the status line to show the step that is kept")
        screen.press("q")
        assert screen.wait_exit() == 0
    assert (record(1).state, record(1).step) == (RunState.STOPPED, kept.step)


BROKEN = """
import sys
from charwave_tui.core.protocol.events import Progress
from charwave_tui.ui.state import engine_controller
reduce = engine_controller.reduce
def broken(state, event):
    return reduce(state, event) if not isinstance(event, Progress) or event.step < 50 else 1 // 0
engine_controller.reduce = broken
from charwave_tui.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_screen_crash_is_one_line_and_training_continues(home: Path) -> None:
    with PtyScreen([sys.executable, "-c", BROKEN, *SMALL], 120, 40) as screen:
        screen.wait_for(r"n_hidden +12")
        screen.press("t")
        assert screen.wait_exit() == 1
        told = "".join(screen.lines)  # the line may be longer than the terminal is wide
        assert told == (
            "charwave-tui: ZeroDivisionError: integer division or modulo by zero "
            f"(an internal error; the details are in {log_path()})"
        )
        assert not screen.modes & {ALTERNATE, *MOUSE}
    assert "in broken" in log_path().read_text("utf-8")
    wait_still_training(1, 50)
