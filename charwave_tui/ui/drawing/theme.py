"""The palettes and themes, and the base class of widgets that render spans."""

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
    """A colour for every role; all but `line` and `grid` have a contrast of 4.9:1 or more on `bg` and `raised`."""

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


_THEMES = ("charwave-dark", "charwave-light", "charwave-safe", "charwave-16")
_COLOURS = {  # by theme
    "bg": ("#121418", "#fdfcf9", "#121418", "ansi_black"),
    "raised": ("#20242a", "#f2f1ef", "#20242a", "ansi_black"),
    "bright": ("#ffffff", "#000000", "#ffffff", "ansi_bright_white"),
    "fg": ("#d9dce1", "#262626", "#d9dce1", "ansi_bright_white"),
    "muted": ("#9097a0", "#5f5f5f", "#9097a0", "ansi_white"),
    "line": ("#39424d", "#bcbcbc", "#464c54", "ansi_white"),
    "grid": ("#2c3138", "#dadada", "#2c3138", "ansi_bright_black"),
    "accent": ("#87afff", "#005fd7", "#ffffff", "ansi_bright_blue"),
    "train": ("#5fd7af", "#005f87", "#5fafff", "ansi_bright_cyan"),
    "val": ("#ffaf5f", "#944b00", "#ffaf00", "ansi_bright_yellow"),
    "reference": ("#d7afd7", "#870087", "#d7afd7", "ansi_bright_magenta"),
    "warning": ("#ffd75f", "#5f5f00", "#ffff5f", "ansi_bright_yellow"),
    "error": ("#ff8787", "#af0000", "#ff875f", "ansi_bright_red"),
}
PALETTES = {
    name: Palette(**{role: colours[index] for role, colours in _COLOURS.items()}) for index, name in enumerate(_THEMES)
}


def themes() -> list[Theme]:
    return [_theme(name, palette) for name, palette in PALETTES.items()]


def _theme(name: str, palette: Palette) -> Theme:
    return Theme(
        name=name,
        primary=palette.accent,
        secondary=palette.train,
        accent=palette.accent,
        foreground=palette.fg,
        background=palette.bg,
        surface=palette.bg,
        panel=palette.raised,
        boost=palette.raised,
        warning=palette.warning,
        error=palette.error,
        success=palette.train,
        dark=name != "charwave-light",
        ansi=name == "charwave-16",
        variables={f"ink-{role}": colour for role, colour in asdict(palette).items()}
        | {
            "ansi-background": "ansi_default" if name == "charwave-16" else palette.bg,
            "ansi-foreground": "ansi_default" if name == "charwave-16" else palette.fg,
            "border": palette.accent,
            "border-blurred": palette.line,
            "block-cursor-background": palette.raised,
            "block-cursor-foreground": palette.bright,
            "block-cursor-text-style": "none" if palette.raised != palette.bg else "underline",
            "input-cursor-background": palette.accent,
            "input-cursor-foreground": palette.bg,
            "input-cursor-text-style": "none" if TERMINAL.color_system else "reverse",
            "input-selection-background": palette.line,
            "scrollbar": palette.line,
            "scrollbar-hover": palette.muted,
            "scrollbar-active": palette.accent,
            "scrollbar-background": palette.bg,
            "scrollbar-background-hover": palette.bg,
            "scrollbar-background-active": palette.bg,
            "scrollbar-corner-color": palette.bg,
        },
    )


class ThemedWidget(Widget):
    """A widget that renders its own text with colours by role.

    The colours are theme variables: a component class for each, in each widget, would slow the first frame by a tenth
    of a second.
    """

    def role_style(self, role: str, *, bold: bool = False) -> Style:
        """Return the style of text in a role's colour, on the widget's background."""
        return _style(self.app.theme_variables[f"ink-{role}"], bold, "", False)

    def span_style(self, span: Span) -> Style:
        colours = self.app.theme_variables
        background = colours[f"ink-{span.background}"] if span.background else ""
        return _style(colours[f"ink-{span.role}"], span.bold, background, span.underline)


@cache
def _style(colour: str, bold: bool, background: str, underline: bool) -> Style:
    return Style(
        color=colour.removeprefix("ansi_"),
        bgcolor=background.removeprefix("ansi_") or None,
        bold=bold,
        underline=underline or None,
    )


def to_plain_text(line: StyledLine) -> str:
    return "".join(span.text for span in line)


def to_rich_text(widget: ThemedWidget, line: Iterable[Span]) -> Text:
    return Text.assemble(*((span.text, widget.span_style(span)) for span in line))
