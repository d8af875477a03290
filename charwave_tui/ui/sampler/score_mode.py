"""Score: any word, and how much each of its characters surprises the model."""

from __future__ import annotations

import unicodedata
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType

from charwave_tui.core.readings import State
from charwave_tui.core.sampling import LONGEST_PREFIX
from charwave_tui.core.speaking import ScoreWord, WordScored
from charwave_tui.ui import numbers
from charwave_tui.ui.pieces import Line, Piece
from charwave_tui.ui.sampler.asking import Asking
from charwave_tui.ui.sampler.lines_pane import LinesPane
from charwave_tui.ui.sampler.mode import Mode, model_of, refusal, silence
from charwave_tui.ui.sampler.notebook import Notebook
from charwave_tui.ui.sampler.scores import character_lines, list_lines, put, typed_line, unscored
from charwave_tui.ui.sampler_keys import SCORE_KEYS
from charwave_tui.ui.speech import Speech

SHARE = 0.03
"""The share of the engine's time that a word's place among all words of the corpus may take while training goes on."""


class ScoreMode(Mode):
    """A word that is typed, and the `words` scored so far, the last first; letters are typed, so that none is a key."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in SCORE_KEYS]

    title = "Score"
    keys = SCORE_KEYS

    def __init__(self, left: Notebook) -> None:
        super().__init__(id="score")
        self.words = left.words
        self.scored_by = left.scored_by
        """The model whose scores stand beside the words."""
        self._typed = self._wanted = self._asked = ""
        self._here = 0
        self._refused: tuple[str, str] | None = None
        self._unknown: tuple[str, int] | None = None  # the word that was refused, and the step at which
        self._asking = Asking(self.ask, SHARE)
        self._mine: set[int] = set()  # several may be on their way, of words that were typed in one go
        self._list = LinesPane("Score", id="scored", classes="side keyed")
        self._characters = LinesPane("Each character", id="characters", classes="main")

    def compose(self) -> ComposeResult:
        yield self._list
        yield self._characters

    @property
    def here(self) -> WordScored | None:
        """The word under the cursor."""
        return self.words[self._here] if self.words else None

    def begin(self) -> None:
        self._asking.forget()
        self._refused = None
        if self.ready and self.scored_by != (model := model_of(self.run)):
            self.scored_by, self.words = model, tuple(map(unscored, self.words))
        self._score_anew()

    def look(self) -> None:
        if self._asking.look(at_rest=self.run.state is not State.TRAINING):
            self._score_anew()

    def _score_anew(self) -> None:
        """Ask for the word under the cursor, if the model has moved since it was scored."""
        here, step = self.here, self.run.step
        if self.ready and here and here.step != step and self._unknown != (here.word, step):
            self._score(here.word)

    def watch_speech(self, old: Speech, new: Speech) -> None:
        scored, refused = new.scored, new.refused
        if scored is not None and scored is not old.scored and scored.request in self._mine:
            if scored.percentile is not None:
                self._asking.heard(scored.request)  # until then it has not said all, so that it is not asked again
            self.words, place = put(self.words, scored)
            if self._wanted == scored.word:
                self._here, self._wanted = place, ""
        elif refused is not None and refused is not old.refused and self._asking.heard(refused.request):
            self._refused, self._unknown = (refused.problem, refused.remedy), (self._asked, self.run.step)
            self._typed = self._typed or self._wanted  # so that it can be put right
            self._wanted = ""
        else:
            return
        self.update()

    async def _on_key(self, event: events.Key) -> None:
        bound = event.key in self._bindings.key_to_bindings
        if not bound and event.is_printable and event.character:
            event.stop()
            event.prevent_default()
            self._typed = (self._typed + event.character)[:LONGEST_PREFIX]
            self._refused = None
            self.update()

    def action_score(self) -> None:
        if self._typed and self.ready:
            self._wanted, self._typed, self._refused = unicodedata.normalize("NFC", self._typed), "", None
            self._asking.forget()
            self._score(self._wanted)
            self.update()

    def action_walk(self, places: int) -> None:
        if self.words:
            self._here = min(max(self._here + places, 0), len(self.words) - 1)
            self._refused = None
            if self.here and not self.here.surprises:
                self._score_anew()
            self.update()

    def action_page(self, pages: int) -> None:
        self.action_walk(pages * max(self._list.room[1] - 3, 1))

    def action_undo(self, what: str) -> None:
        self._typed, self._refused = "" if what == "all" else self._typed[:-1], None
        self.update()

    def update(self) -> None:
        if not self.is_mounted or not self.on_screen:
            return
        silent = list(silence(self.run))
        width, height = self._list.room
        wrong: list[Line] = list(refusal(self.run, *self._refused, width)) if self._refused else silent
        above = [typed_line(self._typed, width), *wrong, *([()] if height > 6 else [])]
        self._list.draw([*above, *list_lines(self.words, self._here, width, height - len(above))])
        self._list.note = f"{self._here + 1} of {len(self.words)}" if len(self.words) > 1 else ""
        self._characters.draw(self._of_the_word())
        known = self.here
        self._characters.remark = f"step {numbers.steps(known.step)}" if known and known.surprises else ""
        self._characters.note = known.word if known else ""

    def _of_the_word(self) -> list[Line]:
        if self.here is None:
            return [
                (Piece("Type a word, and ", "muted"), Piece("enter", "accent", True), Piece(" scores it.", "muted"))
            ]
        return character_lines(self.here, *self._characters.room)

    def _score(self, word: str) -> None:
        self._asked = word

        def question(number: int) -> ScoreWord:
            self._mine.add(number)
            return ScoreWord(word, number)

        self._asking.ask(question)
