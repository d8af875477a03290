"""Shapes, parameters, help of the draft."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from rich.cells import cell_len

from charwave_tui.core.config.layer_shapes import ACTIVATION_OF_LAYER, LayerShape, layer_shapes, parameter_count
from charwave_tui.core.config.presets import presets
from charwave_tui.core.config.run_config import HYPERPARAMETERS, EditEffect, RunConfig, unused_fields
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, cell_width, justify, readable, shorten, wrap
from charwave_tui.ui.state.form_state import (
    LINKED_FIELDS,
    PRESET,
    EditPreview,
    FormState,
    changed,
    previous_value,
    staged,
    validation_error,
)
from charwave_tui.ui.terminal.glyphs import GLYPHS

Level = tuple[str, int]
"""A level of the model in matrix form, `[B,4,48] @ [48,128]`, and its parameters."""


_SHAPING = frozenset({*ACTIVATION_OF_LAYER, "Skips"})


def shape_line(config: RunConfig, vocab_size: int | None, width: int = 1_000) -> str:
    """A sound config's outputs level by level, `8×24 → 4×128 → 2×128 → 128 → 27`; inner levels give way to `…`."""
    layers = layer_shapes(config, vocab_size or 1)
    levels = [_product(layers[0]), *(_product(layer) for layer in layers if layer.kind in _SHAPING)]
    levels.append("?" if vocab_size is None else str(vocab_size))
    arrow = f" {GLYPHS.arrow} "
    for kept in range(len(levels) - 2, -1, -1):
        inner = levels[1:-1] if kept == len(levels) - 2 else [*levels[1 : kept + 1], GLYPHS.ellipsis]
        line = arrow.join([levels[0], *inner, levels[-1]])
        if len(line) <= width:
            return line
    return shorten(line, width)


def _product(layer: LayerShape) -> str:
    return GLYPHS.times.join(map(str, layer.output))


def shape_levels(config: RunConfig, vocab_size: int | None) -> list[Level]:
    """A sound config's levels as matrix products; a level's normalisation counts to it."""
    layers = layer_shapes(config, vocab_size or 1)
    table = layers[0]
    levels = [(f"[B,{config.context}] {GLYPHS.arrow} {_has_positions(table)}", table.parameters)]
    for before, layer in pairwise(layers):
        if layer.kind == "Linear":
            levels.append((f"{_has_positions(before)} @ [{before.output[-1]},{layer.output[-1]}]", layer.parameters))
        else:
            text, parameters = levels[-1]
            levels[-1] = (text, parameters + layer.parameters)
    return levels


def _has_positions(layer: LayerShape) -> str:
    return f"[B,{','.join(map(str, layer.output))}]"


def receptive_field_text(config: RunConfig, width: int = 1_000) -> str:
    """What the levels see, `2·2·2 = 8` or `1+1+1+2+1+2 = 8`; inner ones give way to `…`, or to nothing at all."""
    sign = "+" if config.dilations else GLYPHS.product
    terms = [str(part) for part in ((1, *config.dilations) if config.dilations else config.fuse)]
    for kept in range(len(terms) - 1, 0, -1):
        inner = terms[1:-1] if kept == len(terms) - 1 else [*terms[1:kept], GLYPHS.ellipsis]
        text = f"{sign.join([terms[0], *inner, terms[-1]])} = {config.receptive_field}"
        if cell_len(text) <= width:
            return text
    whole = f"{terms[0]} = {config.receptive_field}"
    return whole if len(terms) == 1 and cell_len(whole) <= width else ""


def summary_lines(tried: EditPreview, width: int) -> tuple[StyledLine, ...]:
    """Two lines: the shapes, and the parameters with `2·2·2 = 8 ✓`; muted while they are not the draft's."""
    view = tried.view
    config = view.draft.config
    if validation_error(config) or tried.refused:
        return _waiting_lines(view, width)
    shapes = Span(shape_line(config, view.vocab_size, width))
    if view.vocab_size is None:
        return (shapes,), (Span("params once the corpus is read", "muted"),)
    count = (Span(f"{parameter_count(config, view.vocab_size):,}", "bright", bold=True), Span(" params", "muted"))
    room = width - cell_width(count) - 2
    tail = _parameters_before(view)
    if not 0 < cell_width(tail) <= room:
        tail = _fits(config, room)
    gap = 4 if cell_width(tail) + 2 <= room else 2
    return (shapes,), (*count, Span(" " * gap), *tail)


def _fits(config: RunConfig, width: int) -> StyledLine:
    said = receptive_field_text(config, width - 1 - cell_len(GLYPHS.check))
    return (Span(f"{said} ", "muted"), Span(GLYPHS.check, "train")) if said else ()


