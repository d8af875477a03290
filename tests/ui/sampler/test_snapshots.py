"""Pictures of the sampler's screen; a change in any cell of any of them is a failure.

Look at each that changed before `pytest tests/ui/test_sampler_snapshots.py --snapshot-update` makes it the new one.
"""

from __future__ import annotations

import pytest
from support.pilot import NARROW, WIDE, type_burst, wait_until
from support.sampler_answers import SamplerScreenHost


@pytest.fixture(autouse=True)
def _no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits does so for no longer than a pilot does."""
    monkeypatch.setattr("charwave_tui.ui.widgets.status_bar.MIN_UPDATE_INTERVAL", 0.01)
    monkeypatch.setattr("charwave_tui.ui.sampler.step_mode.SAMPLE_DELAY_SECONDS", 0.01)
    monkeypatch.setattr("charwave_tui.ui.charts.loss_chart.MIN_FRAME_INTERVAL", 0.0)


def test_wide_sampler_step_mode(snap_compare):
    app = SamplerScreenHost(mode="step")

    async def prepare(pilot) -> None:
        await type_burst(pilot, *"mari", "down", "down")
        await wait_until(pilot, lambda: len(app.sampler.current_mode.samples.names) > 0)

    assert snap_compare(app, terminal_size=WIDE, run_before=prepare)


def test_narrow_sampler_examining_name(snap_compare):
    async def prepare(pilot) -> None:
        await type_burst(pilot, "2", "down", "down")
        await pilot.pause()

    assert snap_compare(SamplerScreenHost(), terminal_size=NARROW, run_before=prepare)
