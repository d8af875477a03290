"""What the model said when it was asked outside of the lab's own names: frozen values and a pure function."""

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


# the newest; more than any run has evaluations in a session
SKETCHES_KEPT = 2_000


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


def reduce_sampler(speech: SamplerState, event: Event) -> SamplerState:
    """What was said once `event` has happened."""
    match event:
        case NextPredicted():
            return replace(speech, predicted=event)
        case WordScored():
            return replace(speech, scored=event)
        case QueryRefused():
            return replace(speech, refused=event)
        case RunSampled():
            return replace(speech, sampled=event)
        case NamesSampled(request=request, step=step, names=names, done=done) if request >= FIRST_REQUEST:
            return replace(speech, tried=PrefixSamples(request, step, names, done))
        case NamesRefused(request=request, problem=problem) if request >= FIRST_REQUEST:
            return replace(speech, tried=PrefixSamples(request, refusal=problem))
        case RunOpened(timeline=timeline):
            return replace(speech, timeline=timeline)
        case TimelineSampled(sample=sketch):
            known = (item for item in speech.timeline if item.step != sketch.step)
            timeline = tuple(sorted((*known, sketch), key=lambda item: item.step))
            return replace(speech, timeline=timeline[-SKETCHES_KEPT:])
        case StarsListed(stars=stars):
            return replace(speech, stars=stars)
        case _:
            return speech
