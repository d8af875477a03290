"""What an open view costs is measured on looks that are really taken."""

from __future__ import annotations

import pytest

from charwave_tui.bench import engine_overhead
from charwave_tui.bench.engine_overhead import autosave_overhead, inspector_overhead
from charwave_tui.core.paths import runs_dir
from charwave_tui.core.protocol.commands import InspectLayer, ProbeLayers
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.runs.autosave import AUTOSAVE_SECONDS
from charwave_tui.engine.runs.checkpoint import load_latest_checkpoint
from charwave_tui.engine.service.layer_queries import LayerQueries


def test_probe_interval_follows_cost_and_control_run_has_no_probe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []
    told: list[str] = []
    obey = LayerQueries.answer

    def watched(looks: LayerQueries, command: ProbeLayers | InspectLayer, *others: object) -> None:
        asked.append((told[-1], type(command)))
        obey(looks, command, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(LayerQueries, "answer", watched)
    monkeypatch.setattr(engine_overhead, "PROBE_INTERVAL_SECONDS", 0.03)
    monkeypatch.setattr(engine_overhead, "MAX_PROBE_TIME_FRACTION", 1.0)
    figure = inspector_overhead(["playground"], "imena", 2, 0.1, told.append)
    assert told == ["playground looked into", "playground left alone"] * 2
    assert {place for place, _ in asked} == {"playground looked into"}  # type: ignore[misc]
    assert 4 <= len(asked) <= 16
    assert [kind for _, kind in asked] == [ProbeLayers, InspectLayer] * (len(asked) // 2)  # type: ignore[misc]
    assert isinstance(figure.value, dict)
    costs = [run["cost"] for run in figure.runs if isinstance(run, dict)]
    assert figure.value == {"playground": pytest.approx(sum(costs) / 2)}  # type: ignore[arg-type]
    assert all(run["looked"] > 0 < run["alone"] for run in figure.runs if isinstance(run, dict))  # type: ignore[operator]


def test_each_save_is_complete_with_time_as_fraction_of_interval() -> None:
    told: list[str] = []
    figure = autosave_overhead(["playground"], "imena", 3, told.append)
    (run,) = figure.runs
    assert isinstance(run, dict)
    seconds = run["seconds"]
    assert isinstance(seconds, tuple)
    assert len(seconds) == 3
    assert figure.value == {"playground": pytest.approx(100 * sorted(seconds)[1] / AUTOSAVE_SECONDS)}
    folder = RunStore(runs_dir()).folder_of(1)
    assert load_latest_checkpoint(folder, pytest.fail).record.step == 3
    assert run["bytes"] == folder.checkpoints()[0].stat().st_size
    assert not folder.in_use()
    assert told == ["saving playground"]
