"""Fixtures of the engine's tests: a corpus of made-up syllables and a small model on it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from support.dispatcher_harness import WORDS
from torch import Tensor

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.engine.training.trainer import Trainer

torch.set_num_threads(1)


BitIdentical = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], bool]


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    """Eighty words over nine characters, one of them beyond the first 65,536."""
    chance = random.Random(5)
    words = tuple("".join(chance.choice("aeioklmé🎈") for _ in range(chance.randint(1, 7))) for _ in range(80))
    return Corpus("syllables", words, "".join(sorted(set("".join(words)))), "0" * 64)


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """The harness's words in a file."""
    path = tmp_path / "words.txt"
    path.write_text("\n".join(WORDS), "utf-8")
    return path


@pytest.fixture
def config() -> RunConfig:
    return RunConfig(context=4, fuse=(2, 2), n_embd=5, n_hidden=7, batch_size=8, max_steps=300, seed=7)


@pytest.fixture
def trainer(config: RunConfig, corpus: Corpus) -> Trainer:
    return Trainer(config, corpus, torch.device("cpu"))


@pytest.fixture(scope="session")
def bit_identical() -> BitIdentical:
    """Whether two sets of tensors agree in every bit, NaN included."""

    def same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
        return one.keys() == other.keys() and all(
            torch.equal(torch.atleast_1d(one[name]).view(torch.uint8), torch.atleast_1d(other[name]).view(torch.uint8))
            for name in one
        )

    return same
