"""What the draft comes to: its shapes, its parameters, and whether its levels see the context."""

from __future__ import annotations

from itertools import pairwise

from rich.cells import cell_len

from charwave_tui.core.config import RunConfig
from charwave_tui.core.shapes import ACTIVATION_LAYERS, LayerShape, layer_shapes, parameter_count
from charwave_tui.ui.draft import MIXES, FormView, Trial, mistake_of, staged
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import Line, Piece, columns, shortened, spread

Level = tuple[str, int]
"""A level of the model in matrix form, `[B,4,48] @ [48,128]`, and its parameters."""

_SHAPING = frozenset({*ACTIVATION_LAYERS.values(), "Skips"})


def shape_line(config: RunConfig, vocab_size: int | None, width: int = 1_000) -> str:
    """A sound config's outputs level by level, `8×24 → 4×128 → 2×128 → 128 → 27`; inner levels give way to `…`."""
    layers = layer_shapes(config, vocab_size or 1)
    levels = [_product(layers[0]), *(_product(layer) for layer in layers if layer.kind in _SHAPING)]
    levels.append("?" if vocab_size is None else str(vocab_size))
    arrow = f" {GLYPHS.to} "
    for kept in range(len(levels) - 2, -1, -1):
        inner = levels[1:-1] if kept == len(levels) - 2 else [*levels[1 : kept + 1], GLYPHS.cut]
        line = arrow.join([levels[0], *inner, levels[-1]])
        if len(line) <= width:
            return line
    return shortened(line, width)


def _product(layer: LayerShape) -> str:
    return GLYPHS.times.join(map(str, layer.output))


def shape_levels(config: RunConfig, vocab_size: int | None) -> list[Level]:
    """A sound config's levels as matrix products; a level's normalisation counts to it."""
    layers = layer_shapes(config, vocab_size or 1)
    table = layers[0]
    levels = [(f"[B,{config.context}] {GLYPHS.to} {_batched(table)}", table.parameters)]
    for before, layer in pairwise(layers):
        if layer.kind == "Linear":
            levels.append((f"{_batched(before)} @ [{before.output[-1]},{layer.output[-1]}]", layer.parameters))
        else:
            text, parameters = levels[-1]
            levels[-1] = (text, parameters + layer.parameters)
    return levels


def _batched(layer: LayerShape) -> str:
    return f"[B,{','.join(map(str, layer.output))}]"


def seen(config: RunConfig, width: int = 1_000) -> str:
    """What the levels see, `2·2·2 = 8` or `1+1+1+2+1+2 = 8`; inner ones give way to `…`, or to nothing at all."""
    sign = "+" if config.dilations else GLYPHS.product
    terms = [str(part) for part in ((1, *config.dilations) if config.dilations else config.fuse)]
    for kept in range(len(terms) - 1, 0, -1):
        inner = terms[1:-1] if kept == len(terms) - 1 else [*terms[1:kept], GLYPHS.cut]
        text = f"{sign.join([terms[0], *inner, terms[-1]])} = {config.receptive_field}"
        if cell_len(text) <= width:
            return text
    whole = f"{terms[0]} = {config.receptive_field}"
    return whole if len(terms) == 1 and cell_len(whole) <= width else ""


def summary_lines(tried: Trial, width: int) -> tuple[Line, ...]:
    """Two lines: the shapes, and the parameters with `2·2·2 = 8 ✓`; muted while they are not the draft's."""
    view = tried.view
    config = view.draft.config
    if mistake_of(config) or tried.refused:
        return _waiting_lines(view, width)
    shapes = Piece(shape_line(config, view.vocab_size, width))
    if view.vocab_size is None:
        return (shapes,), (Piece("params once the corpus is read", "muted"),)
    count = (Piece(f"{parameter_count(config, view.vocab_size):,}", "bright", bold=True), Piece(" params", "muted"))
    room = width - columns(count) - 2
    tail = _parameters_before(view)
    if not 0 < columns(tail) <= room:
        tail = _fits(config, room)
    gap = 4 if columns(tail) + 2 <= room else 2
    return (shapes,), (*count, Piece(" " * gap), *tail)


def _fits(config: RunConfig, width: int) -> Line:
    said = seen(config, width - 1 - cell_len(GLYPHS.right_so))
    return (Piece(f"{said} ", "muted"), Piece(GLYPHS.right_so, "train")) if said else ()


def _parameters_before(view: FormView) -> Line:
    if view.running is None or view.vocab_size is None or "corpus" in staged(view):
        return ()
    before = parameter_count(view.running, view.vocab_size)
    same = before == parameter_count(view.draft.config, view.vocab_size)
    return () if same else (Piece(f"was {before:,}", "muted"),)


def _waiting_lines(view: FormView, width: int) -> tuple[Line, ...]:
    if view.running is not None:
        shapes = shape_line(view.running, view.vocab_size, width)
        return (Piece(shapes, "muted"),), (Piece("the run goes on as it was", "muted"),)
    config = view.draft.config
    mistake = mistake_of(config)
    if mistake is None or mistake.field not in MIXES["fuse"]:
        return (Piece(shape_line(config, view.vocab_size, width), "muted"),), (Piece(seen(config, width), "muted"),)
    context = Piece(f"context {config.context}", "muted")
    wrong = Piece(f" {GLYPHS.wrong} ", "error")
    product = Piece(seen(config, width - columns((wrong, context))), "muted")
    return (Piece("shapes follow once it fits", "muted"),), (product, wrong, context)


def wide_summary_lines(tried: Trial, width: int) -> tuple[Line, ...]:
    """One line a level, then the check and the sum; empty where only the short form can be given."""
    view = tried.view
    config = view.draft.config
    if tried.refused or mistake_of(config) or view.vocab_size is None:
        return ()
    levels = shape_levels(config, view.vocab_size)
    lines = [spread((Piece(text),), (Piece(f"{count:,}", "muted"),), width) for text, count in levels]
    total = (Piece("params   ", "muted"), Piece(f"{sum(count for _, count in levels):,}", "bright", bold=True))
    return (*lines, spread(_fits(config, width - columns(total) - 1), total, width))
