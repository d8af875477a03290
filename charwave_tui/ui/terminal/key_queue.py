"""An app base that handles keys one after another, in the order in which they were typed."""

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
from textual.widgets import Input

from charwave_tui.core.escaping import JOINERS, shown_alone
from charwave_tui.ui.terminal.keyboard_layouts import is_foreign_letter, latin_key

LAP_COUNT = 2  # from the focus up to the app: once for the key, once for the messages that its binding posted
KEY_TIMEOUT = 0.5  # seconds until the next key goes on anyway: a widget that is gone must not block the keyboard
REPLY_POLL_INTERVAL = 0.01  # seconds between two looks at whether a widget has its reply
GIVE_UP_KEYS = ("escape", "ctrl+c", "ctrl+q")  # typed behind a key that waits for a reply, they drop it ...
GIVE_UP_DELAY = 1.0  # ... after so many seconds
REFUSAL_INTERVAL = 2.0  # seconds between two notices: a terminal without bracketed paste types what is pasted

Returned = TypeVar("Returned")
Typed = events.Key | events.Paste


@runtime_checkable
class AwaitsReply(Protocol):
    """A widget some of whose keys refer to a reply that it has requested."""

    def awaits(self, key: str) -> bool:
        """Return whether the key has no meaning before the reply has come."""


@runtime_checkable
class TakesText(Protocol):
    """A widget, no Input, in which letters are typed."""

    takes_text: bool


class SequentialKeysApp(App[Returned], Generic[Returned]):
    """An app that holds a key back until the one before it has been handled.

    Textual forwards a key to the focus as soon as it comes, and looks up its binding only when it has bubbled back. In
    a burst, as a slow line delivers it, the keys behind one that moves the focus or opens an editor or a screen would
    go to the widget that had the focus when it came, where they mean something else.

    Where no text is typed, a letter of another keyboard layout acts as the Latin key in its place. Of a pasted text the
    first line is taken, without control characters.
    """

    def __init__(self, driver_class: type[Driver] | None = None) -> None:
        super().__init__(driver_class=driver_class)
        self._handling: Typed | None = None
        self._awaits_reply = False
        self._queued: deque[Typed] = deque()
        self._has_named_layout = False
        self._refused_at = float("-inf")

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, Typed) or event.is_forwarded:
            await super().on_event(event)
        elif self._handling is None:
            await self._handle(event)
        else:
            self._queued.append(event)
            if len(self._queued) == 1 and not self._awaits_reply:
                self._set_deadline(self._handling)

    async def _handle(self, event: Typed) -> None:
        translated = self._translate(event) if self.screen_stack else event
        self._handling = translated or event
        if translated is None:
            self.call_later(self._handle_next, event)  # not at once: a thousand such letters would nest as deep
        else:
            await self._forward_when_replied(translated, monotonic())

    async def _forward_when_replied(self, event: Typed, since: float) -> None:
        """Forward it once the focus has the reply it refers to; a key that gives up behind it ends the wait."""
        if not self.screen_stack:
            self._handling = None  # the program is about to end
            return
        self._awaits_reply = _awaits_reply(event, self.focused)
        give_up = next((key for key in self._queued if isinstance(key, events.Key) and key.key in GIVE_UP_KEYS), None)
        if not self._awaits_reply:
            await self._forward(event)
        elif give_up is not None and monotonic() - since > GIVE_UP_DELAY:
            while self._queued.popleft() is not give_up:
                pass
            await self._handle(give_up)
        else:
            self.set_timer(REPLY_POLL_INTERVAL, partial(self._forward_when_replied, event, since))

    async def _forward(self, event: Typed) -> None:
        if self._queued:
            self._set_deadline(event)
        path, screen = self._focus_path, self.screen
        await super().on_event(event)
        await self._follow(event, path, LAP_COUNT, screen)

    def _translate(self, event: Typed) -> Typed | None:
        """Return what the focus receives of an event; None for a letter that is no key, which a notice says."""
        if isinstance(event, events.Paste):
            return events.Paste(pasted_line(event.text))
        if _takes_text(self.focused) or event.character is None or not is_foreign_letter(event.character):
            return event
        letter, key = shown_alone(event.character), latin_key(event)
        if key is None and monotonic() > self._refused_at + REFUSAL_INTERVAL:
            self._refused_at = monotonic()
            self.notify(f"{letter} is no key here; the keys are Latin letters", markup=False)
        elif key is not None and not self._has_named_layout:
            self._has_named_layout = True
            text = f"{letter} acts as {key.character}, the Latin key in its place"
            self.notify(f"{text}\nso do the other letters of this keyboard layout", markup=False)
        return key

    @property
    def _focus_path(self) -> Sequence[DOMNode]:
        return (self.focused or self.screen).ancestors_with_self

    async def _follow(self, event: Typed, path: Sequence[DOMNode], laps: int, screen: Screen[object]) -> None:
        """Queue behind the event in each node of the path to the app, then repeat for the remaining laps.

        One more lap follows if the event has led to another `screen`, which may have no focus yet.
        """
        for index, node in enumerate(path, start=1):
            if node.call_later(self._follow, event, path[index:], laps, screen):
                return
        if laps > 1 or (self.screen_stack and self.screen is not screen):
            await self._follow(event, self._focus_path, max(laps - 1, 1), self.screen)
        else:
            await self._handle_next(event)

    def _set_deadline(self, event: Typed) -> None:
        self.set_timer(KEY_TIMEOUT, partial(self._handle_next, event))

    async def _handle_next(self, handled: Typed) -> None:
        if handled is self._handling:
            self._handling = None
            if self._queued:
                await self._handle(self._queued.popleft())


def _takes_text(focused: object) -> bool:
    return isinstance(focused, Input) or (isinstance(focused, TakesText) and focused.takes_text)


def pasted_line(text: str) -> str:
    """Return the first line of a text that is not blank, without control and invisible characters."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    return "".join(symbol for symbol in line if symbol.isprintable() or symbol in JOINERS)


def _awaits_reply(event: Typed, focused: object) -> bool:
    return isinstance(event, events.Key) and isinstance(focused, AwaitsReply) and focused.awaits(event.key)
