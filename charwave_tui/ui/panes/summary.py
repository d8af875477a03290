"""What stands below the rows: the shapes and parameters that the draft comes to, and help for the row at hand."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise

from charwave_tui.core.config import HYPERPARAMETERS, RunConfig
from charwave_tui.core.fields import Effect
from charwave_tui.core.presets import presets
from charwave_tui.core.shapes import ACTIVATION_LAYERS, LayerShape, layer_shapes, parameter_count
from charwave_tui.ui.draft import PRESET, FormView, Trial, changed, mistake_of, staged, was
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import Line, Piece, columns, readable, shortened, spread, wrapped

Level = tuple[str, int]
"""A level of the tree in matrix form, `[B,4,48] @ [48,128]`, and its parameters."""


def shape_line(config: RunConfig, vocab_size: int | None, width: int = 1_000) -> str:
    """A sound config's outputs level by level, `8×24 → 4×128 → 2×128 → 128 → 27`; inner levels give way to `…`."""
    layers = layer_shapes(config, vocab_size or 1)
    levels = [_product(layers[0]), *(_product(layer) for layer in layers if layer.kind in ACTIVATION_LAYERS.values())]
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
    fits = (Piece(f"{_fused(config)} ", "muted"), Piece(GLYPHS.right_so, "train"))
    tails = (*((tail,) if (tail := _parameters_before(view)) else ()), fits, ())
    return (shapes,), next(
        (*count, Piece(" " * gap), *tail)
        for tail in tails
        for gap in (4, 2)
        if columns(count) + gap + columns(tail) <= width or not tail
    )


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
    if mistake_of(config) is None:
        return (Piece(shape_line(config, view.vocab_size, width), "muted"),), (Piece(_fused(config), "muted"),)
    product = Piece(f"{GLYPHS.product.join(map(str, config.fuse))} = {math.prod(config.fuse)} ", "muted")
    wrong = Piece(f"{GLYPHS.wrong} ", "error")
    return (Piece("shapes follow once it fits", "muted"),), (
        product,
        wrong,
        Piece(f"context {config.context}", "muted"),
    )


def _fused(config: RunConfig) -> str:
    return f"{GLYPHS.product.join(map(str, config.fuse))} = {config.context}"


def wide_summary_lines(tried: Trial, width: int) -> tuple[Line, ...]:
    """One line a level, then the check and the sum; empty where only the short form can be given."""
    view = tried.view
    config = view.draft.config
    if tried.refused or mistake_of(config) or view.vocab_size is None:
        return ()
    levels = shape_levels(config, view.vocab_size)
    lines = [spread((Piece(text),), (Piece(f"{count:,}", "muted"),), width) for text, count in levels]
    fits = (Piece(f"{_fused(config)} ", "muted"), Piece(GLYPHS.right_so, "train"))
    total = Piece(f"{sum(count for _, count in levels):,}", "bright", bold=True)
    return (*lines, spread(fits, (Piece("params   ", "muted"), total), width))


def help_lines(tried: Trial, name: str, width: int) -> tuple[Line, ...]:
    """Three lines on the row `name`: what it is, what it does, when an edit takes hold and within which bounds."""
    view = tried.view
    if name == PRESET:
        return _preset_help(view)
    spec = HYPERPARAMETERS[name]
    title = (Piece(name, "accent", bold=True), Piece(f"  {spec.label}", "muted"))
    before = was(view, name)
    if name in staged(view) and before is not None and not tried.typing:
        waits = Piece(f"{GLYPHS.rebuild} waits for t", "accent")
        effect: Line = (waits, Piece(f"  was {readable(spec.kind.write(before))}", "muted"))
        if columns(effect) > width:
            effect = (effect[0],)
        return title, (Piece(spec.help),), effect
    live = spec.effect is Effect.LIVE
    mark = f"{GLYPHS.live if live else GLYPHS.rebuild} {spec.effect}"
    bounds = spec.kind.bounds(name)
    effect = (Piece(mark, "train" if live else "fg"), Piece(f"  {bounds}", "muted"))
    moment = "from the next step on" if live else "a new run; this one is kept"
    if view.running is not None and columns(effect) + 3 + len(moment) <= width:
        effect = (*effect, Piece(f"  {GLYPHS.dot} {moment}", "muted"))
    return title, (Piece(spec.help),), effect


def _preset_help(view: FormView) -> tuple[Line, ...]:
    title = (Piece(PRESET, "accent", bold=True), Piece("  a known-good recipe", "muted"))
    back = f"  {GLYPHS.erase} back to the recipe" if changed(view) else f"  {len(view.presets)} to choose from"
    return title, (Piece("Corpus, seed and device stay."),), (Piece(f"{GLYPHS.rebuild} rebuild"), Piece(back, "muted"))


def about_lines(view: FormView, name: str, width: int) -> tuple[Line, ...]:
    """More on the row `name` for where there is room, muted; as many lines for every row of a form that wide."""
    texts = _about(width)
    most = max(map(len, texts.values()))
    recipe = presets().get(view.draft.preset)
    said = wrapped(recipe.why if recipe else "", width, most) if name == PRESET else texts[name]
    return (*((Piece(text, "muted"),) for text in said), *[()] * (most - len(said)))


@cache
def _about(width: int) -> dict[str, list[str]]:
    return {name: wrapped(spec.about, width, 9) for name, spec in HYPERPARAMETERS.items()}
