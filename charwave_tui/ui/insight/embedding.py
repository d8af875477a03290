"""The view of an Embedding: its characters in the plane, and those nearest to the one under the cursor."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import msgspec
from rich.cells import cell_len

from charwave_tui.core.grids import Grid
from charwave_tui.core.insights import AnyInsight, EmbeddingInsight, Lens
from charwave_tui.ui import numbers
from charwave_tui.ui.glyphs import GLYPHS
from charwave_tui.ui.insight import figures, plane, weights
from charwave_tui.ui.insight.figures import Figure
from charwave_tui.ui.insight.healthy import Healthy
from charwave_tui.ui.insight.shown import Gaze, Nouns, Shown
from charwave_tui.ui.insight.written import cropped, symbol
from charwave_tui.ui.pieces import GAP, Line, Piece, beside, columns, wrapped

SIDE, LEAST_SIDE = 45, 20
"""Columns beside the plane: with the table of figures, and without."""

ROOMY = (110, 26)
"""Columns and lines from which the table of figures stands beside the plane."""

SHARES = "shows {both:.0f} % of the variance of {dimensions}: {across:.0f} % across, {up:.0f} % up"
"""How much of the points the plane shows."""

PLANE = Healthy(
    -math.inf,
    math.inf,
    "of 100 %",
    "How much of the variance is seen in the two dimensions along which characters differ most.",
)
"""What the share that the plane shows means."""

MEANING = "Where a character stands is chance at step 0; training moves together what it finds alike, told by nobody."
"""What there is to be seen."""


class EmbeddingView:
    """The characters of the vocabulary as points, by their first two principal components."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The one part."""
        return ("plane",)

    def nouns(self, part: int) -> Nouns:
        """Characters, wherever the keys lead."""
        return Nouns("character", "character", "id")

    def figures(self, shown: Shown) -> tuple[Figure, ...]:
        """Those of the matrix, and how much of it the plane shows."""
        known = weights.figures(shown.stats, 1.0, weights.EMBEDDING)
        if not isinstance(shown.insight, EmbeddingInsight):
            return known
        both = 100 * sum(shown.insight.shares)
        text = f"{both:.0f} %" if math.isfinite(both) else "nan"
        return (*known, Figure("plane shows", "plane", both, text, PLANE))

    def lens(self, gaze: Gaze, width: int, height: int) -> Lens:
        """The neighbours of the character under the cursor."""
        return Lens(gaze.layer, rows=0, columns=0, symbol=gaze.symbol)

    def moved(self, shown: Shown, key: str) -> Gaze | None:
        """The nearest character in that direction; with `p` and `P` the next one of the vocabulary, round and round."""
        insight, gaze = shown.insight, shown.gaze
        if not isinstance(insight, EmbeddingInsight) or not insight.plane.rows or key not in "hjklpP":
            return None
        here = _cursor(gaze, insight)
        if key in "pP":
            return replace(gaze, symbol=(here + (1 if key == "p" else -1)) % insight.plane.rows)
        at = plane.points(insight.plane)
        return replace(gaze, symbol=plane.towards(at, here, key) if at else here)

    def lines(self, shown: Shown, width: int, height: int) -> tuple[Line, ...]:
        """The plane, and beside it the figures and the neighbours."""
        insight = shown.insight
        if not isinstance(insight, EmbeddingInsight):
            return ()
        roomy = width >= ROOMY[0] and height >= ROOMY[1]
        known = weights.figures(shown.stats, 1.0, weights.EMBEDDING)
        side = SIDE if roomy else LEAST_SIDE
        above = (_heading(insight, width),) if roomy else (figures.row(known, width), _heading(insight, width))
        room = max(height - len(above), 0)
        at = plane.points(insight.plane)
        if not any(math.isfinite(x) and math.isfinite(y) for x, y in at):
            spoilt: Line = (Piece("No character has a place: the embedding is not finite.", "error"),)
            return tuple(cropped(line, width) for line in (*above, spoilt))[: max(height, 0)]
        size = (max(width - side - GAP, 0), room)
        view, cursor, near = plane.View.of(at, *size), _cursor(shown.gaze, insight), _neighbours(shown, insight)
        spots = plane.placed(at, shown.symbols, view, size, (cursor, *near))
        drawn = plane.drawn(spots, shown.symbols, view, size, cursor, near)
        told = tuple(_side(shown, insight, spots.hidden, known if roomy else (), (side, room)))
        sides = (*told, *((),) * (len(drawn) - len(told)))
        pairs = (beside(pair, (size[0], side)) for pair in zip(drawn, sides, strict=False))
        return tuple(cropped(line, width) for line in (*above, *pairs))[: max(height, 0)]


