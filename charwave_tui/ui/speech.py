"""What the model said when it was asked outside of the lab's own names: frozen values and a pure function."""

from __future__ import annotations

from dataclasses import dataclass, replace

from charwave_tui.core.framing import AnyEvent
from charwave_tui.core.protocol import NamesRefused, NamesSampled, RunOpened
from charwave_tui.core.readings import SampledName, Sketch
from charwave_tui.core.speaking import (
    NextPredicted,
    RunSampled,
    SketchDrawn,
    SpeechRefused,
    Star,
    StarsListed,
    WordScored,
)

FIRST_REQUEST = 1_000_000
"""The number of the first question that is not about the lab's own names, whose numbers stay below."""

SKETCHES_KEPT = 2_000
"""Sketches of a timeline that are kept, the newest: more than any run has evaluations in a sitting."""


@dataclass(frozen=True, slots=True)
class Tried:
    """Names drawn from a prefix, those so far until `done`, or why there are none."""

    request: int = 0
    step: int = 0
    names: tuple[SampledName, ...] = ()
    done: bool = True
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Speech:
    """The last answer of each kind, the timeline of the run, and the stars (None before they were told)."""

    predicted: NextPredicted | None = None
    scored: WordScored | None = None
    refused: SpeechRefused | None = None
    sampled: RunSampled | None = None
    tried: Tried = Tried()
    timeline: tuple[Sketch, ...] = ()
    stars: tuple[Star, ...] | None = None


def after(speech: Speech, event: AnyEvent) -> Speech:
    """What was said once `event` has happened."""
    match event:
        case NextPredicted():
            return replace(speech, predicted=event)
        case WordScored():
            return replace(speech, scored=event)
        case SpeechRefused():
            return replace(speech, refused=event)
        case RunSampled():
            return replace(speech, sampled=event)
        case NamesSampled(request=request, step=step, names=names, done=done) if request >= FIRST_REQUEST:
            return replace(speech, tried=Tried(request, step, names, done))
        case NamesRefused(request=request, problem=problem, remedy=remedy) if request >= FIRST_REQUEST:
            return replace(speech, tried=Tried(request, refusal=f"{problem}; {remedy}"))
        case RunOpened(timeline=timeline):
            return replace(speech, timeline=timeline)
        case SketchDrawn(sketch=sketch):
            known = (item for item in speech.timeline if item.step != sketch.step)
            timeline = tuple(sorted((*known, sketch), key=lambda item: item.step))
            return replace(speech, timeline=timeline[-SKETCHES_KEPT:])
        case StarsListed(stars=stars):
            return replace(speech, stars=stars)
        case _:
            return speech
