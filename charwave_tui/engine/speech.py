"""What a model says when it is asked: names, the next character, the score of a word."""

from __future__ import annotations

import time
from collections.abc import Callable

from charwave_tui.core.corpus import LONGEST_WORD, Corpus
from charwave_tui.core.protocol import Event, NamesSampled, SampleNames
from charwave_tui.core.readings import SampledName
from charwave_tui.core.sampling import Letters
from charwave_tui.core.speaking import NextPredicted, PredictNext, ScoreWord, WordScored
from charwave_tui.engine.nearness import nearness
from charwave_tui.engine.pieces import Pieces
from charwave_tui.engine.randomness import side_stream
from charwave_tui.engine.sampler import Drawing
from charwave_tui.engine.scoring import surprises
from charwave_tui.engine.trainer import Trainer

TOLD_EVERY = 0.1
"""Seconds after which the names that are finished are told while others are still drawn."""

MORE = 1.25
"""Times as many names must be finished until they are told anew: all that is told comes to a few times the names."""

Answer = Callable[[Event], None]
"""How the one who asked is told."""


def names(trainer: Trainer, command: SampleNames, answer: Answer) -> Pieces[None]:
    """Draw names, and tell of them as they come; raises Mistake."""
    stream = side_stream(command.sampling.seed, "sampling")
    drawing = Drawing(trainer.model, trainer.corpus, trainer.config, command.sampling, stream)

    def told(found: tuple[SampledName, ...], done: bool) -> NamesSampled:
        return NamesSampled(trainer.step, command.request, found, done, drawing.drawn)

    work, told_of = drawing.names(), 0
    due = time.monotonic() + TOLD_EVERY
    while True:
        try:
            next(work)
        except StopIteration as end:
            answer(told(end.value, True))
            return
        if time.monotonic() >= due:
            if len(found := drawing.so_far()) > MORE * told_of:
                answer(told(found, False))
                told_of = len(found)
            due = time.monotonic() + TOLD_EVERY
        yield


def next_character(trainer: Trainer, command: PredictNext) -> Pieces[NextPredicted]:
    """What may follow a prefix; raises Mistake."""
    prefix, corpus = spelled("prefix", command.prefix), trainer.corpus
    odds = yield from surprises(trainer.model, corpus, trainer.config, prefix)  # [1 + characters, V]
    path = tuple(odds[place, number].item() for place, number in enumerate(corpus.encode(prefix)))
    return NextPredicted(trainer.step, command.request, prefix, tuple(odds[-1].tolist()), path)


def word_score(trainer: Trainer, command: ScoreWord) -> Pieces[WordScored]:
    """How much a word surprises, without its place in the corpus; raises Mistake."""
    word, corpus = spelled("word", command.word), trainer.corpus
    odds = yield from surprises(trainer.model, corpus, trainer.config, word)  # [1 + characters, V]
    path = tuple(odds[place, number].item() for place, number in enumerate([*corpus.encode(word), 0]))
    known = yield from known_as(corpus, word)
    return WordScored(trainer.step, command.request, word, path, known)


def known_as(corpus: Corpus, word: str) -> Pieces[str]:
    """`word` itself where the corpus has it, else a word of the corpus that is one edit away, else nothing."""
    if word in corpus.words_set:
        return word
    there = yield from nearness(corpus)
    return there.near([word])[0] if there is not None else ""


def spelled(what: str, text: str) -> str:
    """The `text` that a person asks about, in NFC as a corpus is; raises Mistake where it can be no word."""
    value = Letters(LONGEST_WORD).parse(what, text)
    assert isinstance(value, str)
    return value
