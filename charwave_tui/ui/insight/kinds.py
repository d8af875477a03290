"""Which view each kind of layer has."""

from __future__ import annotations

from charwave_tui.ui.insight.activation import ActivationView
from charwave_tui.ui.insight.embedding import EmbeddingView
from charwave_tui.ui.insight.linear import LinearView
from charwave_tui.ui.insight.norm import NormView
from charwave_tui.ui.insight.parts import Joined
from charwave_tui.ui.insight.plain import PlainView
from charwave_tui.ui.insight.ratios import UpdatesView
from charwave_tui.ui.insight.shown import LayerView
from charwave_tui.ui.insight.tree import TreeView
from charwave_tui.ui.insight.units import SCALES

TYPED = frozenset({"FlattenConsecutive", "FlattenDilated"})
"""Layers whose view is of a context that may be typed."""

VIEWS: dict[str, LayerView] = {
    "Embedding": Joined(EmbeddingView(), UpdatesView()),
    "Linear": Joined(LinearView(), UpdatesView()),
    "BatchNorm1d": Joined(NormView(), UpdatesView()),
    **{kind: ActivationView(kind) for kind in SCALES},
    "FlattenConsecutive": TreeView(),
    "FlattenDilated": TreeView(),
}
"""The view of each kind of layer by its class name."""

PLAIN: LayerView = PlainView()
"""The view of all others."""


def view_of(kind: str) -> LayerView:
    """The view of a layer by the name of its class."""
    return VIEWS.get(kind, PLAIN)


def wants_changes(kind: str, part: int) -> bool:
    """Whether a part of a kind's view shows how far steps have moved the matrices."""
    parts = view_of(kind).parts
    return "updates" in parts[part : part + 1]
