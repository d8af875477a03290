"""An app that sends its terminal only what differs from what stands there: all that is known here of Textual's way."""

from __future__ import annotations

from rich.color import ColorSystem
from rich.console import RenderableType
from textual import events
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.screen import Screen

from charwave_tui.ui.driver import TerminalDriver
from charwave_tui.ui.picture import Picture


class Painting(App[str]):
    """Textual repaints each changed region from the left edge of its widget on, with all colours; this one does not.

    Its updates are put into a picture of the terminal, and the shortest way from the last picture is written.
    """

    def __init__(self) -> None:
        super().__init__(driver_class=TerminalDriver)
        self._picture: Picture | None = None

    def on_mount(self) -> None:
        self.app_resume_signal.subscribe(self, lambda app: self._repaint())

    def on_resize(self, event: events.Resize) -> None:
        self._repaint()  # a terminal moves its text about as it changes its size

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if isinstance(renderable, LayoutUpdate | ChopsUpdate) and not self.is_headless:
            self._take(renderable)
            self._paint()
            self.post_display_hook()
        else:
            super()._display(screen, renderable)

    def _take(self, update: LayoutUpdate | ChopsUpdate) -> None:
        width, height = update.region.size if isinstance(update, LayoutUpdate) else _size(update)
        if self._picture is None or (self._picture.width, self._picture.height) != (width, height):
            self._picture = Picture(width, height, self.console._color_system or ColorSystem.TRUECOLOR)
        if isinstance(update, LayoutUpdate):
            for row, strips in enumerate(update.strips, start=update.region.y):
                segments = (segment for strip in strips for segment in strip)
                self._picture.put(row, update.region.x, segments, update.region.right)
            return
        for row, start, end in update.spans:
            for right, (left, strip) in zip(update.chop_ends[row], update.chops[row].items(), strict=False):
                if strip is not None and left < end and right > start:
                    self._picture.put(row, left, strip, min(right, end))

    def _paint(self) -> None:
        if self._picture is None or self._batch_count or not self._running or self._closed or self._driver is None:
            return
        x, y = self.screen.outer_size.clamp_offset(self.cursor_position)
        strokes = self._picture.strokes((y, x))
        if strokes:
            self._begin_update()
            self._driver.write(strokes)
            self._end_update()
            self._driver.flush()

    def _repaint(self) -> None:
        """Paint all that stands on the screen anew."""
        if self._picture is not None:
            self._picture.forget()
            self._paint()


def _size(update: ChopsUpdate) -> tuple[int, int]:
    return update.chop_ends[0][-1], len(update.chops)
