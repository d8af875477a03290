"""Palettes, themes, ThemedWidget."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache

from rich.style import Style
from rich.text import Text
from textual.theme import Theme
from textual.widget import Widget

from charwave_tui.ui.drawing.styled_text import Span, StyledLine
from charwave_tui.ui.terminal.capabilities import TERMINAL


@dataclass(frozen=True, slots=True)
class Palette:
    """A colour for every role; text stays at 4.9:1 or more on `bg` and on `raised`, but for `line` and `grid`."""

    bg: str
    raised: str
    bright: str
    fg: str
    muted: str
    line: str
    grid: str
    accent: str
    train: str
    val: str
    reference: str
    warning: str
    error: str


PALETTES: dict[str, Palette] = {
    "charwave-dark": Palette(
        bg="#121418",
        raised="#20242a",
        bright="#ffffff",
        fg="#d9dce1",
        muted="#9097a0",
        line="#39424d",
        grid="#2c3138",
        accent="#87afff",
        train="#5fd7af",
        val="#ffaf5f",
        reference="#d7afd7",
        warning="#ffd75f",
        error="#ff8787",
    ),
    "charwave-light": Palette(
        bg="#fdfcf9",
        raised="#f2f1ef",
        bright="#000000",
        fg="#262626",
        muted="#5f5f5f",
        line="#bcbcbc",
        grid="#dadada",
        accent="#005fd7",
        train="#005f87",
        val="#944b00",
        reference="#870087",
        warning="#5f5f00",
        error="#af0000",
    ),
    "charwave-safe": Palette(
        bg="#121418",
        raised="#20242a",
        bright="#ffffff",
        fg="#d9dce1",
        muted="#9097a0",
        line="#464c54",
        grid="#2c3138",
        accent="#ffffff",
        train="#5fafff",
        val="#ffaf00",
        reference="#d7afd7",
        warning="#ffff5f",
        error="#ff875f",
    ),
    "charwave-16": Palette(
        bg="ansi_black",
        raised="ansi_black",
        bright="ansi_bright_white",
        fg="ansi_bright_white",
        muted="ansi_white",
        line="ansi_white",
        grid="ansi_bright_black",
        accent="ansi_bright_blue",
        train="ansi_bright_cyan",
        val="ansi_bright_yellow",
        reference="ansi_bright_magenta",
        warning="ansi_bright_yellow",
        error="ansi_bright_red",
    ),
}
"""The inks of every theme by its name."""


def themes() -> list[Theme]:
    """The themes to register, the first of them the default."""
    return [_theme(name, inks) for name, inks in PALETTES.items()]


def _theme(name: str, inks: Palette) -> Theme:
    return Theme(
        name=name,
        primary=inks.accent,
        secondary=inks.train,
        accent=inks.accent,
        foreground=inks.fg,
        background=inks.bg,
        surface=inks.bg,
        panel=inks.raised,
        boost=inks.raised,
        warning=inks.warning,
        error=inks.error,
        success=inks.train,
        dark=name != "charwave-light",
        ansi=name == "charwave-16",
        variables={f"ink-{role}": colour for role, colour in asdict(inks).items()}
        | {
            "ansi-background": "ansi_default" if name == "charwave-16" else inks.bg,
            "ansi-foreground": "ansi_default" if name == "charwave-16" else inks.fg,
            "border": inks.accent,
            "border-blurred": inks.line,
            "block-cursor-background": inks.raised,
            "block-cursor-foreground": inks.bright,
            "block-cursor-text-style": "none" if inks.raised != inks.bg else "underline",
            "input-cursor-background": inks.accent,
            "input-cursor-foreground": inks.bg,
            "input-cursor-text-style": "none" if TERMINAL.colours else "reverse",
            "input-selection-background": inks.line,
            "scrollbar": inks.line,
            "scrollbar-hover": inks.muted,
            "scrollbar-active": inks.accent,
            "scrollbar-background": inks.bg,
            "scrollbar-background-hover": inks.bg,
            "scrollbar-background-active": inks.bg,
            "scrollbar-corner-color": inks.bg,
        },
    )


class ThemedWidget(Widget):
    """A widget that draws its own text and asks for inks by role.

    The inks are the theme's variables: a component class for each, in each widget, would cost the first frame a tenth
    of a second.
    """

    def role_style(self, role: str, *, bold: bool = False) -> Style:
        """The style to write in the ink of `role`, on whatever ground the widget has."""
        return _ink(self.app.theme_variables[f"ink-{role}"], bold)

    def span_style(self, piece: Span) -> Style:
        """The style to write a piece in."""
        inks = self.app.theme_variables
        ground = inks[f"ink-{piece.ground}"] if piece.ground else ""
        return _piece_style(inks[f"ink-{piece.role}"], piece.bold, ground, piece.underline)


@cache
def _ink(colour: str, bold: bool) -> Style:
    return _piece_style(colour, bold, "", False)


@cache
def _piece_style(colour: str, bold: bool, ground: str, underline: bool) -> Style:
    return Style(
        color=colour.removeprefix("ansi_"),
        bgcolor=ground.removeprefix("ansi_") or None,
        bold=bold,
        underline=underline or None,
    )


def to_plain_text(line: StyledLine) -> str:
    """The line's text without inks."""
    return "".join(piece.text for piece in line)


def to_rich_text(widget: ThemedWidget, line: Iterable[Span]) -> Text:
    """The line in the inks of the widget's theme."""
    return Text.assemble(*((piece.text, widget.span_style(piece)) for piece in line))
