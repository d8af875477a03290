"""Asking the engine for the layer that a person looks into, no oftener than its answers allow."""

from __future__ import annotations

from dataclasses import replace

from msgspec.structs import replace as replaced
from textual.reactive import reactive
from textual.timer import Timer

from charwave_tui.core.inspection import LayerInspected, ReportChanges
from charwave_tui.core.readings import State
from charwave_tui.ui.asked import Asked
from charwave_tui.ui.insight.asking import Asking, Looking, Question, rest
from charwave_tui.ui.insight.embedding import aligned
from charwave_tui.ui.insight.figures import explained
from charwave_tui.ui.insight.kinds import view_of, wants_changes
from charwave_tui.ui.insight.shown import Shown
from charwave_tui.ui.layers_view import Inspection
from charwave_tui.ui.panes.layer_walk import LayerWalk

PATIENCE = 5.0
"""Seconds after which a question without an answer is asked again."""


class LayerAsking(LayerWalk):
    """A pane that has an answer, or waits for one."""

    inspection: reactive[Inspection] = reactive(Inspection, repaint=False)
    """What the engine told."""

    def __init__(self, looking: Looking) -> None:
        super().__init__(looking, id="layer")
        self._asking = Asking(looking.asked)
        self._answer: LayerInspected | None = None
        self._resting: Timer | None = None

    @property
    def looked(self) -> Looking:
        """How a person has looked."""
        return replace(self.looking, asked=self._asking.asked)

    @property
    def dated(self) -> bool:
        return self._answer is not None

    def shown(self) -> Shown | None:
        answer, asked = self._answer, self._asking.answered
        if answer is None or asked is None or asked.lens.layer != self.gaze.layer or not self.probed.layers:
            return None
        symbols = self.run.corpus.symbols if self.run.corpus else ""
        changes = self.inspection.changes
        return Shown(answer.step, self.probed.layers, answer.stats, answer.insight, self.gaze, symbols, changes)

    def _ask(self, *, again: bool = False) -> None:
        """Ask what the view needs, unless it is known or being asked for."""
        stats, (width, height) = self.stats, self.size
        if stats is None or not self.size or self.run.engine != "ready" or self.run.state is None:
            return
        view, shown = view_of(stats.name), self.shown()
        below = explained(view.figures(shown), self.gaze.figure, width) if shown else ()
        question = Question(view.lens(self.gaze, width, max(height - len(below), 1)), self.looking.batch)
        command = self._asking.ask(question, again=again)
        if command is None:
            return
        self.post_message(Asked(command))
        if wants_changes(stats.name, self.gaze.part):
            self.post_message(Asked(ReportChanges()))
        self._ask_after(PATIENCE)

    def _ask_after(self, seconds: float | None) -> None:
        if self._resting is not None:
            self._resting.stop()
        self._resting = None if seconds is None else self.set_timer(seconds, self._rested)

    def _rested(self) -> None:
        self._resting = None
        self._asking.give_up()
        self._ask(again=True)

    def _hear(self, answer: LayerInspected) -> None:
        """Take in an answer, if it is to the question that is open."""
        if self._asking.heard(answer):
            before = self._answer.insight if self._answer else None
            self._answer = replaced(answer, insight=aligned(before, answer.insight))
            self.renewed()
            self._ask_after(rest(answer.seconds) if self.run.state is State.TRAINING else None)

    def _forget(self, *, keep: bool = False) -> None:
        """What is known is not of this model; with `keep`, it is only the engine that is gone."""
        if keep:
            self._asking.give_up()
        else:
            self._asking.forget()
            self._answer = None
