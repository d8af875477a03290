"""What stands around the view of a layer: its title, where its figures are from, and words where there is no view."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.markup import escape

from charwave_tui.core.readings import LayerStats
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.insight.kinds import view_of
from charwave_tui.ui.insight.shown import Gaze
from charwave_tui.ui.layer_cells import title
from charwave_tui.ui.pieces import Line, Piece, shortened
from charwave_tui.ui.view import RunView


def heading(layers: Sequence[LayerStats], gaze: Gaze, width: int) -> str:
    """The title in `width` columns, as markup: the layer, its place and its parts, as far as there is room."""
    if not layers:
        return "3 Layers"
    stats = layers[gaze.layer]
    shape = GLYPHS.times.join(map(str, stats.output_shape[1:]))
    name = title(stats) if stats.detail else f"{stats.name} {shape}"
    begun, place = "3 Layers", f"layer {gaze.layer + 1} of {len(layers)}"
    forms = ((begun, place), ("3", place), ("3", f"{gaze.layer + 1} of {len(layers)}"), ("3", ""))
    for head, tail in forms:
        left = width - cell_len(f"{head} {GLYPHS.right} {name}") - (cell_len(tail) + 2 if tail else 0)
        if left >= 0:
            break
    else:
        name = shortened(name, max(width - cell_len(f"{head} {GLYPHS.right} "), 1))
    told = f"[not bold $ink-muted]  {tail}[/]" if tail else ""
    return f"{head} [not bold]{GLYPHS.right}[/] {escape(name)}{told}{_parts(view_of(stats.name).parts, gaze, left)}"


def _parts(parts: tuple[str, ...], gaze: Gaze, room: int) -> str:
    """The names of the parts, the one at hand standing out; that one alone where there is no room for all."""
    if len(parts) < 2:
        return ""
    if len("".join(f"   {part}" for part in parts)) > room:
        alone = f"   {parts[gaze.part]} {gaze.part + 1} of {len(parts)}"
        return f"[not bold]{alone}[/]" if len(alone) <= room else ""
    return "".join(
        f"   {name}" if place == gaze.part else f"[not bold $ink-muted]   {name}[/]" for place, name in enumerate(parts)
    )


def nothing(run: RunView) -> Iterator[Line]:
    """What to say while there is nothing to see."""
    match run.engine:
        case "lost":
            yield (Piece("The engine is gone.", "error"),)
            yield (Piece("esc", "accent", True), Piece(" goes back to the lab", "muted"))
        case "away":
            yield (Piece("The line dropped, and is tried again.", "muted"),)
        case "starting":
            yield (Piece("starting the engine", "muted"),)
        case _ if run.state is None:
            yield (Piece("There is no model of the form yet.", "muted"),)
        case _:
            yield (Piece("looking inside", "muted"),)
