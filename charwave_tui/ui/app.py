"""The playground: one lab screen, what others ask of it, and an orderly end."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from charwave_tui.client.engine import Engine
from charwave_tui.core.config import RunConfig
from charwave_tui.core.mistake import Mistake
from charwave_tui.ui.asked import Asked
from charwave_tui.ui.commands import KEYS
from charwave_tui.ui.conversation import EngineLink
from charwave_tui.ui.fitting import Fitting
from charwave_tui.ui.printing import keep
from charwave_tui.ui.screens.lab import LabScreen
from charwave_tui.ui.screens.questions import pick_command, pick_theme

if TYPE_CHECKING:
    from charwave_tui.ui.screens.layer import LayerScreen

ENDINGS = (signal.SIGHUP, signal.SIGTERM)
"""Signals on which the playground ends in order; a run in training goes on."""


class Playground(Fitting):
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
        engine: EngineLink | None = None,
        named: bool = False,
        fps: int | None = None,
    ) -> None:
        super().__init__(fps, theme)
        self._engine = engine or Engine()
        self._lab = LabScreen(config, preset, self._engine, named)

    @property
    def fault(self) -> Exception | None:
        """What brought the playground down, for whoever ran it to tell; None after an orderly end."""
        return self._exception

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()  # Textual would print pages here; the story belongs in the log

    def on_mount(self) -> None:
        for name in ENDINGS:
            with suppress(NotImplementedError, RuntimeError, ValueError):
                asyncio.get_running_loop().add_signal_handler(name, self.exit)
        self.push_screen(self._lab, self.exit)
        self.set_interval(1.0, self._tell_of_line)

    def _tell_of_line(self) -> None:
        self._lab.line = self.said_of_line
        self._lab.place = self._place()

    def _place(self) -> str:
        latency = self._engine.latency
        return self._engine.host if latency is None else f"{self._engine.host} {latency * 1e3:.0f} ms"

    def on_asked(self, message: Asked) -> None:
        self._lab.give(message.command)

    def on_layer_screen_steered(self, message: LayerScreen.Steered) -> None:
        self._lab.action_steer(message.key)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "command_palette" and self.screen is not self._lab:
            return False  # its commands are the lab's
        return super().check_action(action, parameters)

    def action_command_palette(self) -> None:
        means = {binding.action for _, binding, enabled, _ in self._lab.active_bindings.values() if enabled}
        keys = [key for key in KEYS if key.named and key.action in means]
        self.push_screen(pick_command(keys), self._command_picked)

    def _command_picked(self, action: str | None) -> None:
        if action is not None:
            self.call_later(self.run_action, action, self._lab)

    def action_picture(self) -> None:
        """Save what is on the screen."""
        try:
            path = keep(self.export_screenshot())
        except Mistake as mistake:
            self.notify(f"{mistake.problem}\n{mistake.remedy}", severity="warning", markup=False)
        else:
            self.notify(f"the picture is saved\n{path}", markup=False)

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
