"""The playground: themes, one lab screen, and an orderly end."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

from textual import work
from textual.app import App

from charwave_tui.client.engine import Engine
from charwave_tui.core.config import RunConfig
from charwave_tui.ui.conversation import EngineLink
from charwave_tui.ui.screens.lab import LabScreen
from charwave_tui.ui.screens.questions import pick_command, pick_theme
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

    def action_command_palette(self) -> None:
        self._offer_commands()

    def action_change_theme(self) -> None:
        self._offer_themes()

    @work
    async def _offer_commands(self) -> None:
        answer = await self.push_screen_wait(pick_command(in_lab=self.screen is self._lab))
        if answer is not None:
            await self.run_action(answer, self.screen)

    @work
    async def _offer_themes(self) -> None:
        answer = await self.push_screen_wait(pick_theme(self.theme))
        if answer is not None:
            self.theme = answer

    async def action_quit(self) -> None:
        if self.screen is self._lab:
            self._lab.action_leave()
        else:
            self.screen.dismiss(None)

    def on_unmount(self) -> None:
        self._engine.close()
