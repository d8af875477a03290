"""The playground: themes, one lab screen, and an orderly end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Any

from textual.app import App, SystemCommand
from textual.screen import Screen

from charwave_tui.client.engine import Engine
from charwave_tui.core.config import RunConfig
from charwave_tui.ui.commands import KEYS
from charwave_tui.ui.conversation import EngineLink
from charwave_tui.ui.screens.lab import LabScreen
from charwave_tui.ui.themes import themes

ENDINGS = (signal.SIGHUP, signal.SIGTERM)
"""Signals on which the playground ends in order; the engine saves the run when it sees the screen go."""


class Playground(App[str]):
    """The program on the screen; it returns the line to say once the terminal is as it was."""

    TITLE = "charwave-tui"
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self, config: RunConfig, preset: str, theme: str | None = None, engine: EngineLink | None = None
    ) -> None:
        super().__init__()
        self._engine = engine or Engine()
        self._lab = LabScreen(config, preset, self._engine)
        foreign = list(self.available_themes)
        for known in themes():
            self.register_theme(known)
        self.theme = f"charwave-{theme}" if theme else themes()[0].name
        for name in foreign:
            self.unregister_theme(name)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes()[0].variables

    def on_mount(self) -> None:
        for name in ENDINGS:
            with suppress(NotImplementedError, RuntimeError, ValueError):
                asyncio.get_running_loop().add_signal_handler(name, self.exit)
        self.push_screen(self._lab, self.exit)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """What the palette offers: the lab's keys by name, the themes, a picture."""
        if screen is self._lab:
            for key in KEYS:
                if key.named:
                    yield SystemCommand(key.name, key.help, partial(screen.run_action, key.action))
        yield SystemCommand(
            "Theme", "dark, light, safe for the colour-blind, or sixteen colours", self.action_change_theme
        )
        yield SystemCommand("Picture", "save what is on the screen as SVG", self.action_screenshot)

    async def action_quit(self) -> None:
        if self.screen is self._lab:
            self._lab.action_leave()
        else:
            self.screen.dismiss(None)

    def on_unmount(self) -> None:
        self._engine.close()
