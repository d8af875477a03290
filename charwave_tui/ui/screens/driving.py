"""The half of the lab that drives the run: the keys that start, hold and end it, and the way out."""

from __future__ import annotations

from abc import abstractmethod

from textual.timer import Timer

from charwave_tui.core import protocol
from charwave_tui.core.config import RunConfig
from charwave_tui.core.framing import AnyEvent
from charwave_tui.core.protocol import Command
from charwave_tui.core.readings import State
from charwave_tui.core.records import UNFINISHED
from charwave_tui.ui.conversation import EngineLink
from charwave_tui.ui.farewell import farewell, saved
from charwave_tui.ui.screens.listening import Listening
from charwave_tui.ui.screens.questions import Parting, ask_for_new_run, ask_for_quit
from charwave_tui.ui.view import EngineLost

SAVED_WITHIN = 10.0
"""Seconds that stopping and leaving waits for the run to be saved; the engine goes on saving after that."""


class Driving(Listening):
    """A screen whose keys move a run; it is dismissed with what there is to say on the way out."""

    def __init__(self, config: RunConfig, preset: str, engine: EngineLink, named: bool) -> None:
        super().__init__(config, preset, engine, named)
        self._saving: Timer | None = None
        self._left = False

    @abstractmethod
    def action_pane(self, pane_id: str) -> None:
        """Go to a pane."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "steer" and not self.conversation.means(str(parameters[0]), self.form.draft):
            return False if "rewind" in parameters else None  # what so rarely means something takes no room
        return super().check_action(action, parameters)

    def action_steer(self, key: str) -> None:
        """Give the command of a key; training over a run in progress is asked about first."""
        if self._saving:
            return
        if self.conversation.begins(key) and not self.sound():
            self.action_pane("form")
        elif key == "train" and self.conversation.state in UNFINISHED:
            self.app.push_screen(ask_for_new_run(self.conversation.view.run), self._new_run_answered)
        else:
            self.steer(key)

    def _new_run_answered(self, yes: bool | None) -> None:
        if yes:
            self.steer("train")

    def steer(self, key: str) -> None:
        """Give the command of a key, whatever is in progress."""
        if self._away():
            return
        self._reach_if_lost()
        self.conversation.steer(key, self.form.draft)
        self.refresh_bindings()

    def give(self, command: Command) -> None:
        """Give a command that another screen asks for."""
        if self._away():
            return
        self._reach_if_lost()
        self.conversation.give(command)

    def _away(self) -> bool:
        """Whether the line to another machine is down, which is said: what waited for it would act unannounced."""
        away = self.conversation.view.run.engine == "away"
        if away:
            self.notify(
                "the line is down, so the engine hears nothing\npress again once it is back", severity="warning"
            )
        return away

    def _reach_if_lost(self) -> None:
        if self.conversation.view.run.engine == "lost":
            self.reach()

    def action_leave(self) -> None:
        """Leave; what becomes of a run in training is asked first."""
        if self.conversation.state is State.TRAINING and self.conversation.view.run.engine == "ready":
            self.app.push_screen(ask_for_quit(self.conversation.view.run), self._quit_answered)
        elif not self._saving:
            self._leave()

    def _quit_answered(self, answer: Parting | None) -> None:
        if answer is Parting.SAVED and self.conversation.steer("stop", self.form.draft):
            self.notify("saving the run, then leaving", markup=False)
            self._saving = self.set_timer(SAVED_WITHIN, lambda: self.part("the engine is still saving the run"))
        elif answer in (Parting.SAVED, Parting.RUNNING):
            self._leave()

    def hear(self, event: AnyEvent | EngineLost) -> None:
        known = self.conversation.view.run.unsaved
        super().hear(event)
        if self._saving is None:
            return
        match event:
            case protocol.RunSaved(run=run):
                self.part(saved(run))
            case protocol.SaveFailed(run=run, problem=problem):
                self._saving.stop()
                self._saving = None
                if known:  # so that nothing was said of it just now
                    self.notify(f"run {run} cannot be saved: {problem}\nq leaves it to the engine", severity="error")
            case EngineLost():
                self._leave()

    def _leave(self) -> None:
        self.part(farewell(self.conversation.view.run, self.conversation.state, self._engine.host))

    def part(self, words: str) -> None:
        """Be dismissed, which there may be several reasons for, but only once."""
        if self._left:
            return
        if not self.is_active:  # only the topmost screen can be dismissed, and a dialog may be on its way out
            self.set_timer(0.05, lambda: self._part_over(words))
            return
        self._left = True
        self.dismiss(words)

    def _part_over(self, words: str) -> None:
        if not self.is_active and not self._left:
            self.app.pop_screen()
        self.part(words)
