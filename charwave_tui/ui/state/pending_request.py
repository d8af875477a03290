"""One open question at a time: what is wanted meanwhile is asked once that one is answered."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from time import monotonic

from charwave_tui.core.protocol.commands import Command, InspectLayer
from charwave_tui.core.protocol.events import LayerInspected
from charwave_tui.ui.state.inspector_state import InspectionRequest
from charwave_tui.ui.state.sampler_state import FIRST_REQUEST


class InspectionPoller:
    """Keeps at most one question open; of those that come up meanwhile the newest is asked once that is answered."""

    def __init__(self, asked: int) -> None:
        self.asked = asked
        self.answered: InspectionRequest | None = None
        self._open: InspectionRequest | None = None
        self._again = False

    def ask(self, question: InspectionRequest, *, again: bool = False) -> InspectLayer | None:
        """The command to give now; `again` where the answer may be another by now."""
        if self._open is not None:
            self._again |= again
            return None
        if question == self.answered and not (again or self._again):
            return None
        self._open, self._again = question, False
        self.asked += 1
        return InspectLayer(question.query, question.batch, self.asked)

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


PATIENCE = 5
"""Looks for which an open question is waited for before it is taken for lost; twice as many where it is repeated."""


_NUMBERS = count(FIRST_REQUEST)


Question = Callable[[int], Command]
"""Makes the command that bears the number given."""


class PendingRequest:
    """Questions of one kind; `send` puts a command on its way. No number is used twice in one process.

    Of what training changes no more is asked by itself than takes a `share` of the time, where answers keep the engine.
    """

    def __init__(self, send: Callable[[Command], object], share: float = 1.0) -> None:
        self._send = send
        self._share = share
        self._asked_at = self._rested_at = 0.0
        self._wanted: Question | None = None
        self._looks = 0
        self._patience = PATIENCE
        self._asked: tuple[Command | None, frozenset[int]] = (None, frozenset())
        self.open = 0
        """The number of the question that waits for its answer, 0 where none does."""

    def ask(self, question: Question) -> None:
        """Ask now, or when what is open was answered; of several that wait the last is asked."""
        if self.open:
            self._wanted = question
            return
        plain = question(0)
        known, numbers = self._asked
        again = plain == known
        self.open = next(_NUMBERS)
        # one that is repeated may still be answered as it was asked first: a large model takes its time
        self._asked = (plain, (numbers if again else frozenset()) | {self.open})
        self._patience = 2 * self._patience if again else PATIENCE
        self._looks = 0
        self._asked_at = monotonic()
        self._send(question(self.open))

    def heard(self, request: int) -> bool:
        """Take in an answer's number; whether it answers what was asked last."""
        if not request or request not in self._asked[1]:
            return False
        self._settle()
        now = monotonic()
        self._rested_at = self._asked_at + (now - self._asked_at) / self._share
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            self.ask(wanted)
        return True

    def forget(self) -> None:
        """Wait for no answer any more: who was asked is gone."""
        self._settle()
        self._wanted = None

    def _settle(self) -> None:
        self.open = 0
        self._asked = (None, frozenset())

    def look(self, *, at_rest: bool = False) -> bool:
        """Whether nothing is open, and enough time has passed, of which there is enough where the run is `at_rest`.

        A question that stays open for too long is lost.
        """
        self._looks += 1
        if self.open and self._looks > self._patience:
            self.open = 0
            self._wanted = None
        return not self.open and (at_rest or monotonic() >= self._rested_at)
