"""Pictures of the runs screen; a change in any cell of any of them is a failure.

Look at each that changed before `pytest tests/ui/test_runs_snapshots.py --snapshot-update` makes it the new one.
"""

from __future__ import annotations

import pytest
from support.pilot import NARROW, WIDE, type_burst
from support.run_records import ARCHIVE, NOW, TRAINING_RUN, RunsScreenHost

from charwave_tui.ui.state.run_state import RunsState
from charwave_tui.ui.state.runs_state import RunsViewOptions

COMPARED = RunsViewOptions(cursor_run=12, chosen=(11, 3, None, None))


@pytest.fixture(autouse=True)
def _no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is always the same time of day, and what waits does so for no longer than a pilot does."""
    monkeypatch.setattr("charwave_tui.ui.runs.list_pane.local_now", lambda: NOW)
    monkeypatch.setattr("charwave_tui.ui.widgets.status_bar.MIN_UPDATE_INTERVAL", 0.01)
    monkeypatch.setattr("charwave_tui.ui.runs.screen.REFRESH_INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr("charwave_tui.ui.charts.loss_chart.MIN_FRAME_INTERVAL", 0.0)


@pytest.fixture
def assert_snapshot(snap_compare):
    """Whether the runs, arranged so and after `keys`, look as they did."""

    def compare(
        size: tuple[int, int],
        *keys: str,
        archive: RunsState = ARCHIVE,
        arrangement: RunsViewOptions = COMPARED,
        theme: str = "dark",
    ) -> bool:
        async def prepare(pilot) -> None:
            await pilot.pause()
            await type_burst(pilot, *keys)
            await pilot.pause()

        return snap_compare(
            RunsScreenHost(archive, TRAINING_RUN, arrangement, theme), terminal_size=size, run_before=prepare
        )

    return compare


@pytest.mark.parametrize("size", [WIDE, NARROW, (200, 50)], ids=["wide", "narrow", "widest"])
def test_runs(assert_snapshot, size):
    assert assert_snapshot(size)


@pytest.mark.parametrize("theme", ["light", "safe", "16"])
def test_most_comparable_runs_in_theme(assert_snapshot, theme):
    assert assert_snapshot(WIDE, theme=theme, arrangement=RunsViewOptions(cursor_run=12, chosen=(11, 3, 10, 8)))


def test_narrow_screen_differences(assert_snapshot):
    assert assert_snapshot(NARROW, "v", arrangement=RunsViewOptions(cursor_run=12, chosen=(11, None, None, None)))


def test_note_edited_over_last_line(assert_snapshot):
    assert assert_snapshot((120, 40), "m", *"slow", arrangement=RunsViewOptions(cursor_run=11))


def test_filter_with_single_run_beside_preset(assert_snapshot):
    assert assert_snapshot((120, 40), "slash", *"mlp", arrangement=RunsViewOptions(cursor_run=7))


def test_no_runs(assert_snapshot):
    assert assert_snapshot(NARROW, archive=RunsState(()))
