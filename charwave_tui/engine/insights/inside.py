"""Which insight a layer has."""

from __future__ import annotations

from charwave_tui.core.insights import AnyInsight, Lens, PlainInsight
from charwave_tui.engine.insights.activation import activation
from charwave_tui.engine.insights.embedding import embedding
from charwave_tui.engine.insights.histogram import histogram
from charwave_tui.engine.insights.linear import linear
from charwave_tui.engine.insights.norm import norm
from charwave_tui.engine.insights.tree import tree
from charwave_tui.engine.layers import Activation, BatchNorm1d, Embedding, FlattenConsecutive, Linear
from charwave_tui.engine.look import Look
from charwave_tui.engine.stack import FlattenDilated
from charwave_tui.engine.trainer import Trainer


def inside(trainer: Trainer, look: Look, lens: Lens) -> AnyInsight:
    """The insight into the layer at `lens.layer` of the trainer's model, which `look` was taken at as it is now."""
    layer = look.layers[lens.layer]
    match layer:
        case Activation():
            return activation(look, lens, trainer.corpus.symbols)
        case Linear():
            return linear(look, lens, layer)
        case BatchNorm1d():
            return norm(look, lens, layer)
        case Embedding():
            return embedding(lens, layer)
        case FlattenConsecutive() | FlattenDilated():
            return tree(trainer.model, trainer.corpus, trainer.config.context, lens.text)
    return PlainInsight(histogram(look.outputs[lens.layer]))
