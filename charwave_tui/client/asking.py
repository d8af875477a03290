"""Questions about the model that an engine holds, as a script puts them: one at a time, each with its answer."""

from __future__ import annotations

from charwave_tui.client.talking import Talk
from charwave_tui.core.framing import AnyEvent
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.protocol import LayersProbed, NamesRefused, NamesSampled, ProbeLayers, RunOpened, SampleNames
from charwave_tui.core.readings import LayerStats, SampledName
from charwave_tui.core.sampling import Sampling
from charwave_tui.core.speaking import NextPredicted, PredictNext, ScoreWord, SpeechRefused, WordScored

_REQUEST = 1
"""The number of the one question of a talk."""


async def names_of(talk: Talk, sampling: Sampling) -> tuple[SampledName, ...]:
    """Names from the model as it is; raises Mistake, EngineUnavailable."""
    talk.send(SampleNames(sampling, _REQUEST))
    while not (isinstance(event := await _answer(talk), NamesSampled) and event.done):
        pass
    return event.names


async def next_after(talk: Talk, prefix: str) -> NextPredicted:
    """What may follow `prefix`; raises Mistake, EngineUnavailable."""
    talk.send(PredictNext(prefix, _REQUEST))
    while not isinstance(event := await _answer(talk), NextPredicted):
        pass
    return event


async def score_of(talk: Talk, word: str) -> WordScored:
    """How much `word` surprises the model, with its place in the corpus; raises Mistake, EngineUnavailable."""
    talk.send(ScoreWord(word, _REQUEST))
    scored: list[WordScored] = []
    while len(scored) < 2:  # the surprises at once, and again with the place
        if isinstance(event := await _answer(talk), WordScored):
            scored.append(event)
    return scored[-1]


async def layers_of(talk: Talk) -> tuple[LayerStats, ...]:
    """Statistics of every layer; raises Mistake, EngineUnavailable."""
    talk.send(ProbeLayers())
    while not isinstance(event := await _answer(talk), LayersProbed):
        pass
    return event.layers


async def _answer(talk: Talk) -> AnyEvent:
    """The next event; raises Mistake where it says that there will be no answer."""
    run = talk.opened.run if talk.opened else None
    match event := await talk.hear():
        case NamesRefused(problem=problem, remedy=remedy) | SpeechRefused(problem=problem, remedy=remedy):
            raise Mistake(problem, remedy)
        case RunOpened(run=other) if other != run:
            raise Mistake(f"run {run} gave way to another before it answered", "ask again")
    return event
