"""Which characters of a typed context meet at which level, and how strongly."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from charwave_tui.core.corpus import Corpus
from charwave_tui.core.insights import MOST_LISTED, TreeInsight, TreeLevel
from charwave_tui.engine.anatomy import Anatomy
from charwave_tui.engine.hooks import hooked
from charwave_tui.engine.layers import Activation, FlattenConsecutive, Sequential
from charwave_tui.engine.model import looking
from charwave_tui.engine.stack import FlattenDilated

FOLLOWING = 8
"""Ids that are told of what may come next."""


def tree(model: Sequential, corpus: Corpus, context: int, text: str) -> TreeInsight:
    """The insight into how a `model` of so long a `context` sees the end of `text`, in eval mode."""
    symbols = set(corpus.symbols)
    typed = unicodedata.normalize("NFC", text)
    known = "".join(symbol for symbol in typed if symbol in symbols)
    unknown = "".join(dict.fromkeys(symbol for symbol in typed if symbol not in symbols))
    seen = known[max(len(known) - context, 0) :].rjust(context, "\0")
    ids = [0] * seen.count("\0") + corpus.encode(seen.lstrip("\0"))
    made: list[Tensor] = []

    def keep(layer: nn.Module, inputs: object, output: Tensor) -> None:
        if isinstance(layer, Activation):
            made.append(output)

    with looking(model, training=False), hooked(model, keep):
        logits = model(torch.tensor([ids], device=next(model.parameters()).device))  # [1, context] → [1, V]
    following: tuple[tuple[int, float], ...] = ()
    if logits.isfinite().all():
        likely = logits[0].softmax(0).topk(min(FOLLOWING, corpus.vocab_size))
        following = tuple(zip(likely.indices.tolist(), likely.values.tolist(), strict=True))
    return TreeInsight(seen, tuple(_levels(model, made, context)), unknown[:MOST_LISTED], following)


def _levels(model: Sequential, made: list[Tensor], context: int) -> Iterator[TreeLevel]:
    places = [place for place, layer in enumerate(model.layers) if isinstance(layer, Activation)]
    reaches = [(place, place) for place in range(context)]
    for place, output, level in zip(places, made, Anatomy.of(model).levels, strict=True):
        strengths = output.square().mean(-1).sqrt().flatten()  # [1, T, C] or [1, C] → [T] or [1]
        reaches = _joined(reaches, level.flatten)
        yield TreeLevel(place, tuple(strengths.tolist()), tuple(reaches))


def _joined(reaches: list[tuple[int, int]], flatten: FlattenConsecutive | FlattenDilated) -> list[tuple[int, int]]:
    """What is reached from the positions of a level, by what is from those that it joins."""
    match flatten:
        case FlattenConsecutive(joined=joined):
            pairs = zip(reaches[::joined], reaches[joined - 1 :: joined], strict=True)
        case FlattenDilated(dilation=dilation):
            pairs = zip(reaches[:-dilation], reaches[dilation:], strict=True)
    return [(first, last) for (first, _), (_, last) in pairs]
