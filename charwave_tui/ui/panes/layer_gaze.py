"""Which layer a person looks into, and where in it."""

from __future__ import annotations

from dataclasses import replace

from textual.reactive import reactive

from charwave_tui.core.readings import LayerStats
from charwave_tui.ui.commands import Key
from charwave_tui.ui.insight.asking import Looking
from charwave_tui.ui.insight.kinds import view_of
from charwave_tui.ui.insight.shown import Gaze, Nouns, Shown
from charwave_tui.ui.layer_keys import keys_for
from charwave_tui.ui.layers_view import LayersView
from charwave_tui.ui.panes.layer_typing import LayerTyping


class LayerGaze(LayerTyping):
    """A pane that knows all layers and how a person looks at them."""

    probed: reactive[LayersView] = reactive(LayersView, repaint=False)
    """All layers as last probed."""
    looking: reactive[Looking] = reactive(Looking, repaint=False)
    """How a person looks."""

    def __init__(self, looking: Looking, *, id: str) -> None:
        super().__init__(id=id)
        self.set_reactive(LayerGaze.looking, looking)

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

    def shown(self) -> Shown | None:
        """What can be drawn now, if anything."""
        raise NotImplementedError

    @property
    def text(self) -> str:
        return self.gaze.text

    def typed(self, text: str) -> None:
        self._look(replace(self.gaze, text=text))

    @property
    def keys(self) -> tuple[Key, ...]:
        """The keys as they are named where the cursor is."""
        return keys_for(view_of(self.stats.name).nouns(self.gaze.part) if self.stats else Nouns())

    @property
    def seed(self) -> int:
        """The seed that the examples are drawn with: the run's own until a person asks for another."""
        own = self.run.config.seed if self.run.config else 0
        return own if self.looking.batch.seed is None else self.looking.batch.seed

    def _moved(self, key: str) -> Gaze | None:
        shown = self.shown()
        return view_of(shown.stats.name).moved(shown, key) if shown else None

    def _look(self, gaze: Gaze) -> None:
        self.looking = replace(self.looking, gaze=gaze)
