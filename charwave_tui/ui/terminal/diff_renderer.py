"""The app base that writes only changed cells."""

from __future__ import annotations

import gc
from time import monotonic
from typing import Any

from rich.console import RenderableType
from textual import events
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.filter import ANSIToTruecolor
from textual.screen import Screen
from textual.timer import Timer

from charwave_tui.ui.terminal.capabilities import TERMINAL
from charwave_tui.ui.terminal.driver import TerminalDriver
from charwave_tui.ui.terminal.frame_pacing import CURSOR_POSITION_REQUEST, FramePacer
from charwave_tui.ui.terminal.key_queue import SequentialKeysApp
from charwave_tui.ui.terminal.screen_buffer import ScreenBuffer
from charwave_tui.ui.terminal.screenshot import render_svg

SETTLES_IN = 2.0
"""Seconds after the start in which the first screen has come to rest."""


def freeze_gc() -> None:
    """Have what stands now, modules and the lab, never be looked through again: 40 ms once, not 60 to 95 often."""
    gc.collect()
    gc.freeze()


FPS = 5
"""Frames a second at most unless told otherwise, but for those that keys call for."""


FPS_WHEN_SLOW = 1
"""The same on a slow line."""


HURRY = 0.3
"""Seconds after a key in which a frame may be what it called for."""


class DiffRenderingApp(SequentialKeysApp[str]):
    """Textual repaints each changed region from the left edge of its widget on, with all colours; this one does not.

    Its updates are put into a picture of the terminal. Once the line is free the shortest way from the last picture to
    this one is written, so that on a slow line what lies between is dropped.
    """

    def __init__(self, fps: int | None) -> None:
        super().__init__(driver_class=TerminalDriver)
        self.no_color = TERMINAL.colours is None
        # what makes colours grey has none to leave out here: the pens do
        self._filters = [known for known in self._filters if isinstance(known, ANSIToTruecolor)]
        self._fps = fps or FPS
        self._line = FramePacer()
        self._picture: ScreenBuffer | None = None
        self._painted_at = self._key_at = float("-inf")
        self._waiting: Timer | None = None

    @property
    def connection_notice(self) -> str:
        """That the line is slow, where it is, and what goes over it in a second."""
        return f"slow line {self._line.bytes_per_second / 1e3:.1f} KB/s" if self._line.slow else ""

    def on_mount(self) -> None:
        self._key_at = monotonic()  # who has just started the program waits for its first frames
        self.app_resume_signal.subscribe(self, lambda app: self.action_repaint())
        if not self.is_headless:
            self.set_timer(SETTLES_IN, freeze_gc)

    def on_resize(self, event: events.Resize) -> None:
        self.action_repaint()  # a terminal moves its text about as it changes its size

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent):
            self._key_at = monotonic()
        await super().on_event(event)

    def export_screenshot(self, *, title: str | None = None, simplify: bool = False) -> str:
        """What the terminal shows, where there is one: Textual's own has colours and borders that it may lack."""
        if self._picture is None:
            return super().export_screenshot(title=title, simplify=simplify)
        return render_svg(self._picture.rows(), self._picture.width, title or self.title)

    def on_cursor_position(self, event: events.CursorPosition) -> None:
        self._line.answered()
        self._paint()

    @property
    def _background_screens(self) -> list[Screen[Any]]:
        # Textual has an opaque screen painted anew, all of it, whenever something moves on the one that it hides.
        hidden = bool(self._screen_stack) and self.screen.styles.background.a == 1
        return [] if hidden else super()._background_screens

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
            self._picture = ScreenBuffer(width, height, TERMINAL.colours, TERMINAL.characters)
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
        """Write the next frame, or see to it that it is written once it may be."""
        if self._waiting is not None:
            self._waiting.stop()
            self._waiting = None
        if self._picture is None or not self._picture.dirty or self._driver is None:
            return
        if self._batch_count or not self._running or self._closed:
            return
        if wait := max(self._line.wait(), self._rest()):
            self._waiting = self.set_timer(wait, self._paint)
            return
        x, y = self.screen.outer_size.clamp_offset(self.cursor_position)
        if strokes := self._picture.diff((y, x)):
            frame = (f"{SYNC_START}{strokes}{SYNC_END}" if self._sync_available else strokes) + CURSOR_POSITION_REQUEST
            self._painted_at = monotonic()
            self._line.sent(len(frame.encode()))
            self._driver.write(frame)

    def _rest(self) -> float:
        """Seconds for which the last frame has still to stand, unless a key calls for the next."""
        now = monotonic()
        if now < self._key_at + HURRY:
            return 0.0
        return max(self._painted_at + 1 / (min(self._fps, FPS_WHEN_SLOW) if self._line.slow else self._fps) - now, 0.0)

    def action_repaint(self) -> None:
        """Paint all that stands on the screen anew."""
        if self._picture is not None:
            self._picture.invalidate()
            self._paint()


def _size(update: ChopsUpdate) -> tuple[int, int]:
    return update.chop_ends[0][-1], len(update.chops)
