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


def themes() -> list[Theme]:
    """Return the themes to register, the default first."""
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
    """Return the line's text without styles."""
    return "".join(span.text for span in line)


def to_rich_text(widget: ThemedWidget, line: Iterable[Span]) -> Text:
    """Return the line in the colours of the widget's theme."""
    return Text.assemble(*((span.text, widget.span_style(span)) for span in line))
