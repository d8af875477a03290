"""The last row of the screen: the active key bindings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.text import Text
from textual import on
from textual.binding import Binding
from textual.dom import DOMNode
from textual.events import Click
from textual.keys import format_key
from textual.screen import Screen

from charwave_tui.ui.drawing.styled_text import Span, StyledLine, cell_width, justify
from charwave_tui.ui.drawing.theme import ThemedWidget, to_rich_text
from charwave_tui.ui.terminal.glyphs import ASCII, GLYPHS

PERMANENT_KEYS = ("question_mark", "q", "escape", "tab")  # keys that stay however narrow the row is
PALETTE_ACTION = "command_palette"  # the action whose key stands at the right edge
KEY_NAMES = {"enter": "enter", "escape": "esc"}  # where they differ from Textual's
ASCII_ARROWS = str.maketrans("←→↑↓", "<>^v")


@dataclass(frozen=True, slots=True)
class KeyHint:
    """A key binding as the row shows it; `node` has the action."""

    key: str
    key_text: str
    description: str
    enabled: bool
    action: str
    node: DOMNode = field(compare=False)

    @property
    def line(self) -> StyledLine:
        key = Span(self.key_text, "accent", True) if self.enabled else Span(self.key_text, "muted")
        return (key, Span(f" {self.description}", "muted"))


class KeyBar(ThemedWidget):
    """One row of keys, those of the focused widget first; what does not fit is left out from the end."""

    DEFAULT_CSS = """
    KeyBar { height: 1; padding: 0 1; background: $ink-bg; color: $ink-fg; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._hints: tuple[KeyHint, ...] = ()
        self._palette: KeyHint | None = None

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_updated)
        self._refresh_hints()

    def render(self) -> Text:
        hints, palette = fit_hints(self._hints, self._palette, self.size.width)
        left: StyledLine = ()
        for hint in hints:
            left += ((Span("  "),) if left else ()) + hint.line
        return to_rich_text(self, justify(left, palette.line, self.size.width) if palette else left)

    @on(Click)
    async def press_clicked_key(self, event: Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        hints, palette = fit_hints(self._hints, self._palette, self.size.width)
        start = 0
        for hint in hints:
            end = start + cell_width(hint.line)
            if start <= offset.x < end:
                await self._press(hint)
            start = end + 2
        if palette and offset.x >= self.size.width - cell_width(palette.line):
            await self._press(palette)

    async def _press(self, hint: KeyHint) -> None:
        if hint.enabled:
            await self.app.run_action(hint.action, hint.node)

    def _bindings_updated(self, screen: Screen[object]) -> None:
        if self.app.app_focus:  # a terminal without the focus takes it from every widget, but the keys stay
            self.call_after_refresh(self._refresh_hints)

    def _refresh_hints(self) -> None:
        if not self.is_attached:  # the screen was popped before the refresh
            return
        hints: dict[tuple[DOMNode, str], KeyHint] = {}
        palette = None
        for node, binding, enabled, _ in self.screen.active_bindings.values():
            hint = KeyHint(binding.key, key_text(binding), binding.description, enabled, binding.action, node)
            if binding.action.rpartition(".")[2] == PALETTE_ACTION:
                palette = hint
            elif binding.show:
                hints.setdefault((node, binding.action), hint)
        row = tuple(hints.values()), palette
        if row != (self._hints, self._palette):
            self._hints, self._palette = row
            self.refresh()


def key_text(binding: Binding) -> str:
    """Return a binding's key as it is shown: `t`, `space`, `^p`, `esc`."""
    modifiers, key = binding.parse_key()
    name = binding.key_display or KEY_NAMES.get(key) or format_key(key)
    if not binding.key_display:
        name = "".join("^" if modifier == "ctrl" else f"{modifier}+" for modifier in modifiers) + name
    return name.translate(ASCII_ARROWS) if GLYPHS is ASCII else name


def fit_hints(hints: Sequence[KeyHint], palette: KeyHint | None, width: int) -> tuple[list[KeyHint], KeyHint | None]:
    """Return the hints that fit in `width` columns in their order, and the palette's if all of them do.

    Disabled ones are left out first, then the last.
    """
    fitting = list(hints)
    if palette and _width([*fitting, palette]) <= width:
        return fitting, palette
    while _width(fitting) > width:
        removable = [hint for hint in fitting if hint.key not in PERMANENT_KEYS]
        if not removable:
            break
        disabled = [hint for hint in removable if not hint.enabled]
        fitting.remove((disabled or removable)[-1])
    return fitting, None


def _width(hints: Sequence[KeyHint]) -> int:
    return sum(cell_width(hint.line) + 2 for hint in hints) - 2
