"""The candidates of the training speed comparison."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from charwave_tui.bench.baselines import LectureLoop, MatmulFloor, TorchLoop, TorchModel
from charwave_tui.bench.training_speed import (
    CPU,
    FAST,
    FLOOR,
    LECTURE,
    NAMES,
    PLAIN,
    THREADS,
    TORCH,
    SpeedComparison,
    comparison_table,
    examples,
    make_candidates,
    step_figures,
)
from charwave_tui.core.config.layer_shapes import parameter_count
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.corpus.registry import find_corpus
from charwave_tui.core.metrics import Split
from charwave_tui.engine.training.trainer import Trainer

CONFIG = RunConfig(n_embd=6, n_hidden=16, batch_size=32, max_steps=400, step="plain")


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return find_corpus("imena")


@pytest.fixture(scope="module")
def examples_and_targets(corpus: Corpus) -> tuple[Tensor, Tensor]:
    return examples(CONFIG, corpus)


def test_lecture_loop_losses_equal_plain_step(corpus: Corpus, examples_and_targets: tuple[Tensor, Tensor]) -> None:
    loop = LectureLoop(CONFIG, corpus.vocab_size, *examples_and_targets, CPU)
    for _ in range(40):
        loop.step()
    short = Trainer(replace(CONFIG, max_steps=100, lr_drop=1), corpus, CPU)
    assert loop.losses == pytest.approx([math.log10(point.mean) for point in short.train_for(60, 40)], abs=1e-6)


def test_torch_loop_has_model_size_and_learns(corpus: Corpus, examples_and_targets: tuple[Tensor, Tensor]) -> None:
    model = TorchModel(CONFIG, corpus.vocab_size)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameter_count(CONFIG, corpus.vocab_size)
    loop = TorchLoop(CONFIG, corpus.vocab_size, *examples_and_targets)
    for _ in range(200):
        loop.step()
    assert sum(loop.losses[-20:]) < sum(loop.losses[:20]) - 20 * 0.3


def test_matmul_baseline_multiplies_same_shapes_as_step(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    real = torch.mm

    def counted(one: Tensor, other: Tensor, out: Tensor) -> Tensor:
        done.append(one.shape[0] * one.shape[1] * other.shape[1])
        return real(one, other, out=out)

    monkeypatch.setattr(torch, "mm", counted)
    MatmulFloor(replace(CONFIG, n_embd=24, n_hidden=128), 27).step()
    levels = [128 * 48 * 128, 64 * 256 * 128, 32 * 256 * 128, 32 * 128 * 27]
    assert sorted(done) == sorted(3 * levels)


def test_word_batches_count_positions_scored_per_step(corpus: Corpus) -> None:
    candidates = make_candidates(CONFIG, corpus)
    words = corpus.split(Split.TRAIN)
    assert candidates[NAMES].positions == pytest.approx(32 * (1 + sum(map(len, words)) / len(words)))
    assert {candidates[name].positions for name in candidates if name != NAMES} == {32}


def test_speeds_compared_per_round_at_best_thread_count() -> None:
    comparison = SpeedComparison(
        "tree-76k",
        {LECTURE: 32, FAST: 32, NAMES: 320, FLOOR: 32},
        {
            LECTURE: {1: (100.0, 50.0, 80.0), 2: (60.0, 30.0, 50.0)},
            FAST: {1: (200.0, 100.0, 100.0), 2: (300.0, 150.0, 120.0)},
            NAMES: {1: (40.0, 20.0, 32.0), 2: (20.0, 10.0, 16.0)},
            FLOOR: {1: (400.0, 200.0, 300.0), 2: (600.0, 600.0, 480.0)},
        },
    )
    assert (comparison.threads(LECTURE), comparison.threads(FAST), comparison.speed(FAST)) == (1, 2, 150.0)
    assert (comparison.ratio(FAST, LECTURE), comparison.ratio(FAST, FLOOR)) == (3.0, 0.25)
    assert comparison.ratio(NAMES, LECTURE) == pytest.approx(4.0)
    _, lecture, fast, names, floor = (line.split() for line in comparison_table(comparison))
    assert lecture[-5:] == ["80", "1", "2,560", "1.00", "0.17"]
    assert fast[-5:] == ["150", "2", "4,800", "3.00", "0.25"]
    assert names[-5:] == ["32", "1", "10,240", "4.00", "–"]
    assert floor[-1] == "1.00"


def test_short_speed_comparison_measures_all_and_restores_threads(corpus: Corpus) -> None:
    before, progress = torch.get_num_threads(), list[str]()
    ratio, fraction = step_figures(["playground"], corpus, rounds=2, seconds=0.01, on_progress=progress.append)
    assert (ratio.name, fraction.name) == ("step_ratio", "floor_share")
    runs = [run for run in ratio.runs if isinstance(run, dict)]
    candidates = [(name, threads) for name in (LECTURE, TORCH, PLAIN, FAST, NAMES, FLOOR) for threads in THREADS]
    assert [(run["contender"], run["threads"]) for run in runs] == candidates
    assert all(len(run["steps_per_second"]) == 2 and min(run["steps_per_second"]) > 0 for run in runs)
    assert isinstance(fraction.value, dict)
    assert 0 < fraction.value["playground"] < 2
    assert (torch.get_num_threads(), len(progress)) == (before, 2)
