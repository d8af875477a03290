"""Starred names as viewers ask for them: listed, added, let go of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from charwave_tui.core.protocol import Command, Event
from charwave_tui.core.speaking import ListStars, Star, StarName, StarsListed, UnstarName
from charwave_tui.core.stars import Stars


class Starring:
    """Answers what is asked of `stars`; what changes them is told to all by `tell`."""

    def __init__(self, stars: Stars, tell: Callable[[Event], None]) -> None:
        self._stars = stars
        self._tell = tell

    def obey(self, command: Command, answer: Callable[[Event], None]) -> bool:
        """Carry out a command about stars; False where it is no such. Raises Mistake."""
        match command:
            case ListStars():
                answer(StarsListed(self._stars.all()))
                return True
            case StarName(name=name, nll=nll, run=run, step=step):
                self._stars.add(Star(name, nll, run, step, datetime.now(UTC).isoformat(timespec="seconds")))
            case UnstarName(name=name):
                self._stars.remove(name)
            case _:
                return False
        self._tell(StarsListed(self._stars.all()))
        return True
