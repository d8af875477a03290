"""An app base that writes only the cells that changed, as fast as the line takes them."""

from __future__ import annotations

import gc
import os
from time import monotonic
from typing import Any

from rich.console import RenderableType
from textual import events, on
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.filter import ANSIToTruecolor
from textual.screen import Screen
from textual.timer import Timer

from charwave_tui.ui.terminal.capabilities import TERMINAL, CharacterSet
from charwave_tui.ui.terminal.driver import FrameReply, TerminalDriver, TerminalIdentified
from charwave_tui.ui.terminal.frame_pacing import CURSOR_POSITION_REQUEST, FramePacer
from charwave_tui.ui.terminal.identity import TerminalIdentity
from charwave_tui.ui.terminal.key_queue import SequentialKeysApp
from charwave_tui.ui.terminal.screen_buffer import ScreenBuffer
from charwave_tui.ui.terminal.screenshot import render_svg

FREEZE_GC_DELAY = 2.0  # seconds after the start, when the first screen is complete
DEFAULT_FPS, SLOW_LINE_FPS = 5, 1  # frames a second, at most; frames that follow a key are not limited
KEY_RESULT_SECONDS = 0.3  # seconds after a key in which a frame may be its result


def freeze_gc() -> None:
    """Exclude all present objects, modules and the lab, from collection: 40 ms once instead of 60 to 95 ms often."""
    gc.collect()
    gc.freeze()


