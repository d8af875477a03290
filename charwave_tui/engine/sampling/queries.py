"""Replies to SampleNames, SampleRun, PredictNext and ScoreWord, and samples for the timeline of a run."""

from __future__ import annotations

import time

import msgspec
import torch

from charwave_tui.core.config.sampling_config import MIN_AUTO_LONGEST, CharacterText, SamplingConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.corpus.reading import MAX_WORD_LENGTH
from charwave_tui.core.metrics import SampledName, TimelineSample
from charwave_tui.core.protocol.commands import PredictNext, SampleNames, SampleRun, ScoreWord
from charwave_tui.core.protocol.events import NamesSampled, NextPredicted, RunSampled, WordScored
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.runs.restore import load_for_inference
from charwave_tui.engine.runtime.cooperative import Cooperative, Reply
from charwave_tui.engine.runtime.random_streams import derived_generator
from charwave_tui.engine.sampling.near_words import near_word_index
from charwave_tui.engine.sampling.sampler import NameSampler
from charwave_tui.engine.sampling.scoring import prefix_nll
from charwave_tui.engine.training.trainer import Trainer

PARTIAL_REPLY_SECONDS = 0.1  # between replies with the names finished so far
PARTIAL_REPLY_GROWTH = 1.25  # finished names since the last reply, so that all replies come to a few times the names
TIMELINE_SAMPLING = SamplingConfig(count=12)


def answer_sample_names(trainer: Trainer, command: SampleNames, reply: Reply) -> Cooperative[None]:
    """Sample names and reply with them as they are finished; raises UserError."""
    generator = derived_generator(command.sampling.seed, "sampling")
    sampler = NameSampler(trainer.model, trainer.corpus, trainer.config, command.sampling, generator)

    def names_sampled(names: tuple[SampledName, ...], done: bool) -> NamesSampled:
        return NamesSampled(trainer.step, command.request, names, done, sampler.sampled)

    sampling, replied = sampler.sample(), 0
    next_reply_at = time.monotonic() + PARTIAL_REPLY_SECONDS
    while True:
        try:
            next(sampling)
        except StopIteration as end:
            reply(names_sampled(end.value, True))
            return
        if time.monotonic() >= next_reply_at:
            if len(finished := sampler.finished()) > PARTIAL_REPLY_GROWTH * replied:
                reply(names_sampled(finished, False))
                replied = len(finished)
            next_reply_at = time.monotonic() + PARTIAL_REPLY_SECONDS
        yield


def answer_sample_run(store: RunStore, command: SampleRun, reply: Reply) -> Cooperative[None]:
    """Sample names from the latest checkpoint of a run in `store`; raises UserError."""
    threads = torch.get_num_threads()  # those of the active run
    try:
        record, corpus, trainer = load_for_inference(store, command.run)
    finally:
        torch.set_num_threads(threads)
    yield
    generator = derived_generator(command.sampling.seed, "sampling")
    names = yield from NameSampler(trainer.model, corpus, record.config, command.sampling, generator).sample()
    reply(RunSampled(record.run, record.step, command.request, names))


def answer_predict_next(trainer: Trainer, command: PredictNext) -> Cooperative[NextPredicted]:
    """Return the distribution of the character after a prefix; raises UserError."""
    prefix, corpus = normalize_text("prefix", command.prefix), trainer.corpus
    nll = yield from prefix_nll(trainer.model, corpus, trainer.config, prefix)  # [1 + characters, V]
    path = tuple(nll[row, symbol].item() for row, symbol in enumerate(corpus.encode(prefix)))
    return NextPredicted(trainer.step, command.request, prefix, tuple(nll[-1].tolist()), path)


def answer_score_word(trainer: Trainer, command: ScoreWord) -> Cooperative[WordScored]:
    """Return the nll of each character of a word, without its percentile; raises UserError."""
    word, corpus = normalize_text("word", command.word), trainer.corpus
    nll = yield from prefix_nll(trainer.model, corpus, trainer.config, word)  # [1 + characters, V]
    path = tuple(nll[row, symbol].item() for row, symbol in enumerate([*corpus.encode(word), 0]))
    nearest = yield from nearest_corpus_word(corpus, word)
    return WordScored(trainer.step, command.request, word, path, nearest)


def nearest_corpus_word(corpus: Corpus, word: str) -> Cooperative[str | None]:
    """Return `word` if the corpus has it, else one an edit away, else ""; None if the words are missing."""
    if corpus.missing is not None:
        return None
    if corpus.in_corpus([word])[0]:
        return word
    index = yield from near_word_index(corpus)
    return index.find([word])[0] if index is not None else ""


def normalize_text(name: str, text: str) -> str:
    """Return the user's `text` in NFC, as corpora are; raises UserError, which calls it `name`."""
    value = CharacterText(MAX_WORD_LENGTH).parse(name, text)
    assert isinstance(value, str)
    return value


def sample_for_timeline(trainer: Trainer) -> Cooperative[TimelineSample]:
    """Sample names for the timeline, with the same random draws at every step; raises UserError on weights of NaN."""
    step, generator = trainer.step, derived_generator(trainer.config.seed, "timeline")
    model, corpus, config = trainer.model, trainer.corpus, trainer.config
    # longer names would slow training down, and each snapshot of the run has all samples
    sampler = NameSampler(model, corpus, config, TIMELINE_SAMPLING, generator, MIN_AUTO_LONGEST)
    names = yield from sampler.sample()
    return TimelineSample(step, tuple(msgspec.structs.replace(name, nlls=()) for name in names))
