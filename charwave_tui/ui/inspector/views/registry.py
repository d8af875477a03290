"""Which view each kind of layer has; `assets/guide/contributing.md` says how to add one."""

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

VIEWS: dict[str, LayerView] = {
    "Embedding": CompositeView(EmbeddingView(), UpdateRatiosView()),
    "Linear": CompositeView(LinearView(), UpdateRatiosView()),
    "BatchNorm1d": CompositeView(BatchNormView(), UpdateRatiosView()),
    **{layer_name: ActivationView(layer_name) for layer_name in ACTIVATION_OF_LAYER},
    "FlattenConsecutive": TreeView(),
    "FlattenDilated": TreeView(),
}
DEFAULT_VIEW: LayerView = OutputView()  # of every other layer
CONTEXT_LAYERS = frozenset({"FlattenConsecutive", "FlattenDilated"})  # whose view is of a context that can be typed


def view_for_layer(layer_name: str) -> LayerView:
    return VIEWS.get(layer_name, DEFAULT_VIEW)


def shows_update_ratios(layer_name: str, tab: int) -> bool:
    return "updates" in view_for_layer(layer_name).tabs[tab : tab + 1]
