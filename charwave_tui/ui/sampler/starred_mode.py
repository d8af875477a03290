"""Starred: the names that a person liked, with where each came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import BindingType

from charwave_tui.core.metrics import SampledName, StarredName
from charwave_tui.core.protocol.commands import ListStars
from charwave_tui.ui.drawing.number_format import MAX_AGE_WIDTH, format_age, format_nll, format_steps, local_now
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, highlight, justify, readable, scroll_top, shorten
from charwave_tui.ui.keymap import STARRED_KEYS
from charwave_tui.ui.sampler.mode import NameListMode, StarredSet, empty_state_text
from charwave_tui.ui.state.sampler_state import SamplerState
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.text_lines import TextPane

WIDEST_NAME = 24
"""Columns of a name, so that its figures stand near it."""


WORDED = 58
"""Columns from which on it is told when a name was starred."""


class StarredMode(NameListMode):
    """All stars, the newest first; one that is let go keeps its place until one looks elsewhere."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in STARRED_KEYS]

    title = "Starred"
    keys = STARRED_KEYS

    def __init__(self) -> None:
        super().__init__(id="starred")
        self._stars: tuple[StarredName, ...] = ()
        self._starring = StarredSet()
        self._here = 0
        self._list = TextPane("Starred", id="stars", classes="main keyed")

    def compose(self) -> ComposeResult:
        yield self._list

    @property
    def names_shown(self) -> Sequence[SampledName]:
        names = self._starring.names
        return [SampledName(star.name, star.nll, False) for star in self._stars if star.name in names]

    @property
    def current_name(self) -> SampledName | None:
        star = self._star()
        return SampledName(star.name, star.nll, False) if star else None

    def load(self) -> None:
        self._stars = self.speech.stars or ()
        if self.run.is_connected:
            self.ask(ListStars())

    def watch_speech(self, old: SamplerState, new: SamplerState) -> None:
        if old.stars is new.stars:
            return
        told = new.stars or ()
        self._starring.tell(new.stars)
        shown = {star.name for star in self._stars}
        self._stars = (*(star for star in told if star.name not in shown), *self._stars)
        self.update()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "unstar":
            return True if self.current_name else None
        return super().check_action(action, parameters)

    def action_walk(self, places: int) -> None:
        self._here = max(min(self._here + places, len(self._stars) - 1), 0)
        self.update()

    def action_page(self, pages: int) -> None:
        self.action_walk(pages * max(self._list.inner_size[1] - 1, 1))

    def action_star(self) -> None:
        star = self._star()
        if star is not None and self.run.is_connected:
            self.ask(self._starring.toggled(SampledName(star.name, star.nll, False), star.run, star.step))
            self.update()

    def action_unstar(self) -> None:
        star = self._star()
        if star is not None and star.name in self._starring.names:
            self.action_star()

    def update(self) -> None:
        if not self.is_mounted or not self.on_screen:
            return
        width, height = self._list.inner_size
        silent = list(empty_state_text(self.run)) if not self.run.is_connected else []
        self._list.note = f"{len(self.names_shown):,}" if self._stars else ""
        if not self._stars:
            star = (Span("s", "accent", True), Span(" on one of the Names stars it.", "muted"))
            reading = (Span("reading the stars", "muted"),)
            self._list.set_lines(silent or [reading if self.speech.stars is None else star])
            return
        top = scroll_top(self._here, len(self._stars), height - 1)
        seen = self._stars[top : top + height - 1]
        names, present = self._starring.names, local_now()
        rows = (
            _row(star, star.name in names, place == self._here, format_age(star.starred, present), width)
            for place, star in enumerate(seen, start=top)
        )
        self._list.set_lines([_head(width), *rows])

    def _star(self) -> StarredName | None:
        return self._stars[min(self._here, len(self._stars) - 1)] if self._stars else None


def _name_columns(width: int) -> int:
    return max(min(width - 30, WIDEST_NAME), 1)


def _head(width: int) -> StyledLine:
    when = f"   {'starred':<{MAX_AGE_WIDTH}}" if width >= WORDED else ""
    name = f"{'name':<{_name_columns(width)}}"
    return justify((Span(f"    {name}{'nll':>6}{'run':>7}{'step':>11}{when}", "muted"),), (), width)


def _row(star: StarredName, starred: bool, here: bool, when: str, width: int) -> StyledLine:
    room = _name_columns(width)
    name = shorten(readable(star.name) or GLYPHS.dash, room)
    run = str(star.run) if star.run is not None else GLYPHS.dash
    line: StyledLine = (
        Span(f"{GLYPHS.cursor if here else ' '} ", "accent"),
        Span(f"{GLYPHS.star if starred else ' '} ", "warning"),
        Span(name, "bright" if starred else "muted", here),
        Span(" " * (room - cell_len(name))),
        Span(f"{format_nll(star.nll):>6}", "fg" if starred else "muted"),
        Span(f"{run:>7}{format_steps(star.step):>11}", "fg" if starred else "muted"),
        Span(f"   {when:<{MAX_AGE_WIDTH}}" if width >= WORDED else "", "muted"),
    )
    line = justify(line, (), width)
    return highlight(line) if here else line
