"""Score a word."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import ClassVar

import msgspec
from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType

from charwave_tui.core.config.sampling_config import LONGEST_PREFIX
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import ScoreWord
from charwave_tui.core.protocol.events import WordScored
from charwave_tui.ui.drawing.number_format import format_nll, format_steps
from charwave_tui.ui.drawing.styled_text import (
    Span,
    StyledLine,
    cell_width,
    highlight,
    justify,
    readable,
    scroll_top,
    shorten,
)
from charwave_tui.ui.keymap import SCORE_KEYS
from charwave_tui.ui.sampler import step_views
from charwave_tui.ui.sampler.mode import SamplerMemory, SamplerMode, empty_state_text, model_of, refusal
from charwave_tui.ui.state.pending_request import PendingRequest
from charwave_tui.ui.state.sampler_state import SamplerState
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.text_lines import TextPane

MOST_WORDS = 100
"""Words that are remembered."""


_TOTAL, _MEAN, _SHARE, _MARK = 7, 7, 7, 9


def typed_line(text: str, width: int) -> StyledLine:
    """What is being typed, with a cursor; of a long one its end."""
    seen = readable(text)
    while seen and cell_len(seen) > width - 7:
        seen = seen[1:]
    return (Span("word  ", "muted"), Span(seen, "bright", True), Span(" ", background="accent"))


def origin(word: WordScored) -> tuple[Span, str]:
    """The glyph for where a word is known from, and the words for it."""
    if word.known == word.word:
        return Span(GLYPHS.corpus, "muted"), "corpus"
    return (Span(GLYPHS.near, "muted"), "near") if word.known else (Span(GLYPHS.new, "train"), "new")


def unscored(word: WordScored) -> WordScored:
    """The word alone, for a model that has not scored it."""
    return WordScored(-1, word.request, word.word, (), "")


def upsert_score(words: tuple[WordScored, ...], scored: WordScored) -> tuple[tuple[WordScored, ...], int]:
    """The words with a score in the place of the word's last one, or before all others; and that place."""
    place = next((place for place, known in enumerate(words) if known.word == scored.word), None)
    if place is None:
        return (scored, *words)[:MOST_WORDS], 0
    if scored.percentile is None:
        before = words[place]  # its place in the corpus stands until the new one is known
        scored = msgspec.structs.replace(scored, percentile=before.percentile, among=before.among)
    return (*words[:place], scored, *words[place + 1 :]), place


def percentile(word: WordScored) -> str:
    """The share of the corpus that surprises more: `62%`, near the ends `99.7%`; a dash until it is known."""
    share = word.percentile
    if share is None:
        return GLYPHS.dash
    return f"{share:.0f}%" if 1 <= share <= 99 or share in (0, 100) else f"{share:.1f}%"


def score_list(words: Sequence[WordScored], here: int, width: int, room: int) -> list[StyledLine]:
    """The words in at most `room` lines with the one under the cursor among them."""
    if not words or room < 2:
        return []
    fixed = _TOTAL + _MEAN + _SHARE + _MARK
    head: StyledLine = (Span(f"{'nats':>{_TOTAL}}{'/char':>{_MEAN}}{'pct':>{_SHARE}}{'':{_MARK}}", "muted"),)
    lines = [justify((Span("  word", "muted"),), head, width)]
    top = scroll_top(here, len(words), room - 1)
    for place, word in enumerate(words[top : top + room - 1], start=top):
        marked = step_views.scored_chars(word.word, word.surprises)
        mark, known = origin(word) if marked else (Span(" "), "")
        total, mean = (format_nll(of(marked)) if marked else GLYPHS.dash for of in (step_views.total, step_views.mean))
        figures = f"{total:>{_TOTAL}}{mean:>{_MEAN}}"
        right: StyledLine = (Span(figures), Span(f"{percentile(word):>{_SHARE}}  "), mark, Span(f" {known:6}", "muted"))
        name = Span(shorten(readable(word.word), max(width - fixed - 3, 1)), "bright", place == here)
        left = (Span(f"{GLYPHS.cursor if place == here else ' '} ", "accent"), name)
        line = justify(left, right, width)
        lines.append(highlight(line) if place == here else line)
    return lines


def character_lines(word: WordScored, width: int, height: int) -> list[StyledLine]:
    """The word character by character in `height` lines, as a table where there is room, and what it comes to."""
    marked = step_views.scored_chars(word.word, word.surprises)
    if not marked:
        return [(Span("This model has not scored it yet.", "muted"),)]
    mark, known = origin(word)
    total = justify(
        (*step_views.sums(marked, "total"), Span("   "), mark, Span(f" {_origin_told(word, known)}", "muted")),
        (),
        width,
    )
    sums = [total, _place(word, width)]
    if height >= len(marked) + 2 + len(sums):
        return [step_views.HEAD, *(step_views.row(mark, (), width) for mark in marked), (), *sums]
    made = step_views.wrapped_chars(marked, width)
    return [*made[: max(height - len(sums), 1)], *sums]


