"""The fast training step: the plain one's mathematics, its backward pass by hand, equal things computed once."""

from __future__ import annotations

import math

import torch

from charwave_tui.engine.anatomy import Anatomy
from charwave_tui.engine.batches import Examples
from charwave_tui.engine.fast.byhand import Tree
from charwave_tui.engine.fast.plans import Apart, Distinct, Plan
from charwave_tui.engine.fast.workspace import Workspace
from charwave_tui.engine.layers import Sequential
from charwave_tui.engine.prefixes import Prefixes
from charwave_tui.engine.stack import FlattenDilated
from charwave_tui.engine.updates import Update

FORMS = 100
"""Forms of batches that are remembered, each some tens of kilobytes of views on one memory."""

WORTH_SHARING = 150_000
"""Weights of the levels from which overlapping windows gain more by shared rows than it takes to find them."""


class FastStep:
    """A step without autograd, for a model on the CPU; its bits are its own, but follow from the config alone.

    Where `update` is direct the weights move as the backward pass goes; else they get gradients, and `update` moves
    them. It writes into the model's own tensors: make a new one if they are replaced, not if they are loaded into.
    `precision` is that of the matrix products: float32, the model's own, or bfloat16.
    """

    def __init__(self, model: Sequential, update: Update, precision: str = "float32") -> None:
        self._model, self._update = model, update
        self._rounds = precision == "bfloat16"
        self._anatomy = Anatomy.of(model)
        self._distinct = Distinct(self._anatomy)
        self._windows = self._distinct if _shares(self._anatomy) else Apart(self._anatomy)
        self._begin()

    def _begin(self) -> None:
        self._space = Workspace(self._model, direct=self._update.direct, rounds=self._rounds)
        self._trees: dict[tuple[object, ...], Tree] = {}

    def __call__(self, batch: Examples | Prefixes, lr: float) -> float:
        """As `steps.Step`."""
        direct = self._update.direct
        if direct != self._space.direct:
            self._begin()
        with torch.inference_mode():
            plan = self._windows(batch) if isinstance(batch, Examples) else self._distinct(batch)
            tree = self._tree(plan)
            loss = tree.forward(plan)
            if not math.isfinite(loss):
                return loss
            if not direct:
                self._space.clear()
            tree.backward((-lr if direct else 1) / plan.positions)
        if not direct:
            self._update(lr)
        return loss

    def _tree(self, plan: Plan) -> Tree:
        tree = self._trees.get(plan.form)
        if tree is None:
            if len(self._trees) == FORMS:
                self._trees.clear()
            tree = self._trees[plan.form] = Tree(self._space, self._anatomy, plan)
        return tree


def _shares(anatomy: Anatomy) -> bool:
    """Whether positions of windows share rows where they join equal things.

    Levels of a tree have too few positions for it, and the norm batch-bug has statistics for each place in a window.
    """
    overlap = any(isinstance(level.flatten, FlattenDilated) for level in anatomy.levels)
    apart = any(level.norm is not None and level.norm.running_mean.ndim > 1 for level in anatomy.levels)
    return overlap and not apart and sum(level.linear.weight.numel() for level in anatomy.levels) >= WORTH_SHARING
