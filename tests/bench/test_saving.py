"""What a save costs is measured on saves that are really written."""

from __future__ import annotations

import pytest

from charwave_tui.bench.engine_overhead import autosave_overhead
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.runs.autosave import EVERY
from charwave_tui.engine.runs.checkpoint import load_latest_checkpoint


def test_each_save_is_complete_with_time_as_fraction_of_interval() -> None:
    told: list[str] = []
    figure = autosave_overhead(["playground"], "imena", 3, told.append)
    (run,) = figure.runs
    assert isinstance(run, dict)
    seconds = run["seconds"]
    assert isinstance(seconds, tuple)
    assert len(seconds) == 3
    assert figure.value == {"playground": pytest.approx(100 * sorted(seconds)[1] / EVERY)}
    folder = RunStore(runs_dir()).folder_of(1)
    assert load_latest_checkpoint(folder, pytest.fail).record.step == 3
    assert run["bytes"] == folder.checkpoints()[0].stat().st_size
    assert not folder.in_use()
    assert told == ["saving playground"]
