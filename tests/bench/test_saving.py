"""What a save costs is measured on saves that are really written."""

from __future__ import annotations

import pytest

from charwave_tui.bench.saving import saving_figure
from charwave_tui.core.places import runs_dir
from charwave_tui.core.runs import RunStore
from charwave_tui.engine.checkpoint import newest_save
from charwave_tui.engine.saves import EVERY


def test_each_save_is_complete_with_time_as_fraction_of_interval() -> None:
    told: list[str] = []
    figure = saving_figure(["playground"], "imena", 3, told.append)
    (run,) = figure.runs
    assert isinstance(run, dict)
    seconds = run["seconds"]
    assert isinstance(seconds, tuple)
    assert len(seconds) == 3
    assert figure.value == {"playground": pytest.approx(100 * sorted(seconds)[1] / EVERY)}
    folder = RunStore(runs_dir()).place(1)
    assert newest_save(folder, pytest.fail).record.step == 3
    assert run["bytes"] == folder.saves()[0].stat().st_size
    assert not folder.in_use()
    assert told == ["saving playground"]
