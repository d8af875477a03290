"""The half of the lab that spoils a run on purpose, and leads back to how it was."""

from __future__ import annotations

from charwave_tui.core.config import RunConfig
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.records import UNFINISHED
from charwave_tui.ui import composing
from charwave_tui.ui.conversation import EngineLink
from charwave_tui.ui.draft import Draft, Problem
from charwave_tui.ui.screens.driving import Driving
from charwave_tui.ui.screens.questions import ask_for_new_run, pick_what_if
from charwave_tui.ui.what_if import spoilt


class Spoiling(Driving):
    """A screen with a key for the lessons' failures: a new run of what is there, with one thing spoilt."""

    def __init__(self, config: RunConfig, preset: str, engine: EngineLink, named: bool) -> None:
        super().__init__(config, preset, engine, named)
        self._unspoilt: tuple[Draft, Draft] | None = None

    def action_what_if(self) -> None:
        """Offer to spoil one thing of the run, or of the form where there is none, in a new run."""
        whole = self._whole()
        spoilt = self._unspoilt is not None and whole == self._unspoilt[0]
        self.app.push_screen(pick_what_if(whole.config, spoilt=spoilt), self._what_if_picked)

    def _what_if_picked(self, name: str | None) -> None:
        if name is None:
            return
        whole = self._whole()
        try:
            draft = Draft(spoilt(name, whole.config), whole.preset)
        except Mistake as mistake:
            self.complain(Problem.of(mistake))
            return
        if self.conversation.state in UNFINISHED:
            dialog = ask_for_new_run(self.conversation.view.run, name)
            self.app.push_screen(dialog, lambda yes: self._begin(draft, whole) if yes else None)
        else:
            self._begin(draft, whole)

    def _begin(self, draft: Draft, whole: Draft) -> None:
        self._unspoilt = whole, draft
        self.form = composing.filled(self.form, draft)
        self.steer("train")

    def _whole(self) -> Draft:
        """The run in hand, or the form where there is none; of one that was spoilt what it was before."""
        run = self.conversation.view.run
        draft = self.form.draft if run.config is None or run.run is None else Draft(run.config, run.preset)
        whole, spoilt = self._unspoilt or (draft, draft)
        return whole if draft == spoilt else draft
