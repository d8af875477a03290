"""Text about the draft: its shapes and parameters, and help on a row."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from rich.cells import cell_len

from charwave_tui.core.config.choices import Repeats
from charwave_tui.core.config.layer_shapes import ACTIVATION_OF_LAYER, LayerShape, layer_shapes, parameter_count
from charwave_tui.core.config.presets import presets
from charwave_tui.core.config.run_config import HYPERPARAMETERS, EditEffect, RunConfig, unused_fields
from charwave_tui.core.escaping import escape_invisible
from charwave_tui.ui.drawing.styled_text import Span, StyledLine, cell_width, justify, shorten, wrap
from charwave_tui.ui.state.form_state import (
    LINKED_FIELDS,
    PRESET,
    EditPreview,
    FormState,
    changed_fields,
    previous_value,
    staged_fields,
    validation_error,
)
from charwave_tui.ui.terminal.glyphs import GLYPHS

# a level as a matrix product, `[B,4,48] @ [48,128]`, and its number of parameters
Level = tuple[str, int]

_LEVEL_OUTPUTS = frozenset({*ACTIVATION_OF_LAYER, "Skips"})  # layers whose output is that of a level


def shape_line(config: RunConfig, vocab_size: int | None, width: int = 1_000) -> str:
    """Return a valid config's output shapes by level, `8×24 → 4×128 → 2×128 → 128 → 27`; inner ones may become `…`."""
    layers = layer_shapes(config, vocab_size or 1)
    outputs = [layers[0].output, *(layer.output for layer in layers if layer.kind in _LEVEL_OUTPUTS)]
    levels = [GLYPHS.times.join(map(str, output)) for output in outputs]
    levels.append("?" if vocab_size is None else str(vocab_size))
    arrow = f" {GLYPHS.arrow} "
    for count in range(len(levels) - 2, -1, -1):
        inner = levels[1:-1] if count == len(levels) - 2 else [*levels[1 : count + 1], GLYPHS.ellipsis]
        line = arrow.join([levels[0], *inner, levels[-1]])
        if len(line) <= width:
            return line
    return shorten(line, width)


def shape_levels(config: RunConfig, vocab_size: int | None) -> list[Level]:
    """Return a valid config's levels as matrix products; the parameters of a normalization belong to its level."""
    layers = layer_shapes(config, vocab_size or 1)
    embedding = layers[0]
    levels = [(f"[B,{config.context}] {GLYPHS.arrow} {_batch_shape(embedding)}", embedding.parameters)]
    for previous, layer in pairwise(layers):
        if layer.kind == "Linear":
            product = f"{_batch_shape(previous)} @ [{previous.output[-1]},{layer.output[-1]}]"
            levels.append((product, layer.parameters))
        else:
            text, parameters = levels[-1]
            levels[-1] = (text, parameters + layer.parameters)
    return levels


def _batch_shape(layer: LayerShape) -> str:
    return f"[B,{','.join(map(str, layer.output))}]"


def receptive_field_text(config: RunConfig, width: int = 1_000) -> str:
    """Return `2·2·2 = 8` or `1+1+1+2+1+2 = 8`; inner terms may become `…`, and without space the text is empty."""
    sign = "+" if config.dilations else GLYPHS.product
    terms = [str(term) for term in ((1, *config.dilations) if config.dilations else config.fuse)]
    for count in range(len(terms) - 1, 0, -1):
        inner = terms[1:-1] if count == len(terms) - 1 else [*terms[1:count], GLYPHS.ellipsis]
        text = f"{sign.join([terms[0], *inner, terms[-1]])} = {config.receptive_field}"
        if cell_len(text) <= width:
            return text
    text = f"{terms[0]} = {config.receptive_field}"
    return text if len(terms) == 1 and cell_len(text) <= width else ""


def summary_lines(preview: EditPreview, width: int) -> tuple[StyledLine, ...]:
    """Return two lines: the shapes, and the parameters with `2·2·2 = 8 ✓`; muted if they are not those of the draft."""
    view = preview.form
    config = view.draft.config
    if validation_error(config) or preview.refused:
        return _invalid_lines(view, width)
    shapes = Span(shape_line(config, view.vocab_size, width))
    if view.vocab_size is None:
        return (shapes,), (Span("params once the corpus is read", "muted"),)
    count = (Span(f"{parameter_count(config, view.vocab_size):,}", "bright", bold=True), Span(" params", "muted"))
    available = width - cell_width(count) - 2
    suffix = _previous_parameters(view)
    if not 0 < cell_width(suffix) <= available:
        suffix = _receptive_field_check(config, available)
    gap = 4 if cell_width(suffix) + 2 <= available else 2
    return (shapes,), (*count, Span(" " * gap), *suffix)


def _receptive_field_check(config: RunConfig, width: int) -> StyledLine:
    text = receptive_field_text(config, width - 1 - cell_len(GLYPHS.check))
    return (Span(f"{text} ", "muted"), Span(GLYPHS.check, "train")) if text else ()


def _previous_parameters(view: FormState) -> StyledLine:
    if view.run_config is None or view.vocab_size is None or "corpus" in staged_fields(view):
        return ()
    previous = parameter_count(view.run_config, view.vocab_size)
    is_same = previous == parameter_count(view.draft.config, view.vocab_size)
    return () if is_same else (Span(f"was {previous:,}", "muted"),)


