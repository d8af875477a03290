"""What the model says when it is asked: the next character and words, against plain softmax; and what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from desk import WORDS, Desk

from charwave_tui.core import protocol, speaking
from charwave_tui.core.config import RunConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.framing import AnyCommand
from charwave_tui.engine.model import looking
from charwave_tui.engine.scoring import score
from charwave_tui.engine.trainer import Trainer


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text("\n".join(WORDS), "utf-8")
    return path


@pytest.fixture(params=["batch", "batch-bug"])
def config(request: pytest.FixtureRequest, words: Path) -> RunConfig:
    sizes = {"context": 4, "fuse": (2, 2), "n_embd": 4, "n_hidden": 8, "batch_size": 8}
    return RunConfig(corpus=str(words), max_steps=40, eval_every=1_000, norm=request.param, **sizes)


@pytest.fixture
def desk(config: RunConfig) -> Desk:
    """One that holds a run after three steps."""
    desk = Desk()
    desk.do(protocol.StartRun(config, "", steps=3))
    desk.work()
    desk.forget()
    return desk


def trainer_of(desk: Desk) -> Trainer:
    return desk.conductor._stage.run.trainer


def asked(desk: Desk, *commands: AnyCommand) -> list[Any]:
    desk.answered.clear()
    desk.do(*commands)
    desk.work()
    return list(desk.answered)


def odds(trainer: Trainer, corpus: Corpus, text: str) -> list[float]:
    """softmax(logits) behind `text`, from its window alone, as a lesson has it."""
    context = trainer.config.context
    window = ([0] * context + corpus.encode(text))[-context:]
    with looking(trainer.model, training=False):
        chances: list[float] = trainer.model(torch.tensor([window])).softmax(1)[0].tolist()
    return chances


@pytest.mark.parametrize("prefix", ["", "b", "bera", "berasolinano"])
def test_the_next_character_has_the_odds_of_softmax(desk: Desk, prefix: str) -> None:
    (told,) = asked(desk, speaking.PredictNext(prefix, 4))
    assert (told.step, told.request, told.prefix) == (3, 4, prefix)
    trainer = trainer_of(desk)
    plain = odds(trainer, trainer.corpus, prefix)
    assert [math.exp(-surprise) for surprise in told.surprises] == pytest.approx(plain, abs=1e-6)
    assert sum(math.exp(-surprise) for surprise in told.surprises) == pytest.approx(1, abs=1e-12)
    ids = trainer.corpus.encode(prefix)
    path = [-math.log(odds(trainer, trainer.corpus, prefix[:place])[number]) for place, number in enumerate(ids)]
    assert list(told.path) == pytest.approx(path, abs=1e-5)


def test_a_word_is_scored_at_once_and_placed_among_the_corpus_later(desk: Desk) -> None:
    at_once, later = asked(desk, speaking.ScoreWord("bera", 7))
    assert (at_once.step, at_once.request, at_once.word, at_once.percentile, at_once.among) == (3, 7, "bera", None, 0)
    trainer = trainer_of(desk)
    ids = [*trainer.corpus.encode("bera"), 0]
    plain = [-math.log(odds(trainer, trainer.corpus, "bera"[:place])[number]) for place, number in enumerate(ids)]
    assert list(at_once.surprises) == pytest.approx(plain, abs=1e-5)
    means = score(trainer.model, trainer.corpus, trainer.config, list(trainer.corpus.words))
    mean = sum(plain) / len(plain)
    wanted = 100 * sum(other > mean + 1e-6 for other in means) / len(means)
    assert later.among == len(WORDS)
    assert later.percentile == pytest.approx(wanted, abs=100 / len(WORDS))
    assert replace_percentile(later) == at_once


def replace_percentile(told: speaking.WordScored) -> speaking.WordScored:
    return speaking.WordScored(told.step, told.request, told.word, told.surprises, told.known)
