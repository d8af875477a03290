"""Commands and events about what the model says: the next character, the score of a word, names kept and starred."""

from __future__ import annotations

import msgspec

from charwave_tui.core.protocol import Command, Event
from charwave_tui.core.readings import SampledName, Sketch
from charwave_tui.core.sampling import Sampling


class PredictNext(Command, frozen=True):
    """Tell what may follow `prefix`, from the model as it is; a viewer knows its own answer by `request`."""

    prefix: str
    request: int = 0


class ScoreWord(Command, frozen=True):
    """Tell how much each character of `word` surprises the model, at once, and then its place in the corpus."""

    word: str
    request: int = 0


class SampleRun(Command, frozen=True):
    """Draw names from the last save of another run."""

    run: int
    sampling: Sampling
    request: int = 0


class ListStars(Command, frozen=True):
    """Tell the names that were starred."""


class StarName(Command, frozen=True):
    """Keep a name with where it came from; one that is starred already stays as it is."""

    name: str
    nll: float
    run: int | None
    step: int


class UnstarName(Command, frozen=True):
    """Let go of a starred name."""

    name: str


class Star(msgspec.Struct, frozen=True):
    """A name that a person liked, the run and step that it came from (no run: the model in the box), and when."""

    name: str
    nll: float
    run: int | None
    step: int
    starred: str


class NextPredicted(Event, frozen=True):
    """What may follow `prefix` after `step`: −log p of every id from the boundary up, which ends the name, at T = 1.

    `path` is −log p of each character of the prefix, in nats.
    """

    step: int
    request: int
    prefix: str
    surprises: tuple[float, ...]
    path: tuple[float, ...]


class WordScored(Event, frozen=True):
    """How much `word` surprises the model after `step`: −log p of each character and of its end, in nats.

    `percentile` is the share of corpus words, in per cent, whose mean surprise is larger: None in the first answer, for
    it takes the scores of `among` words, which may be all of the corpus or a sample of it. `known` is the word itself
    where the corpus has it, else a word of the corpus that is one edit away, empty where there is none.
    """

    step: int
    request: int
    word: str
    surprises: tuple[float, ...]
    known: str
    percentile: float | None = None
    among: int = 0


class SpeechRefused(Event, frozen=True):
    """Why PredictNext, ScoreWord or SampleRun has no answer, and what to do."""

    request: int
    problem: str
    remedy: str


class RunSampled(Event, frozen=True):
    """Names of another run as it was saved after `step`."""

    run: int
    step: int
    request: int
    names: tuple[SampledName, ...]


class SketchDrawn(Event, frozen=True):
    """The run's timeline grew by names drawn with the same chance as all before them."""

    sketch: Sketch


class StarsListed(Event, frozen=True):
    """All starred names, newest first: told to who asks, and to all when they change."""

    stars: tuple[Star, ...]