def _origin_told(word: WordScored, known: str) -> str:
    """Where a word is known from, with the word that it is near to."""
    return f"near {readable(word.known)}" if known == "near" else known


def _place(word: WordScored, width: int) -> StyledLine:
    """Where the word stands among those of the corpus."""
    if word.percentile is None:
        return (Span("finding its place in the corpus", "muted"),)
    share = Span(percentile(word), "bright", True)
    for behind in (f" of {word.among:,} corpus words", " of the corpus", ""):
        line: StyledLine = (Span("less surprising than ", "muted"), share, Span(behind, "muted"))
        if cell_width(line) <= width:
            return line
    return (share,)


SHARE = 0.03
"""The share of the engine's time that a word's place among all words of the corpus may take while training goes on."""


class ScoreMode(SamplerMode):
    """A word that is typed, and the `words` scored so far, the last first; letters are typed, so that none is a key."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in SCORE_KEYS]

    title = "Score"
    keys = SCORE_KEYS

    def __init__(self, left: SamplerMemory) -> None:
        super().__init__(id="score")
        self.words = left.words
        self.scored_by = left.scored_by
        """The model whose scores stand beside the words."""
        self._typed = self._wanted = self._asked = ""
        self._here = 0
        self._refused: tuple[str, str] | None = None
        self._unknown: tuple[str, int] | None = None  # the word that was refused, and the step at which
        self._asking = PendingRequest(self.ask, SHARE)
        self._mine: set[int] = set()  # several may be on their way, of words that were typed in one go
        self._list = TextPane("Score", id="scored", classes="side keyed")
        self._characters = TextPane("Each character", id="characters", classes="main")

    def compose(self) -> ComposeResult:
        yield self._list
        yield self._characters

    @property
    def here(self) -> WordScored | None:
        """The word under the cursor."""
        return self.words[self._here] if self.words else None

    def load(self) -> None:
        self._asking.cancel()
        self._refused = None
        if self.ready and self.scored_by != (model := model_of(self.run)):
            self.scored_by, self.words = model, tuple(map(unscored, self.words))
        self._score_anew()

    def poll(self) -> None:
        if self._asking.poll(at_rest=self.run.state is not RunState.TRAINING):
            self._score_anew()

    def _score_anew(self) -> None:
        """Ask for the word under the cursor, if the model has moved since it was scored."""
        here, step = self.here, self.run.step
        if self.ready and here and here.step != step and self._unknown != (here.word, step):
            self._score(here.word)

    def watch_speech(self, old: SamplerState, new: SamplerState) -> None:
        scored, refused = new.scored, new.refused
        if scored is not None and scored is not old.scored and scored.request in self._mine:
            if scored.percentile is not None:
                self._asking.accept(scored.request)  # until then it has not said all, so that it is not asked again
            self.words, place = upsert_score(self.words, scored)
            if self._wanted == scored.word:
                self._here, self._wanted = place, ""
        elif refused is not None and refused is not old.refused and self._asking.accept(refused.request):
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
            self._asking.cancel()
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
        self.action_walk(pages * max(self._list.inner_size[1] - 3, 1))

    def action_undo(self, what: str) -> None:
        self._typed, self._refused = "" if what == "all" else self._typed[:-1], None
        self.update()

    def update(self) -> None:
        if not self.is_mounted or not self.on_screen:
            return
        silent = list(empty_state_text(self.run))
        width, height = self._list.inner_size
        wrong: list[StyledLine] = list(refusal(self.run, *self._refused, width)) if self._refused else silent
        above = [typed_line(self._typed, width), *wrong, *([()] if height > 6 else [])]
        self._list.set_lines([*above, *score_list(self.words, self._here, width, height - len(above))])
        self._list.note = f"{self._here + 1} of {len(self.words)}" if len(self.words) > 1 else ""
        self._characters.set_lines(self._of_the_word())
        known = self.here
        self._characters.remark = f"step {format_steps(known.step)}" if known and known.surprises else ""
        self._characters.note = known.word if known else ""

    def _of_the_word(self) -> list[StyledLine]:
        if self.here is None:
            return [(Span("Type a word, and ", "muted"), Span("enter", "accent", True), Span(" scores it.", "muted"))]
        return character_lines(self.here, *self._characters.inner_size)

    def _score(self, word: str) -> None:
        self._asked = word

        def question(number: int) -> ScoreWord:
            self._mine.add(number)
            return ScoreWord(word, number)

        self._asking.request(question)
