"""The overhead of the inspector and of autosaves, measured on real probes and saves."""

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
    calls: list[object] = []
    progress: list[str] = []
    answer = LayerQueries.answer

    def record(queries: LayerQueries, command: ProbeLayers | InspectLayer, *others: object) -> None:
        calls.append((progress[-1], type(command)))
        answer(queries, command, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(LayerQueries, "answer", record)
    monkeypatch.setattr(engine_overhead, "PROBE_INTERVAL_SECONDS", 0.03)
    monkeypatch.setattr(engine_overhead, "MAX_PROBE_TIME_FRACTION", 1.0)
    measurement = inspector_overhead(["playground"], "imena", 2, 0.1, progress.append)
    assert progress == ["playground looked into", "playground left alone"] * 2
    assert {label for label, _ in calls} == {"playground looked into"}  # type: ignore[misc]
    assert 4 <= len(calls) <= 16
    assert [kind for _, kind in calls] == [ProbeLayers, InspectLayer] * (len(calls) // 2)  # type: ignore[misc]
    assert isinstance(measurement.value, dict)
    costs = [run["cost"] for run in measurement.runs if isinstance(run, dict)]
    assert measurement.value == {"playground": pytest.approx(sum(costs) / 2)}  # type: ignore[arg-type]
    assert all(run["looked"] > 0 < run["alone"] for run in measurement.runs if isinstance(run, dict))  # type: ignore[operator]


def test_each_save_is_complete_with_time_as_fraction_of_interval() -> None:
    progress: list[str] = []
    measurement = autosave_overhead(["playground"], "imena", 3, progress.append)
    (run,) = measurement.runs
    assert isinstance(run, dict)
    seconds = run["seconds"]
    assert isinstance(seconds, tuple)
    assert len(seconds) == 3
    assert measurement.value == {"playground": pytest.approx(100 * sorted(seconds)[1] / AUTOSAVE_SECONDS)}
    folder = RunStore(runs_dir()).folder_of(1)
    assert load_latest_checkpoint(folder, pytest.fail).record.step == 3
    assert run["bytes"] == folder.checkpoints()[0].stat().st_size
    assert not folder.is_locked()
    assert progress == ["saving playground"]
