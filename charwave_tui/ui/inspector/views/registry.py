"""Which view each kind of layer has."""

from __future__ import annotations

from charwave_tui.core.config.layer_shapes import ACTIVATION_OF_LAYER
from charwave_tui.ui.inspector.views.activation import ActivationView
from charwave_tui.ui.inspector.views.base import CompositeView, LayerView
from charwave_tui.ui.inspector.views.batchnorm import BatchNormView
from charwave_tui.ui.inspector.views.embedding import EmbeddingView
from charwave_tui.ui.inspector.views.linear import LinearView
from charwave_tui.ui.inspector.views.output import OutputView
from charwave_tui.ui.inspector.views.tree import TreeView
from charwave_tui.ui.inspector.views.update_ratios import UpdateRatiosView

CONTEXT_LAYERS = frozenset({"FlattenConsecutive", "FlattenDilated"})
"""Layers whose view is of a context that may be typed."""


VIEWS: dict[str, LayerView] = {
    "Embedding": CompositeView(EmbeddingView(), UpdateRatiosView()),
    "Linear": CompositeView(LinearView(), UpdateRatiosView()),
    "BatchNorm1d": CompositeView(BatchNormView(), UpdateRatiosView()),
    **{kind: ActivationView(kind) for kind in ACTIVATION_OF_LAYER},
    "FlattenConsecutive": TreeView(),
    "FlattenDilated": TreeView(),
}
"""The view of each kind of layer by its class name."""


PLAIN: LayerView = OutputView()
"""The view of all others."""


def view_for_layer(kind: str) -> LayerView:
    """The view of a layer by the name of its class."""
    return VIEWS.get(kind, PLAIN)


def shows_update_ratios(kind: str, part: int) -> bool:
    """Whether a part of a kind's view shows how far steps have moved the matrices."""
    parts = view_for_layer(kind).parts
    return "updates" in parts[part : part + 1]
