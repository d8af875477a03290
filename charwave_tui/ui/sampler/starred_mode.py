"""Starred: the names that a person liked, with where each came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import BindingType

from charwave_tui.core.readings import SampledName
from charwave_tui.core.speaking import ListStars, Star
from charwave_tui.ui import ages, numbers
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import Line, Piece, raised, readable, scrolled, shortened, spread
from charwave_tui.ui.sampler.lines_pane import LinesPane
from charwave_tui.ui.sampler.listed import Listed
from charwave_tui.ui.sampler.mode import silence
from charwave_tui.ui.sampler.starring import Starring
from charwave_tui.ui.sampler_keys import STARRED_KEYS
from charwave_tui.ui.speech import Speech

WIDEST_NAME = 24
"""Columns of a name, so that its figures stand near it."""

WORDED = 58
"""Columns from which on it is told when a name was starred."""


class StarredMode(Listed):
    """All stars, the newest first; one that is let go keeps its place until one looks elsewhere."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in STARRED_KEYS]

    title = "Starred"
    keys = STARRED_KEYS

    def __init__(self) -> None:
        super().__init__(id="starred")
        self._stars: tuple[Star, ...] = ()
        self._starring = Starring()
        self._here = 0
        self._list = LinesPane("Starred", id="stars", classes="main keyed")

    def compose(self) -> ComposeResult:
        yield self._list

    @property
    def listed(self) -> Sequence[SampledName]:
        names = self._starring.names
        return [SampledName(star.name, star.nll, False) for star in self._stars if star.name in names]

    @property
    def here(self) -> SampledName | None:
        star = self._star()
        return SampledName(star.name, star.nll, False) if star else None

    def begin(self) -> None:
        self._stars = self.speech.stars or ()
        if self.run.engine == "ready":
            self.ask(ListStars())

    def watch_speech(self, old: Speech, new: Speech) -> None:
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
            return True if self.here else None
        return super().check_action(action, parameters)

    def action_walk(self, places: int) -> None:
        self._here = max(min(self._here + places, len(self._stars) - 1), 0)
        self.update()

    def action_page(self, pages: int) -> None:
        self.action_walk(pages * max(self._list.room[1] - 1, 1))

    def action_star(self) -> None:
        star = self._star()
        if star is not None and self.run.engine == "ready":
            self.ask(self._starring.toggled(SampledName(star.name, star.nll, False), star.run, star.step))
            self.update()

    def action_unstar(self) -> None:
        star = self._star()
        if star is not None and star.name in self._starring.names:
            self.action_star()

    def update(self) -> None:
        if not self.is_mounted or not self.on_screen:
            return
        width, height = self._list.room
        silent = list(silence(self.run)) if self.run.engine != "ready" else []
        self._list.note = f"{len(self.listed):,}" if self._stars else ""
        if not self._stars:
            star = (Piece("s", "accent", True), Piece(" on one of the Names stars it.", "muted"))
            reading = (Piece("reading the stars", "muted"),)
            self._list.draw(silent or [reading if self.speech.stars is None else star])
            return
        top = scrolled(self._here, len(self._stars), height - 1)
        seen = self._stars[top : top + height - 1]
        names, present = self._starring.names, ages.now()
        rows = (
            _row(star, star.name in names, place == self._here, ages.when(star.starred, present), width)
            for place, star in enumerate(seen, start=top)
        )
        self._list.draw([_head(width), *rows])

    def _star(self) -> Star | None:
        return self._stars[min(self._here, len(self._stars) - 1)] if self._stars else None


def _name_columns(width: int) -> int:
    return max(min(width - 30, WIDEST_NAME), 1)


def _head(width: int) -> Line:
    when = f"   {'starred':<{ages.WIDEST}}" if width >= WORDED else ""
    name = f"{'name':<{_name_columns(width)}}"
    return spread((Piece(f"    {name}{'nll':>6}{'run':>7}{'step':>11}{when}", "muted"),), (), width)


def _row(star: Star, starred: bool, here: bool, when: str, width: int) -> Line:
    room = _name_columns(width)
    name = shortened(readable(star.name) or GLYPHS.none, room)
    run = str(star.run) if star.run is not None else GLYPHS.none
    line: Line = (
        Piece(f"{GLYPHS.here if here else ' '} ", "accent"),
        Piece(f"{GLYPHS.star if starred else ' '} ", "warning"),
        Piece(name, "bright" if starred else "muted", here),
        Piece(" " * (room - cell_len(name))),
        Piece(f"{numbers.nll(star.nll):>6}", "fg" if starred else "muted"),
        Piece(f"{run:>7}{numbers.steps(star.step):>11}", "fg" if starred else "muted"),
        Piece(f"   {when:<{ages.WIDEST}}" if width >= WORDED else "", "muted"),
    )
    line = spread(line, (), width)
    return raised(line) if here else line
