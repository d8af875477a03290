"""The half of the lab that drives the run: the keys that start, hold and end it, and the way out."""

from __future__ import annotations

from abc import abstractmethod

from charwave_tui.core.config import RunConfig
from charwave_tui.core.readings import State
from charwave_tui.ui.conversation import EngineLink
from charwave_tui.ui.screens.drafting import Drafting
from charwave_tui.ui.screens.questions import ask_for_new_run, ask_for_quit
from charwave_tui.ui.view import IN_PROGRESS

SAVED_WITHIN = 10.0
"""Seconds that leaving waits for the run to be saved; the engine goes on saving after that."""


class Driving(Drafting):
    """A screen whose keys move a run; it is dismissed with what there is to say on the way out."""

    def __init__(self, config: RunConfig, preset: str, engine: EngineLink) -> None:
        super().__init__(config, preset, engine)
        self.leaving = False
        self._left = False

    @abstractmethod
    def reach(self) -> None:
        """Begin to listen to an engine, once more if need be."""

    @abstractmethod
    def action_pane(self, pane_id: str) -> None:
        """Go to a pane."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "steer" and not self.conversation.means(str(parameters[0]), self.form.draft):
            return None
        return super().check_action(action, parameters)

    def action_steer(self, key: str) -> None:
        """Give the command of a key; training over a run in progress is asked about first."""
        if self.leaving:
            return
        if self.conversation.begins(key) and not self.sound():
            self.action_pane("form")
        elif key == "train" and self.conversation.state in IN_PROGRESS:
            self.app.push_screen(ask_for_new_run(self.conversation.view.run), self._new_run_answered)
        else:
            self._give(key)

    def _new_run_answered(self, yes: bool | None) -> None:
        if yes:
            self._give("train")

    def _give(self, key: str) -> None:
        if self.conversation.view.run.engine == "lost":
            self.reach()
        self.conversation.steer(key, self.form.draft)
        self.refresh_bindings()

    def action_leave(self) -> None:
        """Leave; a run in progress is stopped and saved first, one in training after a question."""
        if self.conversation.state is State.TRAINING and self.conversation.view.run.engine == "ready":
            self.app.push_screen(ask_for_quit(self.conversation.view.run), self._quit_answered)
        else:
            self._quit_answered(True)

    def _quit_answered(self, yes: bool | None) -> None:
        if not yes or self.leaving:
            return
        if self.conversation.state in IN_PROGRESS and self.conversation.view.run.engine == "ready":
            self.leaving = True
            self.conversation.steer("stop", self.form.draft)
            self.notify("saving the run, then leaving", markup=False)
            self.set_timer(SAVED_WITHIN, lambda: self.part("the engine is still saving the run"))
        else:
            self.part("")

    def part(self, farewell: str) -> None:
        """Be dismissed, which there may be several reasons for, but only once."""
        if self._left:
            return
        if not self.is_active:  # only the topmost screen can be dismissed, and a dialog may be on its way out
            self.set_timer(0.05, lambda: self._part_over(farewell))
            return
        self._left = True
        self.dismiss(farewell)

    def _part_over(self, farewell: str) -> None:
        if not self.is_active and not self._left:
            self.app.pop_screen()
        self.part(farewell)
