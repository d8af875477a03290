"""The lecture's own figures, on the lecture's own words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.corpus.reading import read_corpus
from charwave_tui.core.metrics import Split
from charwave_tui.engine.training.trainer import Trainer


@pytest.fixture
def names(request: pytest.FixtureRequest) -> Corpus:
    """The lecture's words, from where CHARWAVE_LECTURE_NAMES says; without it and them the test is skipped."""
    path = os.environ.get("CHARWAVE_LECTURE_NAMES") or request.getfixturevalue("lecture_words")
    return read_corpus(Path(path), "makemore")


@pytest.fixture
def lecture(names: Corpus) -> Trainer:
    config = RunConfig(
        context=8,
        fuse=(2, 2, 2),
        n_embd=24,
        n_hidden=128,
        batch_size=32,
        lr=0.1,
        max_steps=200_000,
        seed=42,
        step="plain",
    )
    return Trainer(config, names, torch.device("cpu"))


def test_lecture_splits_have_lecture_example_counts(lecture: Trainer) -> None:
    assert tuple(len(lecture.splits.windows(split)) for split in Split) == (182_625, 22_655, 22_866)


def test_lecture_model_and_first_loss_match(lecture: Trainer) -> None:
    assert sum(parameter.numel() for parameter in lecture.model.parameters()) == 76_579
    lecture.train_for(60, 1)
    assert lecture.first_loss == pytest.approx(3.3167, abs=5e-5)


@pytest.mark.slow
def test_lecture_loss_after_ten_thousand_steps_matches(lecture: Trainer) -> None:
    lecture.train_for(600, 10_001)
    assert lecture.step == 10_001
    assert lecture.last_loss == pytest.approx(2.0576, abs=5e-5)
