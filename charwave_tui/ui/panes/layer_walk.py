"""Walking through the layers, the parts of their views and what is in them, by keys; and typing a context."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input

from charwave_tui.core.insights import ProbeBatch
from charwave_tui.core.readings import LayerStats
from charwave_tui.ui.drawn import Drawn
from charwave_tui.ui.insight.asking import Looking, larger
from charwave_tui.ui.insight.kinds import TYPED, view_of
from charwave_tui.ui.insight.shown import Gaze, Shown
from charwave_tui.ui.layer_keys import LAYER_KEYS
from charwave_tui.ui.layers_view import LayersView
from charwave_tui.ui.own_keys import OwnKeys
from charwave_tui.ui.panes.dated import DatedPane
from charwave_tui.ui.panes.field_editor import FieldEditor

LONGEST = 64
"""Characters of a context that can be typed."""

LABEL = "context  "
"""What stands before the editor."""


class LayerWalk(DatedPane, OwnKeys):
    """A pane that looks into one layer and hears the keys; whoever derives from it asks and draws."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in LAYER_KEYS]

    probed: reactive[LayersView] = reactive(LayersView, repaint=False)
    """All layers as last probed."""
    looking: reactive[Looking] = reactive(Looking, repaint=False)
    """How a person looks."""

    @dataclass
    class Wanted(Message):
        """A person wants something that is not the pane's: `back`, `help`, or a steering key, `pause` or `step`."""

        what: str

    def __init__(self, looking: Looking, *, id: str) -> None:
        super().__init__(3, "Layers", id=id)
        self.set_reactive(LayerWalk.looking, looking)
        self.lines = Drawn()
        self._editor = FieldEditor()
        self._editor.max_length = LONGEST

    def compose(self) -> ComposeResult:
        yield self.lines
        yield self._editor

    @property
    def gaze(self) -> Gaze:
        """Where a person points; in a model with fewer layers its last one, of fewer parts the last."""
        gaze, layers = self.looking.gaze, self.probed.layers
        if not layers:
            return gaze
        layer = min(gaze.layer, len(layers) - 1)
        return replace(gaze, layer=layer, part=min(gaze.part, len(view_of(layers[layer].name).parts) - 1))

    @property
    def stats(self) -> LayerStats | None:
        """The figures of the layer at hand, if it was probed."""
        layers = self.probed.layers
        return layers[self.gaze.layer] if layers else None

    @property
    def typing(self) -> bool:
        """Whether a context is being typed."""
        return self._editor.is_open

    def shown(self) -> Shown | None:
        """What can be drawn now, if anything."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action not in ("part", "layer", "move", "type", "steer", "batch", "seed", "want"):
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

    def action_batch(self) -> None:
        self.looking = replace(self.looking, batch=larger(self.looking.batch))

    def action_seed(self) -> None:
        batch = self.looking.batch
        self.looking = replace(self.looking, batch=ProbeBatch(batch.examples, self.seed + 1))

    @property
    def seed(self) -> int:
        """The seed that the examples are drawn with: the run's own until a person asks for another."""
        own = self.run.config.seed if self.run.config else 0
        return own if self.looking.batch.seed is None else self.looking.batch.seed

    def action_steer(self, key: str) -> None:
        self.post_message(self.Wanted(key))

    def action_want(self, what: str) -> None:
        self.post_message(self.Wanted(what))

    def action_type(self) -> None:
        self._editor.open("context", self.gaze.text)
        self.refit()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._look(replace(self.gaze, text=event.value))
        self._put_away()

    def on_field_editor_left(self, event: FieldEditor.Left) -> None:
        event.stop()
        self._put_away()

    def on_focus(self) -> None:
        if self.typing:
            self.screen.set_focus(self._editor, scroll_visible=False)

    async def _on_key(self, event: events.Key) -> None:
        if self.typing and event is not self._editor.last_key:
            # Typed right behind the key that opened the editor, so it is meant for the editor.
            event.stop()
            event.prevent_default()
            self._editor.post_message(events.Key(event.key, event.character))

    def refit(self) -> None:
        """Draw what changed, with the editor over the last line while it is open."""
        self._editor.styles.offset = (len(LABEL), self.size.height - 1)
        self._editor.styles.width = max(self.size.width - len(LABEL), 1)

    def _put_away(self) -> None:
        self._editor.close()
        self.screen.set_focus(self, scroll_visible=False)
        self.refit()

    def _moved(self, key: str) -> Gaze | None:
        shown = self.shown()
        return view_of(shown.stats.name).moved(shown, key) if shown else None

    def _look(self, gaze: Gaze) -> None:
        self.looking = replace(self.looking, gaze=gaze)
