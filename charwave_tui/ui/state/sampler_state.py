"""Replies to the sampler's requests, and their reducer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from charwave_tui.core.metrics import SampledName, StarredName, TimelineSample
from charwave_tui.core.protocol.events import (
    Event,
    NamesRefused,
    NamesSampled,
    NextPredicted,
    QueryRefused,
    RunOpened,
    RunSampled,
    StarsListed,
    TimelineSampled,
    WordScored,
)

# requests of the lab for its own names have smaller numbers
FIRST_REQUEST = 1_000_000

# more than the evaluations of any session
MAX_TIMELINE_SAMPLES = 2_000


@dataclass(frozen=True, slots=True)
class PrefixSamples:
    """Names drawn from a prefix, those so far until `done`, or why there are none."""

    request: int = 0
    step: int = 0
    names: tuple[SampledName, ...] = ()
    done: bool = True
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class SamplerState:
    """The last answer of each kind, the timeline of the run, and the stars (None before they were told)."""

    predicted: NextPredicted | None = None
    scored: WordScored | None = None
    refused: QueryRefused | None = None
    sampled: RunSampled | None = None
    tried: PrefixSamples = PrefixSamples()
    timeline: tuple[TimelineSample, ...] = ()
    stars: tuple[StarredName, ...] | None = None


def reduce_sampler(state: SamplerState, event: Event) -> SamplerState:
    match event:
        case NextPredicted():
            return replace(state, predicted=event)
        case WordScored():
            return replace(state, scored=event)
        case QueryRefused():
            return replace(state, refused=event)
        case RunSampled():
            return replace(state, sampled=event)
        case NamesSampled(request=request, step=step, names=names, done=done) if request >= FIRST_REQUEST:
            return replace(state, tried=PrefixSamples(request, step, names, done))
        case NamesRefused(request=request, problem=problem) if request >= FIRST_REQUEST:
            return replace(state, tried=PrefixSamples(request, refusal=problem))
        case RunOpened(timeline=timeline):
            return replace(state, timeline=timeline)
        case TimelineSampled(sample=sample):
            known = (item for item in state.timeline if item.step != sample.step)
            timeline = tuple(sorted((*known, sample), key=lambda item: item.step))
            return replace(state, timeline=timeline[-MAX_TIMELINE_SAMPLES:])
        case StarsListed(stars=stars):
            return replace(state, stars=stars)
        case _:
            return state
