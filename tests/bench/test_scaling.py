"""Speed and memory by model size: one real point, and the chart of invented ones."""

from __future__ import annotations

from charwave_tui.bench.results import load_bench_corpus
from charwave_tui.bench.scaling import ScalePoint, as_chart, as_json, measure_scaling


def test_model_size_measured_in_own_process() -> None:
    progress: list[str] = []
    widths, batches = measure_scaling(
        load_bench_corpus("imena").path, 1, 0.01, progress.append, widths=(512,), batch_sizes=()
    )
    (size,) = widths
    assert (size.n_hidden, size.batch_size, batches, progress) == (512, 32, [], ["n_hidden 512"])
    assert size.steps_per_second > 0
    assert 0 < size.floor_share < 2
    assert 2 < size.megabytes < 100  # half a million weights, twice, and the batch


def test_bar_length_proportional_to_largest_value() -> None:
    rows = [ScalePoint(64, 32, 2_000, 0.25, 300), ScalePoint(1_024, 32, 100, 0.5, 600)]
    heading, small, large, other = as_chart(rows, [])
    assert heading.split()[0] == "n_hidden"
    assert other.split()[0] == "batch_size"
    assert small.split() == ["64", "2,000", "█" * 20, "0.25", "█" * 10, "300", "█" * 10]
    assert large.split() == ["1,024", "100", "█", "0.50", "█" * 20, "600", "█" * 20]
    assert as_json(rows, [])["n_hidden"][1]["megabytes"] == 600
