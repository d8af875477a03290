"""Keys that are obeyed one after another, in the order in which they were typed."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from time import monotonic
from typing import Generic, Protocol, TypeVar, runtime_checkable

from textual import events
from textual.app import App
from textual.dom import DOMNode
from textual.driver import Driver
from textual.screen import Screen

LAPS = 2
"""How often what was typed is followed from the focus up to the app, where its binding is looked up: once for itself,
and once for the messages that came of it."""


PATIENCE = 0.5
"""Seconds after which the next one goes on all the same; that a widget is gone must not make a keyboard dead."""


ASKED_AGAIN = 0.01
"""Seconds until a widget that needs an answer for a key is asked again whether it has it."""


GIVE_UP = ("escape", "ctrl+c", "ctrl+q")
"""Keys that, typed behind one that needs an answer, drop it where that does not come."""


GRACE = 1.0
"""Seconds that they give it."""


Returned = TypeVar("Returned")
"""What the app leaves behind."""


Typed = events.Key | events.Paste
"""What a person types."""


@runtime_checkable
class AwaitsAnswer(Protocol):
    """A widget for which some keys are about an answer that it has asked for."""

    def awaits(self, key: str) -> bool:
        """Whether the key means nothing before the answer has come."""


class SequentialKeysApp(App[Returned], Generic[Returned]):
    """Holds a key back until what the one before it does is done.

    Textual hands a key to the focus as soon as it comes, and looks up what it means only once it has bubbled back. Of
    keys that come in one burst, as a slow line delivers them, those behind one that moves the focus, opens an editor or
    a screen would go where that was typed, and mean something else there.
    """

    def __init__(self, driver_class: type[Driver] | None = None) -> None:
        super().__init__(driver_class=driver_class)
        self._obeying: Typed | None = None
        self._unanswered = False
        self._queued: deque[Typed] = deque()

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, Typed) or event.is_forwarded:
            await super().on_event(event)
        elif self._obeying is None:
            await self._handle(event)
        else:
            self._queued.append(event)
            if len(self._queued) == 1 and not self._unanswered:
                self._set_deadline(self._obeying)

    async def _handle(self, typed: Typed) -> None:
        self._obeying = typed
        await self._wait(typed, monotonic())

    async def _wait(self, typed: Typed, since: float) -> None:
        """Pass it on once the focus has the answer that it is about; not for ever where somebody wants to leave."""
        if not self.screen_stack:
            self._obeying = None  # the program is about to end
            return
        self._unanswered = _awaited(typed, self.focused)
        leaving = next((key for key in self._queued if isinstance(key, events.Key) and key.key in GIVE_UP), None)
        if not self._unanswered:
            await self._pass_on(typed)
        elif leaving is not None and monotonic() - since > GRACE:
            while self._queued.popleft() is not leaving:
                pass
            await self._handle(leaving)
        else:
            self.set_timer(ASKED_AGAIN, partial(self._wait, typed, since))

    async def _pass_on(self, typed: Typed) -> None:
        if self._queued:
            self._set_deadline(typed)
        way, screen = self._way_up, self.screen
        await super().on_event(typed)
        await self._follow(typed, way, LAPS, screen)

    @property
    def _way_up(self) -> Sequence[DOMNode]:
        return (self.focused or self.screen).ancestors_with_self

    async def _follow(self, typed: Typed, way: Sequence[DOMNode], laps: int, screen: Screen[object]) -> None:
        """Wait in the queue of one after another, behind what is to be followed; then go the way once more, or on.

        The way is gone once more too where it has led to another `screen`, which may have no focus yet.
        """
        for place, node in enumerate(way, start=1):
            if node.call_later(self._follow, typed, way[place:], laps, screen):
                return
        if laps > 1 or (self.screen_stack and self.screen is not screen):
            await self._follow(typed, self._way_up, max(laps - 1, 1), self.screen)
        else:
            await self._go_on(typed)

    def _set_deadline(self, typed: Typed) -> None:
        self.set_timer(PATIENCE, partial(self._go_on, typed))

    async def _go_on(self, obeyed: Typed) -> None:
        if obeyed is self._obeying:
            self._obeying = None
            if self._queued:
                await self._handle(self._queued.popleft())


def _awaited(typed: Typed, focused: object) -> bool:
    return isinstance(typed, events.Key) and isinstance(focused, AwaitsAnswer) and focused.awaits(typed.key)
