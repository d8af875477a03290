"""Step by step: a name is typed, chosen or rolled character by character, and what may follow stands beside it."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType

from charwave_tui.core.sampling import LONGEST_PREFIX
from charwave_tui.ui import numbers
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import Line, Piece
from charwave_tui.ui.sampler.distribution import Distribution
from charwave_tui.ui.sampler.lines_pane import LinesPane
from charwave_tui.ui.sampler.mode import refusal, silence
from charwave_tui.ui.sampler.notebook import Notebook
from charwave_tui.ui.sampler.path_lines import PathView
from charwave_tui.ui.sampler.predicting import Predicting
from charwave_tui.ui.sampler.stepping import order_of, walked
from charwave_tui.ui.sampler_keys import STEP_KEYS

ASKED_OF_THE_MODEL = frozenset({"enter", "space", "up", "down", "pageup", "pagedown"})
"""Keys that mean nothing before the model has told what may follow."""


class StepMode(Predicting):
    """A prefix and what may come next; letters are typed, so that none of them is a key."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in STEP_KEYS]

    title = "Step by step"
    keys = STEP_KEYS

    def __init__(self, left: Notebook) -> None:
        super().__init__(left.stepping, id="step")
        self._path = LinesPane("Step by step", id="path", classes="side")
        self._next = LinesPane("Next character", id="next", classes="main keyed")

    def compose(self) -> ComposeResult:
        yield self._path
        yield self._next

    def awaits(self, key: str) -> bool:
        """Whether the key is about what may follow, and that is still to be told."""
        return key in ASKED_OF_THE_MODEL and self.waiting

    async def _on_key(self, event: events.Key) -> None:
        if event.key not in self._bindings.key_to_bindings and event.is_printable and event.character:
            event.stop()
            event.prevent_default()
            self._type(event.character)

    def _type(self, text: str) -> None:
        longer = self.stepping.typed(text)
        if not self.ready:
            return
        if self.stepping.full:
            self._say_full()
        elif longer.among(self.symbols) != longer:
            corpus = self.run.corpus.name if self.run.corpus else "the corpus"
            self.notify(f"{text!r} is not among the characters of {corpus}", severity="warning", markup=False)
        else:
            self.go(longer)

    def _say_full(self) -> None:
        if not self.stepping.ended:  # which the pane says already
            why = f"a prefix has at most {LONGEST_PREFIX} characters\n{GLYPHS.erase} takes the last back"
            self.notify(why, severity="warning", markup=False)

    def action_walk(self, places: int) -> None:
        if self.known is not None and not self.stepping.ended:
            self.go(self.stepping.at(walked(order_of(self.known.surprises), self.stepping.here, places)))

    def action_take(self) -> None:
        if self.stepping.full:
            self._say_full()
        elif self.known is not None:
            order = order_of(self.known.surprises)
            here = self.stepping.here
            self.go(self.stepping.taken(here if here in order else order[0], self.symbols))

    def action_roll(self) -> None:
        if self.stepping.full:
            self._say_full()
        elif self.known is not None and all(surprise == surprise for surprise in self.known.surprises):
            self.go(self.stepping.rolled(self.known.surprises, self.sampling.seed, self.symbols))

    def action_undo(self, what: str) -> None:
        self.go(self.stepping.cleared() if what == "all" else self.stepping.back())

    def action_warm(self, places: int) -> None:
        self.go(self.stepping.warmed(places))

    def update(self) -> None:
        if not self.is_mounted or not self.on_screen:
            return
        words = tuple(silence(self.run))
        if not words and self.refused is not None:
            words = tuple(refusal(self.run, *self.refused, self._next.room[0]))
        context = self.run.config.context if self.run.config else 8
        seen = PathView(self.stepping, self.known, self.tried, context)
        self._path.draw(seen.lines(*self._path.room))
        self._next.draw(words or self._after())
        step = f"step {numbers.steps(self.known.step)} {GLYPHS.dot} " if self.known else ""
        self._next.remark = "" if words or self.stepping.ended else f"{step}sorted by p"

    def _after(self) -> list[Line]:
        if self.stepping.ended:
            name = (Piece(self.stepping.prefix or GLYPHS.none, "bright", True), Piece(" has ended."))
            back = (Piece(GLYPHS.erase, "accent", True), Piece(" takes the end back, ", "muted"))
            return [name, (*back, Piece("^u", "accent", True), Piece(" begins anew.", "muted"))]
        if self.known is None:
            return []
        spread_out = Distribution.of(self.known.surprises, self.stepping.column, self.symbols)
        return spread_out.lines(self.stepping.prefix, self.stepping.here, *self._next.room)
