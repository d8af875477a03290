"""Requests to the engine of which one is open at a time."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from time import monotonic

from charwave_tui.core.protocol.commands import Command
from charwave_tui.ui.state.sampler_state import FIRST_REQUEST

POLLS_UNTIL_LOST = 5  # twice as many each time that the same request is repeated

_NUMBERS = count(FIRST_REQUEST)

# builds the command with a request number
CommandBuilder = Callable[[int], Command]


class PendingRequest:
    """Requests of one kind, of which at most one is open; of those made meanwhile the newest is sent after the reply.

    `send` sends a command, with a request number that is unique in the process. Polling takes at most `time_share` of
    the time. A request that stays open for `POLLS_UNTIL_LOST` polls counts as lost.
    """

    def __init__(self, send: Callable[[Command], object], time_share: float = 1.0) -> None:
        self.number = 0  # of the open request, 0 if there is none
        self.answered: Command | None = None  # the command of the last reply, with request number 0
        self._send = send
        self._time_share = time_share
        self._sent: Command | None = None  # with request number 0
        self._sent_numbers: frozenset[int] = frozenset()
        self._sent_at = self._next_poll_at = 0.0
        self._polls = 0
        self._polls_until_lost = POLLS_UNTIL_LOST
        self._next: CommandBuilder | None = None
        self._next_repeats = False

    def request(self, build: CommandBuilder, *, repeat: bool = True) -> None:
        """Send the command now, or after the reply to the open request.

        Without `repeat` it is sent only if it differs from the one that was answered last.
        """
        if self.number:
            self._next = build
            self._next_repeats |= repeat
            return
        command = build(0)
        if command == self.answered and not repeat:
            return
        is_repeated = command == self._sent
        self.number = next(_NUMBERS)
        # a repeated request may still get the reply to its first number: a large model takes its time
        self._sent_numbers = (self._sent_numbers if is_repeated else frozenset()) | {self.number}
        self._sent = command
        self._polls_until_lost = 2 * self._polls_until_lost if is_repeated else POLLS_UNTIL_LOST
        self._polls = 0
        self._sent_at = monotonic()
        self._send(build(self.number))

    def accept(self, number: int, seconds: float | None = None) -> bool:
        """Take in a reply's number; return whether it answers the last request.

        `seconds` is the time that the reply took the engine; without it the time since the request counts.
        """
        if not number or number not in self._sent_numbers:
            return False
        seconds = monotonic() - self._sent_at if seconds is None else seconds
        self._next_poll_at = self._sent_at + seconds / self._time_share
        self.answered = self._sent
        build, repeat = self._next, self._next_repeats
        self.cancel()
        if build is not None:
            self.request(build, repeat=repeat)
        return True

    def cancel(self) -> None:
        """Expect no reply any more."""
        self.number = 0
        self._sent, self._sent_numbers = None, frozenset()
        self._next, self._next_repeats = None, False

    def poll(self, *, at_rest: bool = False) -> bool:
        """Return whether a request may be sent: none is open, and the time share allows it or the run is `at_rest`."""
        self._polls += 1
        if self.number and self._polls > self._polls_until_lost:
            self.number = 0
            self._next, self._next_repeats = None, False
        return not self.number and (at_rest or monotonic() >= self._next_poll_at)
