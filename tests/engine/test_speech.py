"""What the model says when it is asked: the next character and words, against plain softmax; and what is refused."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from desk import WORDS, Desk, small

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import (
    AnyCommand,
    PredictNext,
    ResetRun,
    SampleNames,
    SampleRun,
    ScoreWord,
    StartRun,
    StepRun,
)
from charwave_tui.core.protocol.events import QueryRefused, RunSampled, WordScored
from charwave_tui.engine.api import sample
from charwave_tui.engine.data.prefix_dataset import PrefixDataset
from charwave_tui.engine.data.window_dataset import WindowDataset
from charwave_tui.engine.model.architecture import build_model
from charwave_tui.engine.model.hooks import looking
from charwave_tui.engine.runtime.cooperative import Cooperative, run_to_completion
from charwave_tui.engine.runtime.random_streams import derived_generator
from charwave_tui.engine.sampling import queries, scoring
from charwave_tui.engine.sampling.scoring import score, score_words
from charwave_tui.engine.service import background_tasks
from charwave_tui.engine.training.trainer import Trainer


@pytest.fixture(params=["batch", "batch-bug"])
def config(request: pytest.FixtureRequest, words: Path) -> RunConfig:
    return small(words, max_steps=40, eval_every=1_000, norm=request.param)


@pytest.fixture
def desk(config: RunConfig) -> Desk:
    """One that holds a run after three steps."""
    desk = Desk()
    desk.do(StartRun(config, "", steps=3))
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
def test_next_character_probabilities_equal_softmax(desk: Desk, prefix: str) -> None:
    (told,) = asked(desk, PredictNext(prefix, 4))
    assert (told.step, told.request, told.prefix) == (3, 4, prefix)
    trainer = trainer_of(desk)
    plain = odds(trainer, trainer.corpus, prefix)
    assert [math.exp(-surprise) for surprise in told.surprises] == pytest.approx(plain, abs=1e-6)
    assert sum(math.exp(-surprise) for surprise in told.surprises) == pytest.approx(1, abs=1e-12)
    ids = trainer.corpus.encode(prefix)
    path = [-math.log(odds(trainer, trainer.corpus, prefix[:place])[number]) for place, number in enumerate(ids)]
    assert list(told.path) == pytest.approx(path, abs=1e-5)


def test_word_scored_at_once_and_percentile_follows(desk: Desk) -> None:
    at_once, later = asked(desk, ScoreWord("bera", 7))
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


def replace_percentile(told: WordScored) -> WordScored:
    return WordScored(told.step, told.request, told.word, told.surprises, told.known)


def test_word_known_as_itself_or_as_near_word(desk: Desk) -> None:
    known = {word: asked(desk, ScoreWord(word))[0].known for word in ("bera", "beraa", "", "tokolo")}
    assert known == {"bera": "bera", "beraa": "bera", "": "", "tokolo": ""}
    assert len(asked(desk, ScoreWord(""))[0].surprises) == 1


def test_words_scored_at_same_step_share_corpus_scores(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    climbed = []

    def ladder(trainer: Trainer) -> Cooperative[list[float]]:
        climbed.append(trainer.step)
        return percentiles_of(trainer)

    percentiles_of = scoring.sorted_corpus_nll
    monkeypatch.setattr(scoring, "sorted_corpus_nll", ladder)
    answers = asked(desk, *(ScoreWord(word, number) for number, word in enumerate(("bera", "dan", "kilo"))))
    assert [(told.request, told.percentile is None) for told in answers] == [
        (0, True), (1, True), (2, True), (0, False), (1, False), (2, False)
    ]  # fmt: skip
    asked(desk, ScoreWord("bera"))
    assert climbed == [3]
    desk.do(StepRun())
    desk.work()
    asked(desk, ScoreWord("bera"))
    assert climbed == [3, 4]


def test_word_of_replaced_run_still_gets_second_reply(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_tasks, "PATIENCE", 0)
    desk.answered.clear()
    desk.do(ScoreWord("bera", 7))
    desk.work(lambda: bool(desk.answered))
    desk.conductor.run_slice()  # the first piece of its place
    desk.do(ResetRun())
    first, second = desk.answered
    assert first == second
    assert second.percentile is None


def test_expensive_corpus_scored_by_sample(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "ALL_WORK", 0)
    monkeypatch.setattr(scoring, "SOME", 40)
    some, again = (asked(desk, ScoreWord("bera"))[-1] for _ in range(2))
    assert some == again
    assert (some.among, some.percentile is not None) == (40, True)
    monkeypatch.setattr(scoring, "ALL_WORK", 10**15)
    asked(desk, StepRun())
    assert asked(desk, ScoreWord("bera"))[-1].among == len(WORDS)
    monkeypatch.setattr(scoring, "MOST_WORDS", len(WORDS) - 1)
    asked(desk, StepRun())
    assert asked(desk, ScoreWord("bera"))[-1].among == 40


@pytest.mark.parametrize("norm", ["batch", "batch-bug"])
def test_many_words_scored_in_chunks_equal_whole(norm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = Corpus("some", tuple(WORDS), "".join(sorted(set("".join(WORDS)))), "0" * 64)
    config = RunConfig(context=4, fuse=(2, 2), n_embd=4, n_hidden=8, norm=norm)
    model = build_model(config, corpus.vocab_size, derived_generator(1, "scored"))
    words = ["", *corpus.words, "m" * 40]
    at_once = run_to_completion(score_words(model, corpus, config, words))
    monkeypatch.setattr(scoring, "CHUNK", 13)
    sizes: list[int] = []
    monkeypatch.setattr(scoring, "PrefixDataset" if norm == "batch" else "WindowDataset", counted(norm, sizes))
    assert run_to_completion(score_words(model, corpus, config, words)).tolist() == pytest.approx(
        at_once.tolist(), abs=1e-6
    )
    assert len(sizes) > len(WORDS) / 5
    assert max(size for size in sizes if size != 41) <= 13 + 8


def counted(norm: str, sizes: list[int]) -> Any:
    """What makes words ready, which notes of how many positions it did."""
    kind: Any = PrefixDataset if norm == "batch" else WindowDataset

    def made(words: list[str], *more: Any) -> Any:
        sizes.append(sum(len(word) + 1 for word in words))
        return kind(words, *more)

    return made


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        (PredictNext("bXa", 5), "“X” does not occur in the corpus words"),
        (ScoreWord("bXéa", 5), "“X”, “é” do not occur in the corpus words"),
        (ScoreWord("b\x1b[2Ja", 5), "word holds a control character"),
        (ScoreWord("a" * 1_001, 5), "a word of 1001 characters is too long"),
        (PredictNext("a\ud800", 5), "prefix holds a control character"),
        (SampleRun(77, SamplingConfig(), 5), "run 77 is unknown"),
        (SampleRun(1, SamplingConfig(prefix="X"), 5), "“X” does not occur in the corpus words"),
    ],
)
def test_impossible_query_refused_to_requester(desk: Desk, question: AnyCommand, problem: str) -> None:
    (refused,) = asked(desk, question)
    assert isinstance(refused, QueryRefused)
    assert (refused.request, refused.problem) == (5, problem)
    assert refused.remedy


def test_nan_weights_give_no_reply_values(desk: Desk) -> None:
    next(iter(trainer_of(desk).model.parameters())).data.fill_(math.nan)
    for question in (PredictNext("b", 1), ScoreWord("b", 1)):
        (refused,) = asked(desk, question)
        assert refused.problem == "the weights give NaN, so there is nothing to sample"


def test_query_without_model_refused() -> None:
    desk = Desk()
    answers = asked(desk, PredictNext("b", 1), ScoreWord("b", 2))
    assert answers == [QueryRefused(request, "there is no model yet", "t trains one") for request in (1, 2)]


def test_long_word_scored_to_its_end(desk: Desk) -> None:
    (told, _) = asked(desk, ScoreWord("a" * 1_000))
    assert len(told.surprises) == 1_001


def test_other_run_sampled_from_last_save_while_active_one_continues(desk: Desk, config: RunConfig) -> None:
    wanted = sample(SamplingConfig(count=5), 1)
    desk.do(StartRun(config, "", steps=1))
    desk.work()
    threads = torch.get_num_threads()
    (told,) = asked(desk, SampleRun(1, SamplingConfig(count=5), 9))
    assert told == RunSampled(1, 3, 9, wanted)
    assert torch.get_num_threads() == threads
    assert desk.conductor._stage.run.identity.number == 2
    (alone,) = asked(Desk(), SampleRun(1, SamplingConfig(count=5), 9))
    assert alone == told


def test_slow_names_reported_as_they_finish(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "TOLD_EVERY", 0.0)
    *some, last = asked(desk, SampleNames(SamplingConfig(count=50), 6))
    counts = [len(told.names) for told in some]
    assert len(counts) > 5
    assert all(queries.MORE * before < after for before, after in pairwise(counts))
    assert not any(told.done for told in some)
    assert last.done
    assert {(told.step, told.request, told.drawn) for told in (*some[1:], last)} == {(3, 6, 50)}
    assert len(last.names) == 50
    monkeypatch.setattr(queries, "TOLD_EVERY", 60.0)
    assert asked(desk, SampleNames(SamplingConfig(count=50), 6)) == [last]


@pytest.mark.parametrize("where", ["prefix_nll", "sorted_corpus_nll"])
def test_failed_query_pauses_no_run(where: str, desk: Desk, config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*given: object) -> Cooperative[None]:
        yield
        raise RuntimeError("CUDA out of memory\nTried to allocate 2 GiB")

    monkeypatch.setattr(queries if where == "prefix_nll" else scoring, where, fails)
    desk.do(StartRun(config, ""))
    desk.do(ScoreWord("bera", 4))
    desk.work(lambda: not desk.conductor._errands.has_work)
    told, *again = desk.answered
    if where == "prefix_nll":
        assert again == []
        assert isinstance(told, QueryRefused)
        assert told.problem == "that cannot be answered (RuntimeError: CUDA out of memory)"
        assert told.remedy.startswith("the run is as it was; ")
    else:
        assert isinstance(told, WordScored)
        assert again == [told]  # for who waits for the second answer
    assert desk.states[-1][0] is RunState.TRAINING
