"""When a layer is asked for anew: one question at a time, the newest, and no oftener than it may cost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from charwave_tui.core.insights import Lens, ProbeBatch
from charwave_tui.core.inspection import InspectLayer, LayerInspected
from charwave_tui.ui.insight.shown import Gaze

EVERY = 1.0
"""Seconds between two looks while training moves the layer, at least."""

SHARE = 0.03
"""The share of the engine's time that looking may take."""

BATCHES = (32, 128, 512, 2_048)
"""How many examples a person may look at."""


@dataclass(frozen=True, slots=True)
class Looking:
    """How a person looks: where at, at which examples, and how many questions that has taken."""

    gaze: Gaze = field(default_factory=Gaze)
    batch: ProbeBatch = field(default_factory=ProbeBatch)
    asked: int = 0


def looking_at(place: int, text: str, last: Looking) -> Looking:
    """A look at the layer of that place, as the last one was left where it was the same.

    `text` is what a person steps along elsewhere; it is followed unless it is empty.
    """
    gaze = replace(last.gaze, layer=place, text=text or last.gaze.text)
    return replace(last, gaze=gaze if last.gaze.layer == place else replace(gaze, part=0))


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be known."""

    lens: Lens
    batch: ProbeBatch


class Asking:
    """Keeps at most one question open; of those that come up meanwhile the newest is asked once that is answered."""

    def __init__(self, asked: int) -> None:
        self.asked = asked
        self.answered: Question | None = None
        self._open: Question | None = None
        self._again = False

    def ask(self, question: Question, *, again: bool = False) -> InspectLayer | None:
        """The command to give now; `again` where the answer may be another by now."""
        if self._open is not None:
            self._again |= again
            return None
        if question == self.answered and not (again or self._again):
            return None
        self._open, self._again = question, False
        self.asked += 1
        return InspectLayer(question.lens, question.batch, self.asked)

    def heard(self, answer: LayerInspected) -> bool:
        """Whether this is the answer to the open question."""
        if self._open is None or answer.request != self.asked:
            return False
        self.answered, self._open = self._open, None
        return True

    def give_up(self) -> None:
        """Expect no answer any more."""
        self._open = None

    def forget(self) -> None:
        """Expect no answer any more, and trust none that came."""
        self.answered = self._open = None


def rest(seconds: float) -> float:
    """How long to wait after an answer that took the engine so many seconds."""
    return max(EVERY, seconds / SHARE)


def larger(batch: ProbeBatch) -> ProbeBatch:
    """The next size of the batch, the first after the last."""
    following = next((size for size in BATCHES if size > batch.examples), BATCHES[0])
    return ProbeBatch(following, batch.seed)