def aligned(before: AnyInsight | None, now: AnyInsight) -> AnyInsight:
    """The embedding as it is now, its axes turned round or exchanged so that it lies as much as can be as `before`.

    Principal components have no sign, and change places where they are equally large: without this the plane would
    flip as training goes on. Whoever shows one after another keeps the last and passes each new one through here.
    """
    if not (isinstance(before, EmbeddingInsight) and isinstance(now, EmbeddingInsight)):
        return now
    old, new = plane.points(before.plane), plane.points(now.plane)
    if len(old) != len(new) or before.plane == now.plane:
        return now
    # products[a][b]: how far axis a before and axis b now agree
    products = [[sum(one[a] * other[b] for one, other in zip(old, new, strict=True)) for b in (0, 1)] for a in (0, 1)]
    if not all(math.isfinite(product) for row in products for product in row):
        return now
    swapped = abs(products[0][1]) + abs(products[1][0]) > abs(products[0][0]) + abs(products[1][1])
    first, second = (1, 0) if swapped else (0, 1)
    signs = (math.copysign(1, products[0][first]), math.copysign(1, products[1][second]))
    turned = Grid.of(2, (value for one in new for value in (signs[0] * one[first], signs[1] * one[second])))
    return msgspec.structs.replace(now, plane=turned, shares=(now.shares[first], now.shares[second]))


def _cursor(gaze: Gaze, insight: EmbeddingInsight) -> int:
    return min(max(gaze.symbol, 0), max(insight.plane.rows - 1, 0))


def _neighbours(shown: Shown, insight: EmbeddingInsight) -> tuple[int, ...]:
    """The ids nearest to the one under the cursor, none while they are those of another."""
    return insight.neighbours if insight.symbol == _cursor(shown.gaze, insight) else ()


def _heading(insight: EmbeddingInsight, width: int) -> Line:
    shares = [100 * share for share in insight.shares]
    if not all(map(math.isfinite, shares)):
        return (Piece("characters in the plane"),)
    dimensions = "one dimension" if insight.dimensions == 1 else f"{insight.dimensions:,} dimensions"
    text = SHARES.format(both=sum(shares), dimensions=dimensions, across=shares[0], up=shares[1])
    left: Line = (Piece("characters in the plane"), Piece("   "))
    room = width - columns(left)
    short = text.partition(":")[0]
    fitting = (told for told in (text, short, short.rpartition(" of ")[0]) if len(told) <= room)
    return (*left, Piece(next(fitting, ""), "muted"))


def _side(
    shown: Shown, insight: EmbeddingInsight, hidden: tuple[int, ...], known: tuple[Figure, ...], room: tuple[int, int]
) -> Iterator[Line]:
    """What stands beside the plane, in so many columns and lines: figures, neighbours, and what the plane hides."""
    width, height = room
    if known:
        yield from figures.table(reversed(known), width)
        yield ()
        yield from figures.words(known, width, 3)
        yield ()
        height -= len(known) + 1 + 2 + len(figures.words(known, width, 3))
    here = _cursor(shown.gaze, insight)
    name = "boundary" if here == 0 else f"id {here}"
    yield (
        Piece(f"{GLYPHS.here} ", "accent"),
        Piece(symbol(shown.symbols, here), "bright", True),
        Piece(f"  {name}", "muted"),
    )
    yield (Piece("nearest    distance", "muted"),)
    below = _hidden(shown.symbols, hidden, width)
    meant = [(Piece(line, "muted"),) for line in wrapped(MEANING, width, 4)] if known else []
    near = list(zip(_neighbours(shown, insight), insight.distances, strict=False))[: max(height - 2 - len(below), 0)]
    for number, distance in near:
        letter = symbol(shown.symbols, number)
        yield (
            Piece("  "),
            Piece(letter),
            Piece(f"{numbers.spread(distance):>{17 - cell_len(letter)}}", "bright", True),
        )
    yield from below
    if height - 2 - len(near) - len(below) > len(meant):
        yield ()
        yield from meant


def _hidden(symbols: str, hidden: tuple[int, ...], width: int) -> tuple[Line, ...]:
    """The characters that others are in the way of: how many, and by name as far as a line goes."""
    if not hidden:
        return ()
    names = " ".join(symbol(symbols, number) for number in hidden[:width])
    return ((), (Piece(f"behind others {len(hidden):,}", "muted"),), (Piece(names),))
