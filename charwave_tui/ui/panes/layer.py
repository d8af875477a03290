"""One layer from inside: draws the view of its kind, and follows what is told of it."""

from __future__ import annotations

from collections.abc import Iterator

from textual.timer import Timer

from charwave_tui.core.readings import State
from charwave_tui.ui import numbers
from charwave_tui.ui.archive_view import held
from charwave_tui.ui.insight.asking import Looking
from charwave_tui.ui.insight.figures import explained
from charwave_tui.ui.insight.frame import heading, nothing
from charwave_tui.ui.insight.kinds import TYPED, view_of
from charwave_tui.ui.layer_cells import first_spoilt, title
from charwave_tui.ui.layers_view import Inspection, LayersView
from charwave_tui.ui.panes.layer_asking import LayerAsking
from charwave_tui.ui.panes.layer_typing import LABEL
from charwave_tui.ui.pieces import Line, Piece, told_within
from charwave_tui.ui.view import RunView

HOLD = 0.3
"""Seconds that the layer seen last stays in sight while another one is being looked into."""


class LayerPane(LayerAsking, can_focus=True):
    """The view of the layer that a person looks at, asked for again while training moves it."""

    def __init__(self, looking: Looking) -> None:
        super().__init__(looking)
        self._holding: Timer | None = None
        self._meanings: tuple[object, ...] = ()
        self._titled = ""

    def on_resize(self) -> None:
        self._ask()
        self.refit()

    def watch_looking(self, old: Looking, looking: Looking) -> None:
        self._ask(again=old.gaze.part != looking.gaze.part)
        if old.gaze.layer != looking.gaze.layer and self._holding is None and self.run.engine == "ready":
            self._holding = self.set_timer(HOLD, self._let_go)
        self.refit()

    def watch_probed(self, old: LayersView, probed: LayersView) -> None:
        if [layer.name for layer in old.layers] != [layer.name for layer in probed.layers]:
            self._forget()
        self._ask()
        self.refit()

    def watch_inspection(self, old: Inspection, now: Inspection) -> None:
        answer = now.inspected
        if answer is None:
            self._forget()
        elif answer is not old.inspected:
            self._hear(answer)
        self._ask()
        self.refit()

    def watch_run(self, old: RunView, run: RunView) -> None:
        if old.engine != run.engine or held(old) != held(run):
            self._forget(keep=run.engine != "ready")
        moved = run.state is not State.TRAINING and run.step != old.step
        if moved or old.state is not run.state:
            self._ask(again=True)
        if (old.state, old.engine, held(old)) != (run.state, run.engine, held(run)):
            self.refit()

    def refit(self) -> None:
        if not self.is_mounted or not self.size:
            return
        super().refit()
        width, height = self.size
        room = height - 1 if self.typing else height
        if self._holding is None or self.shown() is not None:
            lines = list(self._content(width, room))
            if self.typing:
                lines.append((Piece(LABEL, "accent", True),))
            self.lines.draw(lines)
        self.problem = self.run.engine == "lost"
        head = heading(self.probed.layers, self.gaze, width - 2)
        if head != self._titled:
            self._titled = head
            self.write_top(head)
        self.say_whence()
        meanings = (self.stats and self.stats.name, self.gaze.part, self.run.state, self.typing, self.shown() is None)
        if meanings != self._meanings:
            self._meanings = meanings
            for key in self.keys:
                self._bindings.key_to_bindings[key.key] = [key.binding()]
            self.refresh_bindings()

    def say_whence(self) -> None:
        told = []
        if self.run.engine == "lost":
            told.append("the engine is gone")
        if self._answer is not None and self.shown() is not None:
            spoilt = first_spoilt(self.probed.layers)
            if spoilt is None:
                told.append(self.taken(self._answer.step))
            else:
                told.append(f"step {numbers.steps(self._answer.step)}")
                told.append(f"first NaN in {title(self.probed.layers[spoilt])}")
            if self._answer.stats.name not in TYPED:
                told.append(f"{self._answer.stats.output_shape[0]:,} examples, seed {self.seed}")
        self.provenance = told_within(told, self.size.width - 2)

    def _content(self, width: int, height: int) -> Iterator[Line]:
        """As many lines as there is room for: the view over what is explained, or words while there is no view."""
        shown = self.shown()
        if shown is None:
            lines = tuple(nothing(self.run))
            yield from (*lines, *((),) * (height - len(lines)))  # always as many: only those that changed are drawn
            return
        view = view_of(shown.stats.name)
        below = explained(view.figures(shown), self.gaze.figure, width)[: max(height - 1, 0)]
        lines = view.lines(shown, width, height - len(below))
        yield from (*lines, *((),) * (height - len(lines) - len(below)), *below)

    def _let_go(self) -> None:
        self._holding = None
        self.refit()
