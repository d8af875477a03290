"""Walking through the layers, the parts of their views and what is in them, by keys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message

from charwave_tui.core.insights import ProbeBatch
from charwave_tui.ui.insight.asking import larger
from charwave_tui.ui.insight.kinds import TYPED, view_of
from charwave_tui.ui.layer_keys import LAYER_KEYS
from charwave_tui.ui.panes.layer_gaze import LayerGaze


class LayerWalk(LayerGaze):
    """A pane that looks into one layer and hears the keys; whoever derives from it asks and draws."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in LAYER_KEYS]

    @dataclass
    class Wanted(Message):
        """A person wants something that is not the pane's: `back`, `help`, or a steering key, `pause` or `step`."""

        what: str

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action not in ("part", "layer", "move", "type", "steer", "batch", "seed", "want", "explain"):
            return super().check_action(action, parameters)
        if self.typing:
            return False
        view = view_of(self.stats.name) if self.stats else None
        match action, *parameters:
            case "part", *_:
                return None if view is None or len(view.parts) < 2 else True
            case "move", str(key):
                return self._moved(key) is not None
            case ("type",):
                return self.stats is not None and self.stats.name in TYPED
            case ("explain",):
                return None if self.shown() is None else True
            case "layer", *_:
                return None if view is None else True
            case "steer", *_:
                return None if self.run.state is None and self.run.unfinished is None else True
            case _:
                return True

    def action_layer(self, step: int) -> None:
        layers, gaze = self.probed.layers, self.gaze
        if not layers:
            return
        place = min(max(gaze.layer + step, 0), len(layers) - 1)
        here = view_of(layers[gaze.layer].name).parts[gaze.part :][:1]
        there = view_of(layers[place].name).parts
        part = there.index(here[0]) if here and here[0] in there else 0
        self._look(replace(gaze, layer=place, part=part))

    def action_part(self, step: int) -> None:
        if self.stats is not None:
            self._look(replace(self.gaze, part=(self.gaze.part + step) % len(view_of(self.stats.name).parts)))

    def action_move(self, key: str) -> None:
        if (gaze := self._moved(key)) is not None:
            self._look(gaze)

    def action_explain(self) -> None:
        if shown := self.shown():
            labels = [figure.label for figure in view_of(shown.stats.name).figures(shown)]
            following = labels.index(self.gaze.figure) + 1 if self.gaze.figure in labels else 0
            self._look(replace(self.gaze, figure=labels[following] if following < len(labels) else ""))

    def action_batch(self) -> None:
        self.looking = replace(self.looking, batch=larger(self.looking.batch))

    def action_seed(self) -> None:
        batch = self.looking.batch
        self.looking = replace(self.looking, batch=ProbeBatch(batch.examples, self.seed + 1))

    def action_want(self, what: str) -> None:
        self.post_message(self.Wanted(what))

    action_steer = action_want
