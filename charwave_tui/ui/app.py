"""CharwaveApp: theme, palette, screenshot, quit."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on

from charwave_tui.client.engine_client import EngineClient
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.errors import UserError
from charwave_tui.ui.dialogs.lab_dialogs import pick_command, pick_theme
from charwave_tui.ui.drawing.theme import themes
from charwave_tui.ui.keymap import LAB_KEYS
from charwave_tui.ui.lab.screen import LabScreen
from charwave_tui.ui.messages import SendCommand
from charwave_tui.ui.state.engine_controller import EngineClientProtocol
from charwave_tui.ui.terminal.capabilities import TERMINAL
from charwave_tui.ui.terminal.diff_renderer import DiffRenderingApp
from charwave_tui.ui.terminal.driver import BackgroundDetected, TerminalDriver
from charwave_tui.ui.terminal.screenshot import save_screenshot

if TYPE_CHECKING:
    from charwave_tui.ui.inspector.screen import InspectorScreen


ENDINGS = (signal.SIGHUP, signal.SIGTERM)
"""Signals on which the app ends in order; a run in training goes on."""


class ThemedApp(DiffRenderingApp):
    """An app with the program's themes alone; without a `theme` (such as `dark`) the terminal's background decides."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self, fps: int | None, theme: str | None) -> None:
        super().__init__(fps)
        foreign = list(self.available_themes)
        for known in themes():
            self.register_theme(known)
        self._fitting_theme = None if theme else TERMINAL.default_theme
        self.theme = self._fitting_theme or f"charwave-{theme}"
        for name in foreign:
            self.unregister_theme(name)

    @property
    def fault(self) -> Exception | None:
        """The exception that ended the app, for the caller to report; None after an orderly end."""
        return self._exception

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()  # Textual would print pages here; the traceback belongs in the log

    def on_mount(self) -> None:
        for name in ENDINGS:
            with suppress(NotImplementedError, RuntimeError, ValueError):
                asyncio.get_running_loop().add_signal_handler(name, self.exit)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes()[0].variables

    @on(BackgroundDetected)
    def on_background_told(self, message: BackgroundDetected) -> None:
        if self.theme == self._fitting_theme:
            self.theme = self._fitting_theme = replace(TERMINAL, has_light_background=message.is_light).default_theme

    def action_mouse(self) -> None:
        """Give the mouse to the terminal, for selecting and copying, or take it back."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.mouse ^= True
            ours = self._driver.mouse
            self.notify("the mouse is taken back" if ours else "the terminal has the mouse\nm takes it back")

    def action_picture(self) -> None:
        """Save what is on the screen."""
        try:
            path = save_screenshot(self.export_screenshot())
        except UserError as mistake:
            self.notify(f"{mistake.problem}\n{mistake.remedy}", severity="warning", markup=False)
        else:
            self.notify(f"the picture is saved\n{path}", markup=False)


class GuideApp(ThemedApp):
    """The guide without the playground, opened on `page`."""

    TITLE = "charwave-tui guide"

    def __init__(self, page: str) -> None:
        super().__init__(fps=None, theme=None)
        self._page = page

    def on_mount(self) -> None:
        from charwave_tui.ui.dialogs.guide import GuideScreen

        self.push_screen(GuideScreen(self._page), lambda _: self.exit())


class CharwaveApp(ThemedApp):
    """The program on the screen; it returns the line to say once the terminal is as it was.

    `named` says that a person chose the config for this start, so that no run that is found takes its place;
    of what moves by itself there are at most `fps` frames a second. Without a `theme` the terminal decides.
    """

    TITLE = "charwave-tui"
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        config: RunConfig,
        preset: str,
        theme: str | None = None,
        engine: EngineClientProtocol | None = None,
        named: bool = False,
        fps: int | None = None,
    ) -> None:
        super().__init__(fps, theme)
        self._engine = engine or EngineClient()
        self._lab = LabScreen(config, preset, self._engine, named)

    def on_mount(self) -> None:
        self.push_screen(self._lab, self.exit)
        self.set_interval(1.0, self._tell_of_line)

    def _tell_of_line(self) -> None:
        self._lab.line = self.connection_notice
        self._lab.place = self._place()

    def _place(self) -> str:
        latency = self._engine.latency
        return self._engine.host if latency is None else f"{self._engine.host} {latency * 1e3:.0f} ms"

    @on(SendCommand)
    def on_asked(self, message: SendCommand) -> None:
        self._lab.give(message.command)

    def on_inspector_screen_run_key_pressed(self, message: InspectorScreen.RunKeyPressed) -> None:
        self._lab.action_steer(message.key)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "command_palette" and self.screen is not self._lab:
            return False  # its commands are the lab's
        return super().check_action(action, parameters)

    def action_command_palette(self) -> None:
        means = {binding.action for _, binding, enabled, _ in self._lab.active_bindings.values() if enabled}
        keys = [key for key in LAB_KEYS if key.named and key.action in means]
        self.push_screen(pick_command(keys), self._command_picked)

    def _command_picked(self, action: str | None) -> None:
        if action is not None:
            self.call_later(self.run_action, action, self._lab)

    def action_change_theme(self) -> None:
        if self.screen is self._lab:
            self.push_screen(pick_theme(self.theme), self._theme_picked)

    def _theme_picked(self, name: str | None) -> None:
        if name is not None:
            self.theme = name

    async def action_quit(self) -> None:
        if self.screen is self._lab:
            self._lab.action_leave()
        else:
            self.screen.dismiss(None)

    def on_unmount(self) -> None:
        self._engine.close()
