"""The time to the published loss: what is compared, and when there is nothing to compare."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from charwave_tui.bench import time_to_loss as time_to_loss_module
from charwave_tui.bench.results import BenchCorpus, Measurement, load_bench_corpus
from charwave_tui.bench.time_to_loss import time_to_loss
from charwave_tui.bench.training_speed import SpeedComparison


@pytest.fixture
def lecture_corpus(monkeypatch: pytest.MonkeyPatch) -> BenchCorpus:
    """A small corpus that passes for the lecture's."""
    monkeypatch.setattr(BenchCorpus, "is_lecture", True)
    return load_bench_corpus("imena")


def measure(corpus: BenchCorpus, runs: int = 1) -> Measurement:
    return time_to_loss(corpus, runs, 0.01, lambda text: None)


def test_time_to_loss_other_corpus_reports_no_target() -> None:
    measurement = measure(load_bench_corpus("imena"))
    assert (measurement.name, measurement.value, measurement.runs) == ("time_to_target_ratio", None, ())
    assert "1.9775 is a figure of the lecture's names" in measurement.meaning


def test_time_to_loss_missed_target_is_not_compared(
    lecture_corpus: BenchCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_to_loss_module, "QUICK", ("--preset", "playground", "--steps", "20"))
    measurement = measure(lecture_corpus)
    assert measurement.value is None
    assert "more than 1.9775" in measurement.meaning
    (run,) = measurement.runs
    assert isinstance(run, Mapping)
    assert run["val"] > 2
    assert 0.5 < run["seconds"] < 60
    assert run["lecture_seconds"] == pytest.approx(100_000 / run["lecture_steps_per_second"])


def test_time_to_loss_ratio_is_baseline_time_over_wall_clock(
    lecture_corpus: BenchCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick_runs = iter([(10.0, 1.94), (12.5, 1.94), (20.0, 1.94)])
    speeds = iter([{1: (400.0,), 2: (300.0,)}, {1: (500.0,), 2: (300.0,)}, {1: (250.0,), 2: (300.0,)}])
    monkeypatch.setattr(time_to_loss_module, "_train_quick", lambda corpus: next(quick_runs))
    monkeypatch.setattr(
        time_to_loss_module, "compare_speed", lambda *_: SpeedComparison("", {"lecture": 32}, {"lecture": next(speeds)})
    )
    measurement = measure(lecture_corpus, runs=3)
    assert measurement.value == pytest.approx(20.0)  # the middle of 25, 16 and 20
    assert "10.0 s" not in measurement.lines[0]
    assert "12.5 s" in measurement.lines[0]
    assert "400 steps/s (1 threads), from which its 100,000 steps are reckoned: 250 s" in measurement.lines[1]
