"""Pictures of the whole program in the states that matter; a change in any cell of any of them is a failure.

Look at every picture that changed before `pytest tests/ui/test_snapshots.py --snapshot-update` makes it the new one.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from support import lab_states as scenes
from support.fake_engine import StaticEngine
from support.pilot import NARROW, WIDE, lab_screen, make_playground, wait_settled, wait_until

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.ui.state.run_state import ConnectionState, EngineDisconnected, LabState, reduce

EDITED = replace(scenes.TRAINING, run=replace(scenes.TRAINING.run, config=replace(scenes.CONFIG, lr=0.01)))
"""The scene of a run in training, in whose config the live edit stands that its curve is marked with."""


VIEWS = {
    "engine-starting": scenes.EMPTY,
    "untrained": scenes.UNTRAINED,
    "training": EDITED,
    "finished": scenes.FINISHED,
    "diverged": scenes.DIVERGED,
    "engine-lost": reduce(EDITED, EngineDisconnected("the engine ended; its log is ~/charwave-tui.log")),
    "unfinished": scenes.UNFINISHED,
    "unsaved": scenes.UNSAVED,
}


PANES = {"form": "1", "loss": "2", "layers": "3", "names": "4"}


@pytest.fixture(autouse=True)
def _no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits, or grows old, does so at once or never."""
    monkeypatch.setattr("charwave_tui.ui.widgets.pane.AGE_INTERVAL", 3_600.0)
    monkeypatch.setattr("charwave_tui.ui.widgets.status_bar.MIN_UPDATE_INTERVAL", 0.01)
    monkeypatch.setattr("charwave_tui.ui.charts.loss_chart.MIN_FRAME_INTERVAL", 0.0)


@pytest.fixture
def assert_snapshot(snap_compare):
    """Whether the lab, having taken in `view` and then `keys` on the row `here` of the form, looks as it did."""

    def compare(
        view: LabState,
        size: tuple[int, int],
        *keys: str,
        here: str = "preset",
        theme: str | None = None,
        config: RunConfig = scenes.CONFIG,
    ) -> bool:
        lost = view.run.connection is ConnectionState.LOST
        engine = StaticEngine(EDITED if lost else view)

        async def prepare(pilot) -> None:
            await wait_settled(pilot)
            if lost:
                engine.disconnect(view.run.reason)
            await wait_until(pilot, lambda: lab_screen(pilot).run == view.run)
            lab_screen(pilot).query_one("#form").cursor_field = here
            await pilot.press(*keys)

        app = make_playground(engine, config, theme)
        return snap_compare(app, terminal_size=size, run_before=prepare)

    return compare


@pytest.mark.parametrize("view", VIEWS)
def test_wide_lab(assert_snapshot, view):
    assert assert_snapshot(VIEWS[view], WIDE, here="lr" if view == "training" else "preset")


@pytest.mark.parametrize(
    ("size", "pane"),
    [(WIDE, "form"), (NARROW, "form"), (NARROW, "layers")],
    ids=["wide", "narrow-form", "narrow-layers"],
)
def test_dilated_stack_lab(assert_snapshot, size, pane):
    assert assert_snapshot(scenes.DILATED_STACK, size, PANES[pane], here="lr_drop", config=scenes.DILATED_CONFIG)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_loss_of_unseen_words(assert_snapshot, size):
    assert assert_snapshot(scenes.REPEATED_WORDS, size, PANES["loss"])


@pytest.mark.parametrize("theme", ["light", "safe", "16"])
def test_wide_lab_training_in_theme(assert_snapshot, theme):
    assert assert_snapshot(EDITED, WIDE, here="lr", theme=theme)


@pytest.mark.parametrize("view", ["engine-starting", "training", "finished"])
@pytest.mark.parametrize("pane", PANES)
def test_narrow_lab(assert_snapshot, pane, view):
    assert assert_snapshot(VIEWS[view], NARROW, PANES[pane], here="lr" if view == "training" else "preset")


@pytest.mark.parametrize("view", ["diverged", "engine-lost", "unfinished", "unsaved"])
def test_narrow_loss_pane_after_failure(assert_snapshot, view):
    assert assert_snapshot(VIEWS[view], NARROW, PANES["loss"])


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_quit_confirmation(assert_snapshot, size):
    assert assert_snapshot(EDITED, size, "q")


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_help_for_current_field(assert_snapshot, size):
    assert assert_snapshot(EDITED, size, "question_mark", here="lr")


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_preset_list(assert_snapshot, size):
    assert assert_snapshot(EDITED, size, "enter")


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_context_mismatch_while_typed(assert_snapshot, size):
    assert assert_snapshot(EDITED, size, "enter", "6", here="context")
