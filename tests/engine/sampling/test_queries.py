"""Next characters and word scores against plain softmax, refused queries, timeline samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from support.dispatcher_harness import WORDS, DispatcherHarness, small_config

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import SamplingConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.metrics import RunState, TimelineSample
from charwave_tui.core.protocol.commands import (
    Command,
    ForkRun,
    OpenRun,
    PredictNext,
    PrepareRun,
    ResetRun,
    RewindRun,
    SampleNames,
    SampleRun,
    ScoreWord,
    StartRun,
    StepRun,
)
from charwave_tui.core.protocol.events import Event, QueryRefused, RunOpened, RunSampled, TimelineSampled, WordScored
from charwave_tui.engine.api import sample
from charwave_tui.engine.data.prefix_dataset import PrefixDataset
from charwave_tui.engine.data.window_dataset import WindowDataset
from charwave_tui.engine.model.architecture import build_model
from charwave_tui.engine.model.hooks import module_mode
from charwave_tui.engine.runs.active_run import ActiveRun
from charwave_tui.engine.runs.checkpoint import load_latest_checkpoint
from charwave_tui.engine.runtime.cooperative import Cooperative, run_to_completion
from charwave_tui.engine.runtime.random_streams import derived_generator
from charwave_tui.engine.sampling import queries, scoring
from charwave_tui.engine.sampling.queries import TIMELINE_SAMPLING, sample_for_timeline
from charwave_tui.engine.sampling.scoring import score_words
from charwave_tui.engine.service import background_tasks
from charwave_tui.engine.training.trainer import Trainer


@pytest.fixture(params=["batch", "batch-bug"])
def config(request: pytest.FixtureRequest, words: Path) -> RunConfig:
    return small_config(words, max_steps=40, eval_every=1_000, norm=request.param)


@pytest.fixture
def harness(config: RunConfig) -> DispatcherHarness:
    """One with a run paused after three steps."""
    harness = DispatcherHarness()
    harness.send(StartRun(config, "", steps=3))
    harness.run_until_idle()
    harness.clear_events()
    return harness


def trainer_of(harness: DispatcherHarness) -> Trainer:
    return harness.dispatcher.active_run.trainer


def replies_to(harness: DispatcherHarness, *commands: Command) -> list[Any]:
    harness.replies.clear()
    harness.send(*commands)
    harness.run_until_idle()
    return list(harness.replies)


def probabilities(trainer: Trainer, corpus: Corpus, text: str) -> list[float]:
    """Return softmax(logits) after `text`, from its window alone, as in the lecture."""
    context = trainer.config.context
    window = ([0] * context + corpus.encode(text))[-context:]
    with module_mode(trainer.model, training=False):
        chances: list[float] = trainer.model(torch.tensor([window])).softmax(1)[0].tolist()
    return chances


@pytest.mark.parametrize("prefix", ["", "b", "bera", "berasolinano"])
def test_next_character_probabilities_equal_softmax(harness: DispatcherHarness, prefix: str) -> None:
    (reply,) = replies_to(harness, PredictNext(prefix, 4))
    assert (reply.step, reply.request, reply.prefix) == (3, 4, prefix)
    trainer = trainer_of(harness)
    plain = probabilities(trainer, trainer.corpus, prefix)
    assert [math.exp(-surprise) for surprise in reply.nlls] == pytest.approx(plain, abs=1e-6)
    assert sum(math.exp(-surprise) for surprise in reply.nlls) == pytest.approx(1, abs=1e-12)
    ids = trainer.corpus.encode(prefix)
    path = [
        -math.log(probabilities(trainer, trainer.corpus, prefix[:place])[number]) for place, number in enumerate(ids)
    ]
    assert list(reply.prefix_nlls) == pytest.approx(path, abs=1e-5)


def test_word_scored_at_once_and_percentile_follows(harness: DispatcherHarness) -> None:
    at_once, later = replies_to(harness, ScoreWord("bera", 7))
    assert (at_once.step, at_once.request, at_once.word, at_once.percentile, at_once.compared_words) == (
        3,
        7,
        "bera",
        None,
        0,
    )
    trainer = trainer_of(harness)
    ids = [*trainer.corpus.encode("bera"), 0]
    plain = [
        -math.log(probabilities(trainer, trainer.corpus, "bera"[:place])[number]) for place, number in enumerate(ids)
    ]
    assert list(at_once.nlls) == pytest.approx(plain, abs=1e-5)
    scoring_all = score_words(trainer.model, trainer.corpus, trainer.config, trainer.corpus.words)
    means = run_to_completion(scoring_all).tolist()
    mean = sum(plain) / len(plain)
    expected = 100 * sum(other > mean + 1e-6 for other in means) / len(means)
    assert later.compared_words == len(WORDS)
    assert later.percentile == pytest.approx(expected, abs=100 / len(WORDS))
    assert without_percentile(later) == at_once


def without_percentile(reply: WordScored) -> WordScored:
    return WordScored(reply.step, reply.request, reply.word, reply.nlls, reply.nearest_word)


def test_word_known_as_itself_or_as_near_word(harness: DispatcherHarness) -> None:
    known = {word: replies_to(harness, ScoreWord(word))[0].nearest_word for word in ("bera", "beraa", "", "tokolo")}
    assert known == {"bera": "bera", "beraa": "bera", "": "", "tokolo": ""}
    assert len(replies_to(harness, ScoreWord(""))[0].nlls) == 1


def test_words_scored_at_same_step_share_corpus_scores(
    harness: DispatcherHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    climbed = []

    def ladder(trainer: Trainer) -> Cooperative[list[float]]:
        climbed.append(trainer.step)
        return percentiles_of(trainer)

    percentiles_of = scoring.sorted_corpus_nll
    monkeypatch.setattr(scoring, "sorted_corpus_nll", ladder)
    answers = replies_to(harness, *(ScoreWord(word, number) for number, word in enumerate(("bera", "dan", "kilo"))))
    assert [(reply.request, reply.percentile is None) for reply in answers] == [
        (0, True), (1, True), (2, True), (0, False), (1, False), (2, False)
    ]  # fmt: skip
    replies_to(harness, ScoreWord("bera"))
    assert climbed == [3]
    harness.send(StepRun())
    harness.run_until_idle()
    replies_to(harness, ScoreWord("bera"))
    assert climbed == [3, 4]


def test_word_of_replaced_run_still_gets_second_reply(
    harness: DispatcherHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_tasks, "SLICE_SECONDS", 0)
    harness.replies.clear()
    harness.send(ScoreWord("bera", 7))
    harness.run_until_idle(lambda: bool(harness.replies))
    harness.dispatcher.run_slice()  # the first piece of its place
    harness.send(ResetRun())
    first, second = harness.replies
    assert first == second
    assert second.percentile is None


def test_expensive_corpus_scored_by_sample(harness: DispatcherHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "MAX_MULTIPLICATIONS", 0)
    monkeypatch.setattr(scoring, "WORD_SAMPLE_SIZE", 40)
    partial, again = (replies_to(harness, ScoreWord("bera"))[-1] for _ in range(2))
    assert partial == again
    assert (partial.compared_words, partial.percentile is not None) == (40, True)
    monkeypatch.setattr(scoring, "MAX_MULTIPLICATIONS", 10**15)
    replies_to(harness, StepRun())
    assert replies_to(harness, ScoreWord("bera"))[-1].compared_words == len(WORDS)
    monkeypatch.setattr(scoring, "MAX_WORDS", len(WORDS) - 1)
    replies_to(harness, StepRun())
    assert replies_to(harness, ScoreWord("bera"))[-1].compared_words == 40


@pytest.mark.parametrize("norm", ["batch", "batch-bug"])
def test_many_words_scored_in_chunks_equal_whole(norm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = Corpus("some", tuple(WORDS), "".join(sorted(set("".join(WORDS)))), "0" * 64)
    config = RunConfig(context=4, fuse=(2, 2), n_embd=4, n_hidden=8, norm=norm)
    model = build_model(config, corpus.vocab_size, derived_generator(1, "scored"))
    words = ["", *corpus.words, "m" * 40]
    at_once = run_to_completion(score_words(model, corpus, config, words))
    monkeypatch.setattr(scoring, "POSITIONS_PER_CHUNK", 13)
    sizes: list[int] = []
    monkeypatch.setattr(scoring, "PrefixDataset" if norm == "batch" else "WindowDataset", counting_dataset(norm, sizes))
    assert run_to_completion(score_words(model, corpus, config, words)).tolist() == pytest.approx(
        at_once.tolist(), abs=1e-6
    )
    assert len(sizes) > len(WORDS) / 5
    assert max(size for size in sizes if size != 41) <= 13 + 8


def counting_dataset(norm: str, sizes: list[int]) -> Any:
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
        (ScoreWord("a" * 1_001, 5), "a word of 1,001 characters is too long"),
        (PredictNext("a\ud800", 5), "prefix holds a control character"),
        (SampleRun(77, SamplingConfig(), 5), "run 77 is unknown"),
        (SampleRun(1, SamplingConfig(prefix="X"), 5), "“X” does not occur in the corpus words"),
    ],
)
def test_impossible_query_refused_to_requester(harness: DispatcherHarness, question: Command, problem: str) -> None:
    (refused,) = replies_to(harness, question)
    assert isinstance(refused, QueryRefused)
    assert (refused.request, refused.problem) == (5, problem)
    assert refused.remedy


def test_nan_weights_give_no_reply_values(harness: DispatcherHarness) -> None:
    next(iter(trainer_of(harness).model.parameters())).data.fill_(math.nan)
    for question in (PredictNext("b", 1), ScoreWord("b", 1)):
        (refused,) = replies_to(harness, question)
        assert refused.problem == "the weights give NaN, so there is nothing to sample"


def test_query_without_model_refused() -> None:
    harness = DispatcherHarness()
    answers = replies_to(harness, PredictNext("b", 1), ScoreWord("b", 2))
    assert answers == [QueryRefused(request, "there is no model yet", "t trains one") for request in (1, 2)]


def test_long_word_scored_to_its_end(harness: DispatcherHarness) -> None:
    (reply, _) = replies_to(harness, ScoreWord("a" * 1_000))
    assert len(reply.nlls) == 1_001


def test_other_run_sampled_from_last_save_while_active_one_continues(
    harness: DispatcherHarness, config: RunConfig
) -> None:
    expected = sample(SamplingConfig(count=5), 1)
    harness.send(StartRun(config, "", steps=1))
    harness.run_until_idle()
    threads = torch.get_num_threads()
    (reply,) = replies_to(harness, SampleRun(1, SamplingConfig(count=5), 9))
    assert reply == RunSampled(1, 3, 9, expected)
    assert torch.get_num_threads() == threads
    assert harness.dispatcher.active_run.identity.number == 2
    (alone,) = replies_to(DispatcherHarness(), SampleRun(1, SamplingConfig(count=5), 9))
    assert alone == reply


def test_slow_names_reported_as_they_finish(harness: DispatcherHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "PARTIAL_REPLY_SECONDS", 0.0)
    *partial, last = replies_to(harness, SampleNames(SamplingConfig(count=50), 6))
    counts = [len(reply.names) for reply in partial]
    assert len(counts) > 5
    assert all(queries.PARTIAL_REPLY_GROWTH * before < after for before, after in pairwise(counts))
    assert not any(reply.done for reply in partial)
    assert last.done
    assert {(reply.step, reply.request, reply.attempts) for reply in (*partial[1:], last)} == {(3, 6, 50)}
    assert len(last.names) == 50
    monkeypatch.setattr(queries, "PARTIAL_REPLY_SECONDS", 60.0)
    assert replies_to(harness, SampleNames(SamplingConfig(count=50), 6)) == [last]


@pytest.mark.parametrize("where", ["prefix_nll", "sorted_corpus_nll"])
def test_failed_query_pauses_no_run(
    where: str, harness: DispatcherHarness, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*given: object) -> Cooperative[None]:
        yield
        raise RuntimeError("CUDA out of memory\nTried to allocate 2 GiB")

    monkeypatch.setattr(queries if where == "prefix_nll" else scoring, where, fails)
    harness.send(StartRun(config, ""))
    harness.send(ScoreWord("bera", 4))
    harness.run_until_idle(lambda: not harness.dispatcher.background_tasks.has_work)
    reply, *again = harness.replies
    if where == "prefix_nll":
        assert again == []
        assert isinstance(reply, QueryRefused)
        assert reply.problem == "that cannot be answered (RuntimeError: CUDA out of memory)"
        assert reply.remedy.startswith("the run is as it was; ")
    else:
        assert isinstance(reply, WordScored)
        assert again == [reply]  # for who waits for the second answer
    assert harness.states[-1][0] is RunState.TRAINING


@pytest.fixture
def timeline_config(words: Path) -> RunConfig:
    return small_config(words, max_steps=40, eval_every=10)


def timeline_samples(harness: DispatcherHarness) -> list[TimelineSample]:
    return [event.sample for event in harness.events_of(TimelineSampled)]


def opened_timeline(harness: DispatcherHarness) -> tuple[TimelineSample, ...]:
    event: RunOpened = harness.events_of(RunOpened)[-1]
    return event.timeline


def run_to_end(timeline_config: RunConfig) -> DispatcherHarness:
    harness = DispatcherHarness()
    harness.send(StartRun(timeline_config, ""))
    harness.run_until_idle()
    return harness


def test_timeline_names_sampled_untrained_and_per_evaluation_with_one_seed(timeline_config: RunConfig) -> None:
    harness = run_to_end(timeline_config)
    assert [sketch.step for sketch in timeline_samples(harness)] == [0, 10, 20, 30, 40]
    for sketch in timeline_samples(harness):
        assert len(sketch.names) == TIMELINE_SAMPLING.count
        assert all(name.nlls == () for name in sketch.names)
    trainer = harness.dispatcher.active_run.trainer
    assert run_to_completion(sample_for_timeline(trainer)) == timeline_samples(harness)[-1]
    untrained = Trainer(trainer.config, trainer.corpus, trainer.device)
    assert (
        run_to_completion(sample_for_timeline(untrained))
        == timeline_samples(harness)[0]
        != timeline_samples(harness)[-1]
    )


def test_timeline_sent_to_new_viewer_and_saved(timeline_config: RunConfig) -> None:
    harness = run_to_end(timeline_config)
    harness.dispatcher.send_snapshot(harness.replies.append)
    (run,) = [event for event in harness.replies if isinstance(event, RunOpened)]
    assert (
        run.timeline
        == tuple(timeline_samples(harness))
        == load_latest_checkpoint(harness.store.folder_of(1), pytest.fail).resume_state.timeline
    )


def test_untrained_model_without_run_has_no_timeline(timeline_config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.send(PrepareRun(timeline_config, ""))
    assert not harness.dispatcher.busy
    assert opened_timeline(harness) == ()


def test_timeline_continues_after_reopening_and_in_fork(timeline_config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(timeline_config, "", steps=25))
    harness.run_until_idle()
    before = timeline_samples(harness)
    assert [sketch.step for sketch in before] == [0, 10, 20]
    harness.dispatcher.shut_down()
    other = DispatcherHarness()
    other.send(OpenRun(1, train=True))
    assert list(opened_timeline(other)) == before
    other.run_until_idle()
    assert [sketch.step for sketch in timeline_samples(other)] == [30, 40]
    other.send(ForkRun(1))
    assert list(opened_timeline(other)) == before + timeline_samples(other)


def test_reset_restarts_timeline(timeline_config: RunConfig) -> None:
    harness = run_to_end(timeline_config)
    first = timeline_samples(harness)[0]
    harness.clear_events()
    harness.send(ResetRun())
    assert opened_timeline(harness) == ()
    harness.run_until_idle()
    assert timeline_samples(harness) == [first]


def test_diverged_run_keeps_timeline_when_opened_or_rewound(timeline_config: RunConfig) -> None:
    harness = DispatcherHarness()
    harness.send(StartRun(timeline_config, "", steps=25))
    harness.run_until_idle()
    before = timeline_samples(harness)
    trainer = harness.dispatcher.active_run.trainer
    next(iter(trainer.model.parameters())).data.fill_(float("nan"))
    harness.send(StepRun())
    harness.run_until_idle()
    harness.dispatcher.shut_down()
    other = DispatcherHarness()
    other.send(OpenRun(1))
    assert list(opened_timeline(other)) == before
    other.send(RewindRun())
    assert list(opened_timeline(other)) == before


def test_nan_weights_leave_no_names_and_no_error(timeline_config: RunConfig) -> None:
    reply: list[Event] = []
    run = ActiveRun(timeline_config, "", reply.append)
    next(iter(run.trainer.model.parameters())).data.fill_(float("nan"))
    run_to_completion(background_tasks.add_timeline_sample(run))
    assert reply == []
    assert run.history.timeline == ()


def test_timeline_does_not_change_training(
    timeline_config: RunConfig, monkeypatch: pytest.MonkeyPatch, bit_identical: Callable[..., bool]
) -> None:
    def nothing(run: ActiveRun) -> Cooperative[None]:
        return
        yield

    weights = []
    for sketches in (True, False):
        if not sketches:
            monkeypatch.setattr(background_tasks, "add_timeline_sample", nothing)
        harness = run_to_end(replace(timeline_config, drop_context=0.2))
        weights.append(harness.dispatcher.active_run.trainer.state_dict())
        assert bool(timeline_samples(harness)) is sketches
    assert bit_identical(*weights)
