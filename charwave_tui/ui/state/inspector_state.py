"""When a layer is asked for anew: one question at a time, the newest, and no oftener than it may cost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from charwave_tui.core.protocol.layer_insights import InsightQuery, ProbeBatch


@dataclass(frozen=True, slots=True)
class ViewCursor:
    """Where a person points: the layer's place in the model, a part of its view, and what each view has to point at.

    `position`, `unit` and `example` are places in what the layer puts out (of a Linear, `example` is the row of the
    matrix and `unit` its column), `symbol` an id of the vocabulary, `text` a context that was typed, `figure` the label
    of the figure that is explained, empty for none.
    """

    layer: int = 0
    part: int = 0
    position: int = 0
    unit: int = 0
    example: int = 0
    symbol: int = 1
    text: str = ""
    figure: str = ""


EVERY = 1.0
"""Seconds between two looks while training moves the layer, at least."""


SHARE = 0.03
"""The share of the engine's time that looking may take."""


BATCHES = (32, 128, 512, 2_048)
"""How many examples a person may look at."""


@dataclass(frozen=True, slots=True)
class InspectorSelection:
    """How a person looks: where at, at which examples, and how many questions that has taken."""

    gaze: ViewCursor = field(default_factory=ViewCursor)
    batch: ProbeBatch = field(default_factory=ProbeBatch)
    asked: int = 0


def selection_for(place: int, text: str, last: InspectorSelection) -> InspectorSelection:
    """A look at the layer of that place, as the last one was left where it was the same.

    `text` is what a person steps along elsewhere; it is followed unless it is empty.
    """
    gaze = replace(last.gaze, layer=place, text=text or last.gaze.text)
    return replace(last, gaze=gaze if last.gaze.layer == place else replace(gaze, part=0))


@dataclass(frozen=True, slots=True)
class InspectionRequest:
    """What is to be known."""

    query: InsightQuery
    batch: ProbeBatch


def polling_interval(seconds: float) -> float:
    """How long to wait after an answer that took the engine so many seconds."""
    return max(EVERY, seconds / SHARE)


def next_batch_size(batch: ProbeBatch) -> ProbeBatch:
    """The next size of the batch, the first after the last."""
    following = next((size for size in BATCHES if size > batch.examples), BATCHES[0])
    return ProbeBatch(following, batch.seed)