def _parameters_before(view: FormState) -> StyledLine:
    if view.running is None or view.vocab_size is None or "corpus" in staged(view):
        return ()
    before = parameter_count(view.running, view.vocab_size)
    same = before == parameter_count(view.draft.config, view.vocab_size)
    return () if same else (Span(f"was {before:,}", "muted"),)


def _waiting_lines(view: FormState, width: int) -> tuple[StyledLine, ...]:
    if view.running is not None:
        shapes = shape_line(view.running, view.vocab_size, width)
        return (Span(shapes, "muted"),), (Span("the run goes on as it was", "muted"),)
    config = view.draft.config
    mistake = validation_error(config)
    if mistake is None or mistake.field not in LINKED_FIELDS["fuse"]:
        return (Span(shape_line(config, view.vocab_size, width), "muted"),), (
            Span(receptive_field_text(config, width), "muted"),
        )
    context = Span(f"context {config.context}", "muted")
    wrong = Span(f" {GLYPHS.cross} ", "error")
    product = Span(receptive_field_text(config, width - cell_width((wrong, context))), "muted")
    return (Span("shapes follow once it fits", "muted"),), (product, wrong, context)


def wide_summary_lines(tried: EditPreview, width: int) -> tuple[StyledLine, ...]:
    """One line a level, then the check and the sum; empty where only the short form can be given."""
    view = tried.view
    config = view.draft.config
    if tried.refused or validation_error(config) or view.vocab_size is None:
        return ()
    levels = shape_levels(config, view.vocab_size)
    lines = [justify((Span(text),), (Span(f"{count:,}", "muted"),), width) for text, count in levels]
    total = (Span("params   ", "muted"), Span(f"{sum(count for _, count in levels):,}", "bright", bold=True))
    return (*lines, justify(_fits(config, width - cell_width(total) - 1), total, width))


def help_lines(tried: EditPreview, name: str, width: int) -> tuple[StyledLine, ...]:
    """Three lines on the row `name`: what it is, what it does, when an edit takes hold and within which bounds.

    Where the field plays no part, the first line says why, if need be in place of the label.
    """
    view = tried.view
    if name == PRESET:
        return _preset_help(view)
    spec = HYPERPARAMETERS[name]
    title: StyledLine = (Span(name, "accent", bold=True), Span(f"  {spec.label}", "muted"))
    if why := unused_fields(view.draft.config).get(name):
        reason = Span(f"  {why}")
        title = (*title, reason) if cell_width((*title, reason)) <= width else (title[0], reason)
    before = previous_value(view, name)
    if name in staged(view) and before is not None and not tried.typing:
        waits = Span(f"{GLYPHS.rebuild} waits for t", "accent")
        effect: StyledLine = (waits, Span(f"  was {readable(spec.kind.format(before))}", "muted"))
        if cell_width(effect) > width:
            effect = (effect[0],)
        return title, (Span(spec.help),), effect
    live = spec.effect is EditEffect.LIVE
    mark = f"{GLYPHS.live if live else GLYPHS.rebuild} {spec.effect}"
    bounds = spec.kind.describe_bounds(name)
    gap = " " * (2 if len(mark) + 2 + len(bounds) <= width else 1)
    effect = (Span(mark, "train" if live else "fg"), Span(f"{gap}{bounds}", "muted"))
    moment = "from the next step on" if live else "a new run; this one is kept"
    if view.running is not None and cell_width(effect) + 3 + len(moment) <= width:
        effect = (*effect, Span(f"  {GLYPHS.dot} {moment}", "muted"))
    return title, (Span(spec.help),), effect


def _preset_help(view: FormState) -> tuple[StyledLine, ...]:
    title = (Span(PRESET, "accent", bold=True), Span("  a known-good recipe", "muted"))
    back = f"  {GLYPHS.backspace} back to the recipe" if changed(view) else f"  {len(view.presets)} to choose from"
    return title, (Span("Corpus, seed and device stay."),), (Span(f"{GLYPHS.rebuild} rebuild"), Span(back, "muted"))


def about_lines(view: FormState, name: str, width: int) -> tuple[StyledLine, ...]:
    """More on the row `name` for where there is room, muted; as many lines for every row of a form that wide."""
    texts = _about(width)
    most = max(map(len, texts.values()))
    recipe = presets().get(view.draft.preset)
    said = wrap(recipe.about if recipe else "", width, most) if name == PRESET else texts[name]
    return (*((Span(text, "muted"),) for text in said), *[()] * (most - len(said)))


@cache
def _about(width: int) -> dict[str, list[str]]:
    return {name: wrap(spec.about, width, 9) for name, spec in HYPERPARAMETERS.items()}
