"""Help for the row at hand: what the field is, what it does, when an edit takes hold, and more where there is room."""

from __future__ import annotations

from functools import cache

from charwave_tui.core.config import HYPERPARAMETERS
from charwave_tui.core.fields import Effect
from charwave_tui.core.idle import idle
from charwave_tui.core.presets import presets
from charwave_tui.ui.draft import PRESET, FormView, Trial, changed, staged, was
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.pieces import Line, Piece, columns, readable, wrapped


def help_lines(tried: Trial, name: str, width: int) -> tuple[Line, ...]:
    """Three lines on the row `name`: what it is, what it does, when an edit takes hold and within which bounds.

    Where the field plays no part, the first line says why, if need be in place of the label.
    """
    view = tried.view
    if name == PRESET:
        return _preset_help(view)
    spec = HYPERPARAMETERS[name]
    title: Line = (Piece(name, "accent", bold=True), Piece(f"  {spec.label}", "muted"))
    if why := idle(view.draft.config).get(name):
        reason = Piece(f"  {why}")
        title = (*title, reason) if columns((*title, reason)) <= width else (title[0], reason)
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
    gap = " " * (2 if len(mark) + 2 + len(bounds) <= width else 1)
    effect = (Piece(mark, "train" if live else "fg"), Piece(f"{gap}{bounds}", "muted"))
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
    said = wrapped(recipe.about if recipe else "", width, most) if name == PRESET else texts[name]
    return (*((Piece(text, "muted"),) for text in said), *[()] * (most - len(said)))


@cache
def _about(width: int) -> dict[str, list[str]]:
    return {name: wrapped(spec.about, width, 9) for name, spec in HYPERPARAMETERS.items()}