def _invalid_lines(view: FormState, width: int) -> tuple[StyledLine, ...]:
    if view.run_config is not None:
        shapes = shape_line(view.run_config, view.vocab_size, width)
        return (Span(shapes, "muted"),), (Span("the run is not affected", "muted"),)
    config = view.draft.config
    error = validation_error(config)
    if error is None or error.field not in LINKED_FIELDS["fuse"]:
        shapes, field = shape_line(config, view.vocab_size, width), receptive_field_text(config, width)
        return (Span(shapes, "muted"),), (Span(field, "muted"),)
    context = Span(f"context {config.context}", "muted")
    wrong = Span(f" {GLYPHS.cross} ", "error")
    product = Span(receptive_field_text(config, width - cell_width((wrong, context))), "muted")
    return (Span("no shapes until it fits", "muted"),), (product, wrong, context)


def wide_summary_lines(preview: EditPreview, width: int) -> tuple[StyledLine, ...]:
    """Return one line a level, then the receptive field and the sum; empty if the draft is not valid."""
    view = preview.form
    config = view.draft.config
    if preview.refused or validation_error(config) or view.vocab_size is None:
        return ()
    levels = shape_levels(config, view.vocab_size)
    lines = [justify((Span(text),), (Span(f"{count:,}", "muted"),), width) for text, count in levels]
    total = (Span("params   ", "muted"), Span(f"{sum(count for _, count in levels):,}", "bright", bold=True))
    return (*lines, justify(_receptive_field_check(config, width - cell_width(total) - 1), total, width))


def overlap_note(view: FormState) -> str:
    """Return how much of val the draft would also train on; empty for a corpus without repeats."""
    is_once = view.draft.config.repeats == Repeats.ONCE
    return "each word once" if is_once and view.repeats_text else view.repeats_text.partition("; ")[2]


def help_lines(preview: EditPreview, name: str, width: int) -> tuple[StyledLine, ...]:
    """Return three lines on the row `name`: what it is, what it does, when an edit takes effect and its bounds.

    For an unused field the first line says why, if necessary in place of the label.
    """
    view = preview.form
    if name == PRESET:
        return _preset_help(view)
    spec = HYPERPARAMETERS[name]
    title: StyledLine = (Span(name, "accent", bold=True), Span(f"  {spec.label}", "muted"))
    if why := unused_fields(view.draft.config).get(name):
        reason = Span(f"  {why}")
        title = (*title, reason) if cell_width((*title, reason)) <= width else (title[0], reason)
    help_line: StyledLine = (Span(spec.help),)
    if name in ("corpus", "repeats") and view.repeats_text:
        texts = view.repeats_text, view.repeats_text.partition("; ")[0], spec.help
        help_line = (Span(next((text for text in texts if cell_len(text) <= width), spec.help)),)
    previous = previous_value(view, name)
    if name in staged_fields(view) and previous is not None and not preview.is_typing:
        staged_note = Span(f"{GLYPHS.rebuild} staged; t trains it", "accent")
        effect: StyledLine = (staged_note, Span(f"  was {escape_invisible(spec.value_type.format(previous))}", "muted"))
        if cell_width(effect) > width:
            effect = (staged_note,)
        return title, help_line, effect
    is_live = spec.effect is EditEffect.LIVE
    badge = f"{GLYPHS.live if is_live else GLYPHS.rebuild} {spec.effect}"
    bounds = spec.value_type.describe_bounds(name)
    gap = " " * (2 if len(badge) + 2 + len(bounds) <= width else 1)
    effect = (Span(badge, "train" if is_live else "fg"), Span(f"{gap}{bounds}", "muted"))
    moment = "from the next step on" if is_live else "a new run; this one is kept"
    if view.run_config is not None and cell_width(effect) + 3 + len(moment) <= width:
        effect = (*effect, Span(f"  {GLYPHS.dot} {moment}", "muted"))
    return title, help_line, effect


def _preset_help(view: FormState) -> tuple[StyledLine, ...]:
    title = (Span(PRESET, "accent", bold=True), Span("  a known-good recipe", "muted"))
    hint = (
        f"  {GLYPHS.backspace} back to the recipe" if changed_fields(view) else f"  {len(view.presets)} to choose from"
    )
    return title, (Span("Corpus, seed and device stay."),), (Span(f"{GLYPHS.rebuild} rebuild"), Span(hint, "muted"))


def about_lines(view: FormState, name: str, width: int) -> tuple[StyledLine, ...]:
    """Return more text on the row `name`, muted and padded to the same number of lines for every row."""
    texts = _about_texts(width)
    height = max(map(len, texts.values()))
    preset = presets().get(view.draft.preset)
    lines = wrap(preset.about if preset else "", width, height) if name == PRESET else texts[name]
    return (*((Span(line, "muted"),) for line in lines), *[()] * (height - len(lines)))


@cache
def _about_texts(width: int) -> dict[str, list[str]]:
    return {name: wrap(spec.about, width, 9) for name, spec in HYPERPARAMETERS.items()}
