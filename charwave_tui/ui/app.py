"""The Textual apps: the playground and the guide."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from contextlib import suppress
from dataclasses import replace

import msgspec
from textual import on

from charwave_tui.client.engine_client import EngineClient
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.errors import UserError
from charwave_tui.ui.dialogs.lab_dialogs import pick_command, pick_glyphs, pick_theme
from charwave_tui.ui.drawing.theme import PALETTES, themes
from charwave_tui.ui.keymap import LAB_KEYS
from charwave_tui.ui.lab.screen import LabScreen
from charwave_tui.ui.messages import RunKeyPressed, SendCommand
from charwave_tui.ui.state.engine_controller import EngineClientProtocol
from charwave_tui.ui.terminal.capabilities import GLYPH_SETS, GLYPHS_VARIABLE, TERMINAL
from charwave_tui.ui.terminal.diff_renderer import DiffRenderingApp
from charwave_tui.ui.terminal.display_settings import (
    DisplaySettings,
    load_display_settings,
    save_display_settings,
)
from charwave_tui.ui.terminal.driver import BackgroundDetected, TerminalDriver
from charwave_tui.ui.terminal.screenshot import save_screenshot, screenshot_name

THEME_NAMES = {name.removeprefix("charwave-") for name in PALETTES}
EXIT_SIGNALS = (signal.SIGHUP, signal.SIGTERM)  # a run in training goes on


class ThemedApp(DiffRenderingApp):
    """An app with the program's themes alone.

    Without a `theme` (such as `dark`) the one that the user picked last counts, and else the terminal's background.
    """

    ENABLE_COMMAND_PALETTE = False

    def __init__(self, fps: int | None, theme: str | None) -> None:
        super().__init__(fps)
        textual_themes = list(self.available_themes)
        for own_theme in themes():
            self.register_theme(own_theme)
        self._settings = load_display_settings()
        if self._settings.theme in THEME_NAMES:
            theme = theme or self._settings.theme
        if GLYPHS_VARIABLE not in os.environ:
            self.characters = GLYPH_SETS.get(self._settings.glyphs, self.characters)
        self._terminal_theme = None if theme else TERMINAL.default_theme
        self.theme = self._terminal_theme or f"charwave-{theme}"
        for name in textual_themes:
            self.unregister_theme(name)

    @property
    def fault(self) -> Exception | None:
        """The exception that ended the app, for the caller to report; None after an orderly end."""
        return self._exception

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()  # Textual would print pages here; the traceback belongs in the log

    def on_mount(self) -> None:
        for number in EXIT_SIGNALS:
            with suppress(NotImplementedError, RuntimeError, ValueError):
                asyncio.get_running_loop().add_signal_handler(number, self.exit)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes()[0].variables

    @on(BackgroundDetected)
    def follow_background(self, message: BackgroundDetected) -> None:
        if self.theme == self._terminal_theme:
            self.theme = self._terminal_theme = replace(TERMINAL, has_light_background=message.is_light).default_theme

    def keep_settings(self, settings: DisplaySettings) -> None:
        """Keep what the user has picked for the next start."""
        self._settings = settings
        try:
            save_display_settings(settings)
        except UserError as error:
            self.notify(f"{error.problem}\n{error.remedy}", severity="warning", markup=False)

    def action_mouse(self) -> None:
        """Give the mouse to the terminal, for selecting and copying, or take it back."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.mouse ^= True
            is_ours = self._driver.mouse
            self.notify("the program has the mouse again" if is_ours else "the terminal has the mouse\nm takes it back")

    def action_picture(self) -> None:
        if self.is_web:  # a file of the server is of no use to the browser
            picture = io.StringIO(self.export_screenshot())
            self.deliver_text(picture, save_filename=screenshot_name(), mime_type="image/svg+xml")
            return
        try:
            path = save_screenshot(self.export_screenshot())
        except UserError as error:
            self.notify(f"{error.problem}\n{error.remedy}", severity="warning", markup=False)
        else:
            self.notify(f"screenshot saved\n{path}", markup=False)


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
    """The playground; its return value is the message to print after the terminal is restored.

    `keeps_config` says that the user chose `config` for this start, so that no run that the engine has replaces it.
    At most `fps` frames a second are drawn of what changes by itself.
    """

    TITLE = "charwave-tui"
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        config: RunConfig,
        preset: str,
        theme: str | None = None,
        engine: EngineClientProtocol | None = None,
        keeps_config: bool = False,
        fps: int | None = None,
    ) -> None:
        super().__init__(fps, theme)
        self._engine = engine or EngineClient()
        self._lab = LabScreen(config, preset, self._engine, keeps_config)

    def on_mount(self) -> None:
        self.push_screen(self._lab, self.exit)
        self.set_interval(0.5, self._show_connection)

    def _show_connection(self) -> None:
        host, latency = self._engine.host, self._engine.latency
        self._lab.connection_notice = self.connection_notice
        self._lab.engine_host = host if latency is None else f"{host} {latency * 1e3:.0f} ms"

    @on(SendCommand)
    def send_command(self, message: SendCommand) -> None:
        self._lab.send_command(message.command)

    @on(RunKeyPressed)
    def press_run_key(self, message: RunKeyPressed) -> None:
        self._lab.action_control_run(message.key)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "command_palette" and self.screen is not self._lab:
            return False  # the palette has the commands of the lab
        return super().check_action(action, parameters)

    def action_command_palette(self) -> None:
        available = {binding.action for _, binding, enabled, _ in self._lab.active_bindings.values() if enabled}
        # without the keys that lead to panes, and those that the palette lists itself
        named = [key for key in LAB_KEYS if not key.action.startswith("pane") and not key.key.startswith("ctrl")]
        keys = [key for key in named if key.action in available]
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
            self.keep_settings(msgspec.structs.replace(self._settings, theme=name.removeprefix("charwave-")))

    def action_change_glyphs(self) -> None:
        if self.screen is self._lab:
            self.push_screen(pick_glyphs(self.characters), self._glyphs_picked)

    def _glyphs_picked(self, name: str | None) -> None:
        if name is not None:
            self.use_characters(GLYPH_SETS[name])
            self.keep_settings(msgspec.structs.replace(self._settings, glyphs=name))

    async def action_quit(self) -> None:
        if self.screen is self._lab:
            self._lab.action_quit()
        else:
            self.screen.dismiss(None)

    def on_unmount(self) -> None:
        self._engine.close()
