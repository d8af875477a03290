"""Score mode: how probable the model finds a typed word, character by character, and compared with the corpus."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import ClassVar

import msgspec
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType

from charwave_tui.core.config.sampling_config import MAX_NAME_LENGTH
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import ScoreWord
from charwave_tui.core.protocol.events import QueryRefused, WordScored
from charwave_tui.ui.drawing.name_style import novelty_mark
from charwave_tui.ui.drawing.number_format import format_nll, format_steps
from charwave_tui.ui.drawing.styled_text import (
    Span,
    StyledLine,
    cell_width,
    highlight,
    justify,
    key_span,
    readable,
    scroll_top,
    shorten,
    tail_within,
)
from charwave_tui.ui.keymap import SCORE_KEYS
from charwave_tui.ui.sampler import step_views
from charwave_tui.ui.sampler.mode import SamplerMode, model_identity, unavailable_lines
from charwave_tui.ui.state.pending_request import PendingRequest
from charwave_tui.ui.state.sampler_state import SamplerState
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.text_lines import TextPane

MAX_WORDS = 100
MAX_TIME_FRACTION = 0.03  # of the engine's time while training: a percentile takes the scores of many corpus words
TOTAL_COLUMNS, MEAN_COLUMNS, PERCENTILE_COLUMNS, NOVELTY_COLUMNS = 7, 7, 7, 9


def typed_line(text: str, width: int) -> StyledLine:
    visible = tail_within(readable(text), width - 7)
    return (Span("word  ", "muted"), Span(visible, "bright", True), Span(" ", background="accent"))


def _novelty(word: WordScored) -> tuple[Span, str]:
    nearest = word.nearest_word
    return novelty_mark(None if nearest is None else nearest == word.word, nearest or "")


def upsert_score(words: tuple[WordScored, ...], scored: WordScored) -> tuple[tuple[WordScored, ...], int]:
    """Replace the score of the same word, or insert it before all others; return the words and its index."""
    index = next((index for index, word in enumerate(words) if word.word == scored.word), None)
    if index is None:
        return (scored, *words)[:MAX_WORDS], 0
    if scored.percentile is None:  # the previous percentile stands until the new one is computed
        previous = words[index]
        scored = msgspec.structs.replace(scored, percentile=previous.percentile, compared_words=previous.compared_words)
    return (*words[:index], scored, *words[index + 1 :]), index


def format_percentile(word: WordScored) -> str:
    """Format the percentage of corpus words with a higher nll: `62%`, `99.7%`, or a dash until it is computed."""
    percentile = word.percentile
    if percentile is None:
        return GLYPHS.dash
    return f"{percentile:.0f}%" if 1 <= percentile <= 99 or percentile in (0, 100) else f"{percentile:.1f}%"


def score_list(words: Sequence[WordScored], cursor: int, width: int, height: int) -> list[StyledLine]:
    if not words or height < 2:
        return []
    text = f"{'nats':>{TOTAL_COLUMNS}}{'/char':>{MEAN_COLUMNS}}{'pct':>{PERCENTILE_COLUMNS}}{'':{NOVELTY_COLUMNS}}"
    lines = [justify((Span("  word", "muted"),), (Span(text, "muted"),), width)]
    top = scroll_top(cursor, len(words), height - 1)
    for index, word in enumerate(words[top : top + height - 1], start=top):
        path = step_views.scored_chars(word.word, word.nlls)
        mark, novelty = _novelty(word) if path else (Span(" "), "")
        total = format_nll(step_views.total_nll(path)) if path else GLYPHS.dash
        mean = format_nll(step_views.mean_nll(path)) if path else GLYPHS.dash
        figures = f"{total:>{TOTAL_COLUMNS}}{mean:>{MEAN_COLUMNS}}{format_percentile(word):>{PERCENTILE_COLUMNS}}  "
        right: StyledLine = (Span(figures), mark, Span(f" {novelty:6}", "muted"))
        name = shorten(readable(word.word), max(width - len(text) - 3, 1))
        left: StyledLine = (
            Span(f"{GLYPHS.cursor if index == cursor else ' '} ", "accent"),
            Span(name, "bright", index == cursor),
        )
        line = justify(left, right, width)
        lines.append(highlight(line) if index == cursor else line)
    return lines


def character_lines(word: WordScored, width: int, height: int) -> list[StyledLine]:
    """Return the characters of the word, as a table if there is space, above its nll and its percentile."""
    path = step_views.scored_chars(word.word, word.nlls)
    if not path:
        return [(Span("This model has not scored the word yet.", "muted"),)]
    mark, novelty = _novelty(word)
    if novelty == "near":
        novelty = f"near {readable(word.nearest_word or '')}"
    total = (*step_views.nll_summary(path, "total"), Span("   "), mark, Span(f" {novelty}", "muted"))
    summary = [justify(total, (), width), _percentile_line(word, width)]
    if height >= len(path) + 2 + len(summary):
        return [step_views.PATH_HEADER, *(step_views.path_row(char, (), width) for char in path), (), *summary]
    return [*step_views.wrapped_path(path, width)[: max(height - len(summary), 1)], *summary]


def _percentile_line(word: WordScored, width: int) -> StyledLine:
    if word.nearest_word is None:
        return (Span("no percentile: the word list of the corpus is missing", "muted"),)
    if word.percentile is None:
        return (Span("computing the percentile in the corpus", "muted"),)
    percentile = Span(format_percentile(word), "bright", True)
    for end in (f" of {word.compared_words:,} corpus words", " of the corpus", ""):
        line: StyledLine = (Span("more probable than ", "muted"), percentile, Span(end, "muted"))
        if cell_width(line) <= width:
            return line
    return (percentile,)


class ScoreMode(SamplerMode):
    """A typed word, and the `words` scored so far; letters are typed, so none of them is bound to an action."""

    BINDINGS: ClassVar[list[BindingType]] = [*SCORE_KEYS]

    title = "Score"
    takes_text = True
    keys = SCORE_KEYS

    def __init__(self, words: tuple[WordScored, ...], scored_model: tuple[object, ...]) -> None:
        super().__init__(id="score")
        self.words = words  # newest first; without nll if another model scored them
        self.scored_model = scored_model
        self._typed = self._submitted = self._requested = ""
        self._cursor = 0
        self._refusal: QueryRefused | None = None
        self._refused_word: tuple[str, int] | None = None  # and the step of the model
        self._pending = PendingRequest(self.send, MAX_TIME_FRACTION)
        self._requests: set[int] = set()  # of all words, as several may be typed before the first reply
        self._list = TextPane("Score", id="scored", classes="side keyed")
        self._characters = TextPane("Each character", id="characters", classes="main")

    def compose(self) -> ComposeResult:
        yield self._list
        yield self._characters

    @property
    def current_word(self) -> WordScored | None:
        return self.words[self._cursor] if self.words else None

    def load(self) -> None:
        self._pending.cancel()
        self._refusal = None
        if self.has_model and self.scored_model != (model := model_identity(self.run)):
            self.scored_model = model
            self.words = tuple(WordScored(-1, word.request, word.word, (), "") for word in self.words)
        self._score_current()

    def poll(self) -> None:
        if self._pending.poll(at_rest=self.run.state is not RunState.TRAINING):
            self._score_current()

    def _score_current(self) -> None:
        """Score the word under the cursor again if the model has been trained since."""
        word, step = self.current_word, self.run.step
        if self.has_model and word and word.step != step and self._refused_word != (word.word, step):
            self._score(word.word)

    def _score(self, word: str) -> None:
        self._requested = word

        def score_word(request: int) -> ScoreWord:
            self._requests.add(request)
            return ScoreWord(word, request)

        self._pending.request(score_word)

    def watch_replies(self, old: SamplerState, new: SamplerState) -> None:
        scored, refusal = new.scored, new.refused
        if scored is not None and scored is not old.scored and scored.request in self._requests:
            if scored.percentile is not None or scored.nearest_word is None:
                self._pending.accept(scored.request)  # a reply without percentile is not the last one
            self.words, index = upsert_score(self.words, scored)
            if self._submitted == scored.word:
                self._cursor, self._submitted = index, ""
        elif refusal is not None and refusal is not old.refused and self._pending.accept(refusal.request):
            self._refusal, self._refused_word = refusal, (self._requested, self.run.step)
            self._typed = self._typed or self._submitted  # so that it can be corrected
            self._submitted = ""
        else:
            return
        self.update()

    async def on_key(self, event: events.Key) -> None:
        if character := self.typed_character(event):
            self._type(character)

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        self._type(event.text)

    def _type(self, text: str) -> None:
        """Append the text to the typed word, or none of it if that would be too long."""
        typed = unicodedata.normalize("NFC", self._typed + text)
        if len(typed) > MAX_NAME_LENGTH:
            text = f"a word has at most {MAX_NAME_LENGTH:,} characters\n{GLYPHS.backspace} removes the last one"
            self.notify(text, severity="warning", markup=False)
            return
        self._typed, self._refusal = typed, None
        self.update()

    def action_score(self) -> None:
        if self._typed and self.has_model:
            self._submitted, self._typed, self._refusal = self._typed, "", None
            self._pending.cancel()
            self._score(self._submitted)
            self.update()

    def action_move_cursor(self, rows: int) -> None:
        if self.words:
            self._cursor = min(max(self._cursor + rows, 0), len(self.words) - 1)
            self._refusal = None
            if not self.words[self._cursor].nlls:
                self._score_current()
            self.update()

    def action_page(self, pages: int) -> None:
        self.action_move_cursor(pages * max(self._list.inner_size[1] - 3, 1))

    def action_undo(self, what: str) -> None:
        self._typed, self._refusal = "" if what == "all" else self._typed[:-1], None
        self.update()

    def draw(self) -> None:
        width, height = self._list.inner_size
        refusal = (self._refusal.problem, self._refusal.remedy) if self._refusal else ()
        message = unavailable_lines(self.run, width, *refusal)
        above = [typed_line(self._typed, width), *message, *([()] if height > 6 else [])]
        self._list.set_lines([*above, *score_list(self.words, self._cursor, width, height - len(above))])
        self._list.note = f"{self._cursor + 1} of {len(self.words)}" if len(self.words) > 1 else ""
        word = self.current_word
        if word is None:
            hint = (Span("Type a word, and ", "muted"), key_span("enter"), Span(" scores it.", "muted"))
            self._characters.set_lines([hint])
        else:
            self._characters.set_lines(character_lines(word, *self._characters.inner_size))
        self._characters.provenance = f"step {format_steps(word.step)}" if word and word.nlls else ""
        self._characters.note = shorten(readable(word.word), self._characters.inner_size[0] // 2) if word else ""
