"""The benchmark: measurements as JSON and as a table, and one small real run with the playground."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.pty_screen import wait_no_processes

from charwave_tui.bench import playground_overhead, suite
from charwave_tui.bench.results import (
    UNLIMITED_STEPS,
    BenchCase,
    BenchCorpus,
    BenchSettings,
    Measurement,
    OnProgress,
    load_bench_corpus,
)
from charwave_tui.bench.suite import as_json, as_table, run_cases, select_cases
from charwave_tui.bench.terminal_driver import isolated_home
from charwave_tui.cli import main
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import runs_dir

MEASUREMENTS = [
    Measurement("first_frame", 0.31234567, "s", "soon", (0.3, 0.31234567)),
    Measurement("playground_cost", 1.5, "%", "slower", ({"playground": 985.0, "headless": 1000.0, "cost": 1.5},)),
    Measurement(
        "step_ratio", {"a": 3.14159, "b": 2.5}, "×", "faster", ({"preset": "a", "speeds": (1.00004,)},), ("by hand",)
    ),
    Measurement("time_to_target_ratio", None, "", "these are other names"),
]


KEYS = {
    *("step_ratio", "floor_share", "names_per_second", "time_to_target_ratio"),
    *("playground_cost", "inspector_cost", "save_cost", "first_frame", "first_loss"),
}


def test_json_report_has_every_result_with_its_runs() -> None:
    assert as_json(MEASUREMENTS) == {
        "first_frame": 0.3123,
        "playground_cost": 1.5,
        "step_ratio": {"a": 3.1416, "b": 2.5},
        "time_to_target_ratio": None,
        "runs": {
            "first_frame": [0.3, 0.3123],
            "playground_cost": [{"playground": 985.0, "headless": 1000.0, "cost": 1.5}],
            "step_ratio": [{"preset": "a", "speeds": [1.0]}],
        },
    }


def test_table_has_row_per_result_or_preset_with_runs_below() -> None:
    heading, frame, frames, slower, pairs, one, other, lines, none = as_table(MEASUREMENTS)
    assert heading.split()[:2] == ["measurement", "median"]
    assert frame.split() == ["first_frame", "0.31", "s", "soon"]
    assert frames.split() == ["0.30", "0.31"]
    assert slower.split() == ["playground_cost", "1.50", "%", "slower"]
    assert pairs.strip() == "(playground 985, headless 1,000, cost 1.50)"
    assert one.split() == ["step_ratio", "a", "3.14", "×", "faster"]
    assert other.split() == ["step_ratio", "b", "2.50", "×"]
    assert lines.strip() == "by hand"
    assert none.split()[:2] == ["time_to_target_ratio", "–"]


def test_bench_prints_result_on_stdout_and_errors_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[set[str]] = []

    def measured(
        measurements: Sequence[BenchCase], given: BenchCorpus, settings: BenchSettings, on_progress: OnProgress
    ) -> list[Measurement]:
        on_progress("opening")
        calls.append({name for case in measurements for name in case.names} | {given.corpus.name})
        return MEASUREMENTS

    monkeypatch.setattr(suite, "run_cases", measured)
    monkeypatch.setattr("charwave_tui.bench.suite._has_gpu", lambda: False)
    assert main.main(["bench", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == as_json(MEASUREMENTS)
    assert "time_to_target_ratio: these are other names" in printed.err
    assert main.main(["bench", "--corpus", "imena", "--only", "step_ratio"]) == 0
    assert capsys.readouterr().out.splitlines() == as_table(MEASUREMENTS)
    assert calls == [KEYS | {"names"}, {"step_ratio", "floor_share", "imena"}]


def test_unknown_benchmark_refused_with_known_ones() -> None:
    with pytest.raises(UserError, match=r"no figure speed; there are step_ratio, floor_share, "):
        select_cases(["first_frame", "speed"])


def test_corpus_found_from_another_data_folder(home: Path) -> None:
    fetched = home / "data" / "corpora" / "mine.txt"
    fetched.parent.mkdir(parents=True)
    fetched.write_text("\n".join(f"word{letter}" for letter in "abcdefghijkl"), "utf-8")
    given = load_bench_corpus("mine")
    assert (given.path, given.is_lecture) == (str(fetched), False)
    with isolated_home():
        assert load_bench_corpus(given.path).corpus.sha256 == given.corpus.sha256


def test_bench_data_folder_is_temporary_and_removed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with isolated_home() as folder:
        assert runs_dir().is_relative_to(folder)
        assert folder != home
    assert not folder.exists()
    assert runs_dir().is_relative_to(home)
    monkeypatch.delenv("CHARWAVE_HOME")
    with isolated_home():
        pass
    assert "CHARWAVE_HOME" not in os.environ


def test_small_real_run_measures_and_leaves_no_files(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = RunConfig(corpus="imena", n_hidden=16, n_embd=4, max_steps=UNLIMITED_STEPS, eval_every=100)
    monkeypatch.setattr(playground_overhead, "background_config", lambda corpus: small)
    homes: list[str] = []
    settings = BenchSettings(frame_runs=1, loss_runs=1, pairs=1)
    measurements = select_cases(["first_frame", "first_loss", "playground_cost"])
    figures = run_cases(
        measurements, load_bench_corpus("imena"), settings, lambda text: homes.append(os.environ["CHARWAVE_HOME"])
    )
    slower, frame, loss = figures
    assert (frame.name, loss.name, slower.name) == ("first_frame", "first_loss", "playground_cost")
    assert isinstance(frame.value, float)
    assert isinstance(loss.value, float)
    assert 0 < frame.value < 60
    assert 0 < loss.value < 60
    (pair,) = slower.runs
    assert isinstance(pair, dict)
    assert pair["playground"] > 0
    assert pair["headless"] > 0
    assert slower.value == pytest.approx(100 * (1 - pair["playground"] / pair["headless"]))
    assert len(homes) == sum(case.ticks(settings) for case in measurements)
    (folder,) = {Path(progress) for progress in homes}
    assert folder != home
    assert not folder.exists()
    wait_no_processes(folder, 10)
