"""The whole benchmark: its figures as JSON and as a table, and one small real run of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from terminal import processes_of

from charwave_tui.bench import cost, report
from charwave_tui.bench.figures import Figure, Tick
from charwave_tui.bench.playground import own_home
from charwave_tui.bench.report import Effort, as_json, as_table, measure
from charwave_tui.cli import main
from charwave_tui.core.places import runs_dir

FIGURES = [
    Figure("first_frame", 0.31234567, "s", "soon", (0.3, 0.31234567)),
    Figure("playground_cost", 1.5, "%", "slower", ({"playground": 985.0, "headless": 1000.0, "cost": 1.5},)),
]


def test_json_has_each_figure_under_its_name_and_the_runs_beside() -> None:
    assert as_json(FIGURES) == {
        "first_frame": 0.3123,
        "playground_cost": 1.5,
        "runs": {
            "first_frame": [0.3, 0.3123],
            "playground_cost": [{"playground": 985.0, "headless": 1000.0, "cost": 1.5}],
        },
    }


def test_the_table_has_a_row_a_figure_with_its_runs_below() -> None:
    heading, frame, frames, slower, pairs = as_table(FIGURES)
    assert heading.split()[:2] == ["measurement", "median"]
    assert frame.split() == ["first_frame", "0.31", "s", "soon"]
    assert frames.split() == ["0.30", "0.31"]
    assert slower.split() == ["playground_cost", "1.50", "%", "slower"]
    assert pairs.strip() == "(playground 985.0, headless 1,000.0, cost 1.5)"


def test_the_command_prints_the_result_alone_on_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measured(effort: Effort, tick: Tick) -> list[Figure]:
        tick("opening")
        return FIGURES

    monkeypatch.setattr(report, "measure", measured)
    assert main.main(["bench", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == as_json(FIGURES)
    assert main.main(["bench"]) == 0
    assert capsys.readouterr().out.splitlines() == as_table(FIGURES)


def test_its_data_folder_is_its_own_and_goes_with_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with own_home() as folder:
        assert runs_dir().is_relative_to(folder)
        assert folder != home
    assert not folder.exists()
    assert runs_dir().is_relative_to(home)
    monkeypatch.delenv("CHARWAVE_HOME")
    with own_home():
        pass
    assert "CHARWAVE_HOME" not in os.environ


def test_a_small_real_run_measures_everything_and_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "RECIPE", ("--preset", "playground", "--corpus", "imena"))
    homes: list[str] = []
    effort = Effort(frames=1, losses=1, pairs=1, seconds=0.3)
    frame, loss, slower = measure(effort, lambda text: homes.append(os.environ["CHARWAVE_HOME"]))
    assert (frame.name, loss.name, slower.name) == ("first_frame", "first_loss", "playground_cost")
    assert 0 < frame.value < 60
    assert 0 < loss.value < 60
    (pair,) = slower.runs
    assert isinstance(pair, dict)
    assert pair["playground"] > 0
    assert pair["headless"] > 0
    assert slower.value == pytest.approx(100 * (1 - pair["playground"] / pair["headless"]))
    assert len(homes) == effort.ticks
    (folder,) = {Path(told) for told in homes}
    assert folder != home
    assert not folder.exists()
    assert processes_of(folder) == []
