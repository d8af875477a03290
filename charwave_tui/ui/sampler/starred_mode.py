"""Starred mode: the names that were starred, with the run and step that they came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import BindingType

from charwave_tui.core.metrics import SampledName, StarredName
from charwave_tui.core.protocol.commands import Command, ListStars, StarName, UnstarName
from charwave_tui.ui.drawing.number_format import MAX_AGE_WIDTH, format_age, format_nll, format_steps, local_now
from charwave_tui.ui.drawing.styled_text import (
    Span,
    StyledLine,
    highlight,
    justify,
    key_span,
    readable,
    scroll_top,
    shorten,
)
from charwave_tui.ui.keymap import STARRED_KEYS
from charwave_tui.ui.sampler.mode import SamplerMode, unavailable_lines
from charwave_tui.ui.state.sampler_state import SamplerState
from charwave_tui.ui.terminal.glyphs import GLYPHS
from charwave_tui.ui.widgets.text_lines import TextPane

MAX_NAME_COLUMNS = 24  # so that a name's figures are near it
MIN_WIDTH_FOR_AGE = 58  # columns from which the age of a star is shown


class StarredSet:
    """The starred names, with those changes that the engine has not confirmed yet."""

    def __init__(self) -> None:
        self._confirmed: frozenset[str] = frozenset()
        self._unconfirmed: dict[str, bool] = {}  # whether the name is starred

    @property
    def names(self) -> frozenset[str]:
        starred = {name for name, is_starred in self._unconfirmed.items() if is_starred}
        return (self._confirmed | starred) - (self._unconfirmed.keys() - starred)

    def confirm(self, stars: tuple[StarredName, ...] | None) -> None:
        self._confirmed = frozenset(star.name for star in stars or ())
        self._unconfirmed.clear()

    def toggle(self, sampled: SampledName, run: int | None, step: int) -> Command:
        """Star the name, or remove its star; return the command that does so in the engine."""
        is_starred = sampled.name in self.names
        self._unconfirmed[sampled.name] = not is_starred
        return UnstarName(sampled.name) if is_starred else StarName(sampled.name, sampled.nll, run, step)


class StarredMode(SamplerMode):
    """All starred names, newest first; a name that loses its star stays listed until the mode is shown again."""

    BINDINGS: ClassVar[list[BindingType]] = [*STARRED_KEYS]

    title = "Starred"
    keys = STARRED_KEYS

    def __init__(self) -> None:
        super().__init__(id="starred")
        self._listed: tuple[StarredName, ...] = ()
        self._starred = StarredSet()
        self._cursor = 0
        self._list = TextPane("Starred", id="stars", classes="main keyed")

    def compose(self) -> ComposeResult:
        yield self._list

    @property
    def names_shown(self) -> Sequence[SampledName]:
        starred = self._starred.names
        return [_as_sampled(star) for star in self._listed if star.name in starred]

    @property
    def current_name(self) -> SampledName | None:
        return _as_sampled(self._current_star) if self._current_star else None

    @property
    def _current_star(self) -> StarredName | None:
        return self._listed[min(self._cursor, len(self._listed) - 1)] if self._listed else None

    def load(self) -> None:
        self._listed = self.replies.stars or ()
        if self.run.is_connected:
            self.send(ListStars())

    def watch_replies(self, old: SamplerState, new: SamplerState) -> None:
        if old.stars is new.stars:
            return
        self._starred.confirm(new.stars)
        listed_names = {star.name for star in self._listed}
        added = (star for star in new.stars or () if star.name not in listed_names)
        self._listed = (*added, *self._listed)
        self.update()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "unstar":
            return True if self.current_name else None
        return super().check_action(action, parameters)

    def action_move_cursor(self, rows: int) -> None:
        self._cursor = max(min(self._cursor + rows, len(self._listed) - 1), 0)
        self.update()

    def action_page(self, pages: int) -> None:
        self.action_move_cursor(pages * max(self._list.inner_size[1] - 1, 1))

    def action_star(self) -> None:
        star = self._current_star
        if star is not None and self.run.is_connected:
            self.send(self._starred.toggle(_as_sampled(star), star.run, star.step))
            self.update()

    def action_unstar(self) -> None:
        if self._current_star is not None and self._current_star.name in self._starred.names:
            self.action_star()

    def draw(self) -> None:
        width, height = self._list.inner_size
        self._list.note = f"{len(self.names_shown):,}" if self._listed else ""
        if not self._listed:
            message = [] if self.run.is_connected else unavailable_lines(self.run, width)
            hint = (key_span("s"), Span(" in the Names tab stars a name.", "muted"))
            loading = (Span("loading the starred names", "muted"),)
            self._list.set_lines(message or [loading if self.replies.stars is None else hint])
            return
        top = scroll_top(self._cursor, len(self._listed), height - 1)
        visible = self._listed[top : top + height - 1]
        starred, now = self._starred.names, local_now()
        rows = (
            _star_row(star, star.name in starred, index == self._cursor, format_age(star.starred, now), width)
            for index, star in enumerate(visible, start=top)
        )
        self._list.set_lines([_header(width), *rows])


def _as_sampled(star: StarredName) -> SampledName:
    return SampledName(star.name, star.nll, False)


def _name_columns(width: int) -> int:
    return max(min(width - 30, MAX_NAME_COLUMNS), 1)


def _header(width: int) -> StyledLine:
    age = f"   {'starred':<{MAX_AGE_WIDTH}}" if width >= MIN_WIDTH_FOR_AGE else ""
    name = f"{'name':<{_name_columns(width)}}"
    return justify((Span(f"    {name}{'nll':>6}{'run':>7}{'step':>11}{age}", "muted"),), (), width)


def _star_row(star: StarredName, is_starred: bool, is_current: bool, age: str, width: int) -> StyledLine:
    name_columns = _name_columns(width)
    name = shorten(readable(star.name) or GLYPHS.dash, name_columns)
    run = str(star.run) if star.run is not None else GLYPHS.dash
    line: StyledLine = (
        Span(f"{GLYPHS.cursor if is_current else ' '} ", "accent"),
        Span(f"{GLYPHS.star if is_starred else ' '} ", "warning"),
        Span(name, "bright" if is_starred else "muted", is_current),
        Span(" " * (name_columns - cell_len(name))),
        Span(f"{format_nll(star.nll):>6}", "fg" if is_starred else "muted"),
        Span(f"{run:>7}{format_steps(star.step):>11}", "fg" if is_starred else "muted"),
        Span(f"   {age:<{MAX_AGE_WIDTH}}" if width >= MIN_WIDTH_FOR_AGE else "", "muted"),
    )
    line = justify(line, (), width)
    return highlight(line) if is_current else line
