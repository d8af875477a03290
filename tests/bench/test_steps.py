"""The contenders of the step's race: each does what it is said to do."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from charwave_tui.bench.lecture import LectureLoop
from charwave_tui.bench.products import BareProducts
from charwave_tui.bench.steps import FAST, FLOOR, LECTURE, PLAIN, THREADS, USUAL, Contest, measure
from charwave_tui.bench.usual import UsualLoop, UsualModel
from charwave_tui.core.config import RunConfig
from charwave_tui.core.corpora import find_corpus
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.readings import Split
from charwave_tui.core.shapes import parameter_count
from charwave_tui.engine.trainer import Trainer

CONFIG = RunConfig(n_embd=6, n_hidden=16, batch_size=32, max_steps=400, step="plain")


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return find_corpus("names")


@pytest.fixture(scope="module")
def trainer(corpus: Corpus) -> Trainer:
    return Trainer(CONFIG, corpus, torch.device("cpu"))


@pytest.fixture(scope="module")
def examples(trainer: Trainer) -> tuple[Tensor, Tensor]:
    return trainer.windows(Split.TRAIN).batch(slice(None))


def test_the_lectures_loop_has_the_losses_of_the_plain_step(
    corpus: Corpus, trainer: Trainer, examples: tuple[Tensor, Tensor]
) -> None:
    loop = LectureLoop(CONFIG, corpus.vocab_size, *examples)
    for _ in range(40):
        loop.step()
    short = Trainer(replace(CONFIG, max_steps=100, lr_drop=1), corpus, torch.device("cpu"))
    assert loop.losses == pytest.approx([math.log10(point.mean) for point in short.advance(60, 40)], abs=1e-6)


def test_the_usual_loop_has_the_models_size_and_learns(corpus: Corpus, examples: tuple[Tensor, Tensor]) -> None:
    model = UsualModel(CONFIG, corpus.vocab_size)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameter_count(CONFIG, corpus.vocab_size)
    loop = UsualLoop(CONFIG, corpus.vocab_size, *examples)
    for _ in range(200):
        loop.step()
    assert sum(loop.losses[-20:]) < sum(loop.losses[:20]) - 20 * 0.3


def test_the_floor_multiplies_what_a_step_multiplies(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    real = torch.mm

    def counted(one: Tensor, other: Tensor, out: Tensor) -> Tensor:
        done.append(one.shape[0] * one.shape[1] * other.shape[1])
        return real(one, other, out=out)

    monkeypatch.setattr(torch, "mm", counted)
    BareProducts(replace(CONFIG, n_embd=24, n_hidden=128), 27).step()
    levels = [128 * 48 * 128, 64 * 256 * 128, 32 * 256 * 128, 32 * 128 * 27]
    assert sorted(done) == sorted(3 * levels)


def test_speeds_are_compared_round_by_round_each_with_its_better_threads() -> None:
    contest = Contest(
        "tree-76k",
        {
            LECTURE: {1: (100.0, 50.0, 80.0), 2: (60.0, 30.0, 50.0)},
            FAST: {1: (200.0, 100.0, 100.0), 2: (300.0, 150.0, 120.0)},
            FLOOR: {1: (400.0, 200.0, 300.0), 2: (600.0, 600.0, 480.0)},
        },
    )
    assert (contest.threads(LECTURE), contest.threads(FAST), contest.speed(FAST)) == (1, 2, 150.0)
    assert (contest.step_ratio, contest.floor_share) == (3.0, 0.25)


def test_a_short_race_measures_everyone_and_leaves_the_threads_as_they_were(corpus: Corpus) -> None:
    before, told = torch.get_num_threads(), list[str]()
    (contest,) = measure(["playground"], corpus, rounds=2, seconds=0.01, tick=told.append)
    assert contest.preset == "playground"
    assert contest.speeds.keys() == {LECTURE, USUAL, PLAIN, FAST, FLOOR}
    for by_threads in contest.speeds.values():
        assert tuple(by_threads) == THREADS
        assert all(len(speeds) == 2 and min(speeds) > 0 for speeds in by_threads.values())
    assert 0 < contest.floor_share < 2
    assert (torch.get_num_threads(), len(told)) == (before, 2)
