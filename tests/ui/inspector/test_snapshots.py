"""Pictures of the layer screen; a change in any cell of either is a failure.

Look at each that changed before `pytest tests/ui/test_layer_snapshots.py --snapshot-update` makes it the new one.
"""

from __future__ import annotations

import pytest
from support import lab_states as scenes
from support.fake_engine import StaticEngine
from support.pilot import NARROW, WIDE, make_playground, wait_settled, wait_until

from charwave_tui.ui.inspector.screen import InspectorScreen


@pytest.fixture(autouse=True)
def _no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits, or grows old, does so at once or never."""
    monkeypatch.setattr("charwave_tui.ui.widgets.pane.AGE_INTERVAL", 3_600.0)
    monkeypatch.setattr("charwave_tui.ui.widgets.status_bar.MIN_UPDATE_INTERVAL", 0.01)
    monkeypatch.setattr("charwave_tui.ui.inspector.pane.POLL_INTERVAL", 3_600.0)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_tanh_with_cursor_on_dead_unit(snap_compare, size):
    async def prepare(pilot) -> None:
        await wait_settled(pilot)
        await pilot.press("3", *["down"] * 8, "enter")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, InspectorScreen))
        await wait_until(pilot, lambda: pilot.app.screen.query_one("#layer").view_data() is not None)
        await pilot.press(*["l"] * 37, *["j"] * 9)

    assert snap_compare(make_playground(StaticEngine(scenes.TRAINING)), terminal_size=size, run_before=prepare)