class DiffRenderingApp(SequentialKeysApp[str]):
    """An app whose frames go through a `ScreenBuffer`.

    Textual rewrites each changed region from the left edge of its widget on, with all colours. Here its updates go into
    a buffer. Once the line is free the shortest escape sequences from the last frame to this one are written, so that
    on a slow line the frames between are dropped.
    """

    def __init__(self, fps: int | None) -> None:
        # textual-serve, among others, chooses a driver by this variable
        super().__init__(driver_class=None if os.environ.get("TEXTUAL_DRIVER") else TerminalDriver)
        self.no_color = TERMINAL.color_system is None
        # the filters that turn colours grey have nothing to do here: `cell_style` leaves colours out
        self._filters = [line_filter for line_filter in self._filters if isinstance(line_filter, ANSIToTruecolor)]
        self._fps = fps or DEFAULT_FPS
        self._pacer = FramePacer()
        self._identity = TerminalIdentity()
        self.characters = TERMINAL.character_set
        self._buffer: ScreenBuffer | None = None
        self._painted_at = self._key_at = float("-inf")
        self._paint_timer: Timer | None = None

    @property
    def connection_notice(self) -> str:
        """The speed of a slow line; empty on a fast one, and where nothing is known of it."""
        rate = max(self._pacer.bytes_per_second / 1e3, 0.1)
        return f"slow line {rate:.1f} KB/s" if self._pacer.is_slow else ""

    def on_mount(self) -> None:
        self._key_at = monotonic()  # the first frames are the result of starting the program
        self.app_resume_signal.subscribe(self, lambda app: self.action_repaint())
        if not self.is_headless:
            self.set_timer(FREEZE_GC_DELAY, freeze_gc)

    def on_resize(self, event: events.Resize) -> None:
        self.action_repaint()  # a terminal moves its text about as it changes its size

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent):
            self._key_at = monotonic()
        await super().on_event(event)

    def export_screenshot(self, *, title: str | None = None, simplify: bool = False) -> str:
        """Return what the terminal shows, if there is one: Textual's own has colours and borders that it may lack."""
        if self._buffer is None:
            return super().export_screenshot(title=title, simplify=simplify)
        return render_svg(self._buffer.encode_rows(), self._buffer.width, title or self.title)

    @on(TerminalIdentified)
    def start_painting(self, message: TerminalIdentified) -> None:
        self._identity = message.identity
        self._pacer.measures_line = not message.identity.is_mosh
        if message.is_utf8 is False:
            self.use_characters(CharacterSet.ASCII)
        self._paint()

    def copy_to_clipboard(self, text: str) -> None:
        super().copy_to_clipboard(text)
        if obstacle := self._identity.copy_obstacle:
            self.notify(obstacle, severity="warning", markup=False)

    def use_characters(self, characters: CharacterSet) -> None:
        """Draw everything again with other characters."""
        self.characters = characters
        self._buffer = None
        self.screen.refresh()

    @on(FrameReply)
    def paint_after_reply(self, message: FrameReply) -> None:
        self._pacer.reply_received(message.delay)
        self._paint()

    def on_cursor_position(self, event: events.CursorPosition) -> None:
        """Take the reply that another driver than the terminal's has not timed."""
        self._pacer.reply_received()
        self._paint()

    @property
    def _background_screens(self) -> list[Screen[Any]]:
        # Textual repaints the whole of an opaque screen whenever something changes on the one that it hides.
        is_opaque = bool(self._screen_stack) and self.screen.styles.background.a == 1
        return [] if is_opaque else super()._background_screens

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if isinstance(renderable, LayoutUpdate | ChopsUpdate) and not self.is_headless:
            self._write_to_buffer(renderable)
            self._paint()
            self.post_display_hook()
        else:
            super()._display(screen, renderable)

    def _write_to_buffer(self, update: LayoutUpdate | ChopsUpdate) -> None:
        if isinstance(update, LayoutUpdate):
            width, height = update.region.size
        else:
            width, height = update.chop_ends[0][-1], len(update.chops)
        if self._buffer is None or (self._buffer.width, self._buffer.height) != (width, height):
            self._buffer = ScreenBuffer(width, height, TERMINAL.color_system, self.characters)
        if isinstance(update, LayoutUpdate):
            for row, strips in enumerate(update.strips, start=update.region.y):
                segments = (segment for strip in strips for segment in strip)
                self._buffer.write(row, update.region.x, segments, update.region.right)
            return
        for row, start, end in update.spans:
            for right, (left, strip) in zip(update.chop_ends[row], update.chops[row].items(), strict=False):
                if strip is not None and left < end and right > start:
                    self._buffer.write(row, left, strip, min(right, end))

    def _paint(self) -> None:
        """Write the next frame, or set a timer for when it may be written."""
        if self._paint_timer is not None:
            self._paint_timer.stop()
            self._paint_timer = None
        if self._buffer is None or not self._buffer.is_dirty or self._driver is None:
            return
        if self._batch_count or not self._running or self._closed:
            return
        if seconds := max(self._seconds_to_start, self._pacer.seconds_to_wait(), self._seconds_to_next_frame()):
            self._paint_timer = self.set_timer(seconds, self._paint)
            return
        x, y = self.screen.outer_size.clamp_offset(self.cursor_position)
        if sequences := self._buffer.diff((y, x)):
            frame = f"{SYNC_START}{sequences}{SYNC_END}" if self._sync_available else sequences
            frame += CURSOR_POSITION_REQUEST
            self._painted_at = monotonic()
            self._pacer.frame_sent(len(frame.encode()))
            self._driver.write(frame)

    @property
    def _seconds_to_start(self) -> float:
        """The seconds until the first frame may go although the terminal has not said what it is."""
        return self._driver.seconds_to_identify if isinstance(self._driver, TerminalDriver) else 0.0

    def _seconds_to_next_frame(self) -> float:
        now = monotonic()
        if now < self._key_at + KEY_RESULT_SECONDS:
            return 0.0
        fps = min(self._fps, SLOW_LINE_FPS) if self._pacer.is_slow else self._fps
        return max(self._painted_at + 1 / fps - now, 0.0)

    def action_repaint(self) -> None:
        """Write every cell of the screen again."""
        if self._buffer is not None:
            self._buffer.invalidate()
            self._paint()
