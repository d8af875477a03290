"""Answers to SampleNames, SampleRun, PredictNext, ScoreWord; timeline samples."""

from __future__ import annotations

import time

import msgspec
import torch

from charwave_tui.core.config.sampling_config import CharacterText, SamplingConfig
from charwave_tui.core.corpus import MAX_WORD_LENGTH, Corpus
from charwave_tui.core.metrics import SampledName, TimelineSample
from charwave_tui.core.protocol.commands import PredictNext, SampleNames, SampleRun, ScoreWord
from charwave_tui.core.protocol.events import NamesSampled, NextPredicted, RunSampled, WordScored
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.runs.restore import load_for_inference
from charwave_tui.engine.runtime.cooperative import Cooperative, Reply
from charwave_tui.engine.runtime.random_streams import derived_generator
from charwave_tui.engine.sampling.near_words import nearness
from charwave_tui.engine.sampling.sampler import NameSampler, sample_cooperatively
from charwave_tui.engine.sampling.scoring import prefix_nll
from charwave_tui.engine.training.trainer import Trainer

TOLD_EVERY = 0.1
"""Seconds after which the names that are finished are told while others are still drawn."""


MORE = 1.25
"""Times as many names must be finished until they are told anew: all that is told comes to a few times the names."""


def answer_sample_names(trainer: Trainer, command: SampleNames, answer: Reply) -> Cooperative[None]:
    """Draw names, and tell of them as they come; raises Mistake."""
    stream = derived_generator(command.sampling.seed, "sampling")
    drawing = NameSampler(trainer.model, trainer.corpus, trainer.config, command.sampling, stream)

    def told(found: tuple[SampledName, ...], done: bool) -> NamesSampled:
        return NamesSampled(trainer.step, command.request, found, done, drawing.drawn)

    work, told_of = drawing.sample(), 0
    due = time.monotonic() + TOLD_EVERY
    while True:
        try:
            next(work)
        except StopIteration as end:
            answer(told(end.value, True))
            return
        if time.monotonic() >= due:
            if len(found := drawing.finished()) > MORE * told_of:
                answer(told(found, False))
                told_of = len(found)
            due = time.monotonic() + TOLD_EVERY
        yield


def answer_predict_next(trainer: Trainer, command: PredictNext) -> Cooperative[NextPredicted]:
    """What may follow a prefix; raises Mistake."""
    prefix, corpus = normalize_text("prefix", command.prefix), trainer.corpus
    odds = yield from prefix_nll(trainer.model, corpus, trainer.config, prefix)  # [1 + characters, V]
    path = tuple(odds[place, number].item() for place, number in enumerate(corpus.encode(prefix)))
    return NextPredicted(trainer.step, command.request, prefix, tuple(odds[-1].tolist()), path)


def answer_score_word(trainer: Trainer, command: ScoreWord) -> Cooperative[WordScored]:
    """How much a word surprises, without its place in the corpus; raises Mistake."""
    word, corpus = normalize_text("word", command.word), trainer.corpus
    odds = yield from prefix_nll(trainer.model, corpus, trainer.config, word)  # [1 + characters, V]
    path = tuple(odds[place, number].item() for place, number in enumerate([*corpus.encode(word), 0]))
    known = yield from nearest_corpus_word(corpus, word)
    return WordScored(trainer.step, command.request, word, path, known)


def nearest_corpus_word(corpus: Corpus, word: str) -> Cooperative[str]:
    """`word` itself where the corpus has it, else a word of the corpus that is one edit away, else nothing."""
    if word in corpus.word_set:
        return word
    there = yield from nearness(corpus)
    return there.near([word])[0] if there is not None else ""


def normalize_text(what: str, text: str) -> str:
    """The `text` that a person asks about, in NFC as a corpus is; raises Mistake where it can be no word."""
    value = CharacterText(MAX_WORD_LENGTH).parse(what, text)
    assert isinstance(value, str)
    return value


def answer_sample_run(store: RunStore, command: SampleRun, answer: Reply) -> Cooperative[None]:
    """Draw names as `api.sample` does, without touching the run in hand, whose threads are its own; raises Mistake."""
    threads = torch.get_num_threads()
    try:
        record, corpus, trainer = load_for_inference(store, command.run)
    finally:
        torch.set_num_threads(threads)
    yield
    stream = derived_generator(command.sampling.seed, "sampling")
    drawing = NameSampler(trainer.model, corpus, record.config, command.sampling, stream)
    names = yield from drawing.sample()
    answer(RunSampled(record.run, record.step, command.request, names))


SKETCH = SamplingConfig(count=12)
"""How the names of a timeline are drawn, with a stream of its own for each seed of a run."""


def sample_for_timeline(trainer: Trainer) -> Cooperative[TimelineSample]:
    """Names of the model as it is, which must stand still meanwhile; raises Mistake where its weights give NaN."""
    step, stream = trainer.step, derived_generator(trainer.config.seed, "timeline")
    names = yield from sample_cooperatively(trainer.model, trainer.corpus, trainer.config, SKETCH, stream)
    return TimelineSample(step, tuple(msgspec.structs.replace(name, surprises=()) for name in names))
