"""EmbeddingView, principal plane."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from operator import itemgetter

import msgspec
from rich.cells import cell_len

from charwave_tui.core.protocol.float_matrix import FloatMatrix
from charwave_tui.core.protocol.layer_insights import AnyInsight, EmbeddingInsight, InsightQuery
from charwave_tui.ui.drawing.block_graphics import BACKGROUND
from charwave_tui.ui.drawing.canvas import crop_line, display_char
from charwave_tui.ui.drawing.number_format import format_std
from charwave_tui.ui.drawing.styled_text import GAP, Span, StyledLine, cell_width, columns, wrap
from charwave_tui.ui.inspector.views import diagnostics as diagnostics_module
from charwave_tui.ui.inspector.views.base import CursorAxes, ViewData
from charwave_tui.ui.inspector.views.diagnostics import Diagnostic
from charwave_tui.ui.inspector.views.weight_matrix import EMBEDDING, weight_diagnostics
from charwave_tui.ui.state.inspector_state import ViewCursor
from charwave_tui.ui.state.layer_health import HealthyRange
from charwave_tui.ui.terminal.glyphs import GLYPHS

TALL = 2.0
"""How many times as high as wide a cell of a terminal is, about."""


ROUNDED = 2**0.25
"""Bounds are a power of this, so that the plane stays put while points move a little."""


NEARBY = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (0, 2), (0, -2), (1, 1), (-1, -1), (0, 3), (0, -3))
"""Where a character may stand that another one is in the way of: rows down, columns right, nearest first."""


Point = tuple[float, float]
"""Across and up."""


@dataclass(frozen=True, slots=True)
class Placed:
    """The row and column of each id that has a cell, and the ids that have none because others are in the way."""

    cells: dict[int, tuple[int, int]]
    hidden: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PlaneTransform:
    """Where the point 0, 0 stands on a sheet, in columns and rows, and how many columns a step of 1 across takes."""

    column: float
    row: float
    columns: float

    @staticmethod
    def of(at: Iterable[Point], width: int, height: int) -> PlaneTransform:
        """All finite points in the middle of the sheet, as large as they fit, steps across and up alike."""
        finite = [(x, y) for x, y in at if math.isfinite(x) and math.isfinite(y)] or [(0.0, 0.0)]
        right, left = (_rounded(max(side * x for x, _ in finite)) for side in (1, -1))
        up, down = (_rounded(max(side * y for _, y in finite)) for side in (1, -1))
        spans = ((width - 3, left + right), (TALL * (height - 1), up + down))
        columns = max(min((room / span for room, span in spans if span > 0), default=1.0), 0.0)
        return PlaneTransform(
            (width - 1 - (right - left) * columns) / 2, (height - 1 + (up - down) * columns / TALL) / 2, columns
        )

    def cell(self, point: Point) -> tuple[int, int]:
        """The row and column of a finite point."""
        x, y = point
        return math.floor(self.row - y * self.columns / TALL + 0.5), math.floor(self.column + x * self.columns + 0.5)


def points(plane: FloatMatrix) -> list[Point]:
    """The rows of [vocabulary, 2] as points."""
    flat = plane.flat()
    return list(zip(flat[::2], flat[1::2], strict=True)) if plane.columns == 2 else []


@lru_cache(maxsize=2)
def letters(symbols: str) -> tuple[tuple[str, int], ...]:
    """What is written for each id, and how many columns it takes."""
    written = (display_char(symbols, number) for number in range(len(symbols) + 1))
    return tuple((text, cell_len(text)) for text in written)


def place_points(
    at: Sequence[Point], symbols: str, view: PlaneTransform, size: tuple[int, int], first: Iterable[int]
) -> Placed:
    """A cell for each finite point on a sheet of so many columns and rows; ids that come `first` find room first.

    One that another is in the way of stands beside it; where there is no room nearby either, it is hidden.
    """
    width, height = size
    taken = bytearray(max(width * height, 0))
    cells: dict[int, tuple[int, int]] = {}
    hidden: list[int] = []
    known = letters(symbols)
    for number in dict.fromkeys((*first, *range(len(at)))):
        if not 0 <= number < len(at) or not (math.isfinite(at[number][0]) and math.isfinite(at[number][1])):
            continue
        wide = known[number][1] if number < len(known) else 1
        row, column = view.cell(at[number])
        for down, right in NEARBY:
            if 0 <= row + down < height and 0 <= column + right <= width - wide:
                place = (row + down) * width + column + right
                if not any(taken[place : place + wide]):
                    taken[place : place + wide] = b"\1" * wide
                    cells[number] = (row + down, column + right)
                    break
        else:
            hidden.append(number)
    return Placed(cells, tuple(sorted(hidden)))


def draw_plane(
    spots: Placed, symbols: str, view: PlaneTransform, size: tuple[int, int], cursor: int, near: Iterable[int]
) -> tuple[StyledLine, ...]:
    """The sheet: lines through 0, the characters in muted, those `near` the cursor in bold, its own in bright."""
    width, height = size
    row, column = view.cell((0.0, 0.0))
    across = [(GLYPHS.dashed, "line", False)] * width
    blank = [(" ", "line", False)] * width
    if 0 <= column < width:
        blank[column] = (GLYPHS.vertical, "line", False)
    sheet = [(across if at == row else blank).copy() for at in range(height)]
    close, known = frozenset(near), letters(symbols)
    for number, (row, column) in spots.cells.items():
        text, wide = known[number] if number < len(known) else ("?", 1)
        ink = ("bright", True) if number == cursor else ("fg", True) if number in close else ("muted", False)
        sheet[row][column] = (text, *ink)
        for place in range(1, wide):
            sheet[row][column + place] = ("", *ink)
    row, column = spots.cells.get(cursor, (0, 0))
    if column and sheet[row][column - 1][1] == "line":
        sheet[row][column - 1] = (GLYPHS.cursor, "accent", False)
    return tuple(
        tuple(
            Span("".join(text for text, _, _ in run), role, bold, BACKGROUND)
            for (role, bold), run in groupby(cells, key=itemgetter(1, 2))
        )
        for cells in sheet
    )


def nearest_towards(at: Sequence[Point], here: int, key: str) -> int:
    """The nearest point to the left, down, up or right (`h`, `j`, `k`, `l`) of `here`, or itself where there is none.

    Those that lie more that way than aside come first.
    """
    away = {"h": (-1, 0), "l": (1, 0), "k": (0, 1), "j": (0, -1)}[key]
    x, y = at[here]
    best, found = (True, math.inf), here
    for number, (other_x, other_y) in enumerate(at):
        right, up = other_x - x, other_y - y
        along, aside = right * away[0] + up * away[1], abs(right * away[1]) + abs(up * away[0])
        if along > 0 and number != here:
            best, found = min((best, found), ((aside > along, right * right + up * up), number))
    return found


def _rounded(size: float) -> float:
    return ROUNDED ** math.ceil(math.log(size, ROUNDED) - 1e-9) if size > 0 else 0.0


SIDE, LEAST_SIDE = 45, 20
"""Columns beside the plane: with the table of figures, and without."""


ROOMY = (110, 26)
"""Columns and lines from which the table of figures stands beside the plane."""


SHARES = "shows {both:.0f} % of the variance of {dimensions}: {across:.0f} % across, {up:.0f} % up"
"""How much of the points the plane shows."""


PLANE = HealthyRange(
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

    def nouns(self, part: int) -> CursorAxes:
        """Characters, wherever the keys lead."""
        return CursorAxes("character", "character", "id")

    def diagnostics(self, shown: ViewData) -> tuple[Diagnostic, ...]:
        """Those of the matrix, and how much of it the plane shows."""
        known = weight_diagnostics(shown.stats, 1.0, EMBEDDING)
        if not isinstance(shown.insight, EmbeddingInsight):
            return known
        both = 100 * sum(shown.insight.shares)
        text = f"{both:.0f} %" if math.isfinite(both) else "nan"
        return (*known, Diagnostic("plane shows", "plane", both, text, PLANE))

    def query(self, gaze: ViewCursor, width: int, height: int) -> InsightQuery:
        """The neighbours of the character under the cursor."""
        return InsightQuery(gaze.layer, rows=0, columns=0, symbol=gaze.symbol)

    def move_cursor(self, shown: ViewData, key: str) -> ViewCursor | None:
        """The nearest character in that direction; with `p` and `P` the next one of the vocabulary, round and round."""
        insight, gaze = shown.insight, shown.gaze
        if not isinstance(insight, EmbeddingInsight) or not insight.plane.rows or key not in "hjklpP":
            return None
        here = _cursor(gaze, insight)
        if key in "pP":
            return replace(gaze, symbol=(here + (1 if key == "p" else -1)) % insight.plane.rows)
        at = points(insight.plane)
        return replace(gaze, symbol=nearest_towards(at, here, key) if at else here)

    def lines(self, shown: ViewData, width: int, height: int) -> tuple[StyledLine, ...]:
        """The plane, and beside it the figures and the neighbours."""
        insight = shown.insight
        if not isinstance(insight, EmbeddingInsight):
            return ()
        roomy = width >= ROOMY[0] and height >= ROOMY[1]
        known = weight_diagnostics(shown.stats, 1.0, EMBEDDING)
        side = SIDE if roomy else LEAST_SIDE
        above = (
            (_heading(insight, width),) if roomy else (diagnostics_module.row(known, width), _heading(insight, width))
        )
        room = max(height - len(above), 0)
        at = points(insight.plane)
        if not any(math.isfinite(x) and math.isfinite(y) for x, y in at):
            spoilt: StyledLine = (Span("No character has a place: the embedding is not finite.", "error"),)
            return tuple(crop_line(line, width) for line in (*above, spoilt))[: max(height, 0)]
        size = (max(width - side - GAP, 0), room)
        view, cursor, near = (
            PlaneTransform.of(at, *size),
            _cursor(shown.gaze, insight),
            _neighbours(shown, insight),
        )
        spots = place_points(at, shown.symbols, view, size, (cursor, *near))
        drawn = draw_plane(spots, shown.symbols, view, size, cursor, near)
        told = tuple(_side(shown, insight, spots.hidden, known if roomy else (), (side, room)))
        sides = (*told, *((),) * (len(drawn) - len(told)))
        pairs = (columns(pair, (size[0], side)) for pair in zip(drawn, sides, strict=False))
        return tuple(crop_line(line, width) for line in (*above, *pairs))[: max(height, 0)]


def align_axes(before: AnyInsight | None, now: AnyInsight) -> AnyInsight:
    """The embedding as it is now, its axes turned round or exchanged so that it lies as much as can be as `before`.

    Principal components have no sign, and change places where they are equally large: without this the plane would
    flip as training goes on. Whoever shows one after another keeps the last and passes each new one through here.
    """
    if not (isinstance(before, EmbeddingInsight) and isinstance(now, EmbeddingInsight)):
        return now
    old, new = points(before.plane), points(now.plane)
    if len(old) != len(new) or before.plane == now.plane:
        return now
    # products[a][b]: how far axis a before and axis b now agree
    products = [[sum(one[a] * other[b] for one, other in zip(old, new, strict=True)) for b in (0, 1)] for a in (0, 1)]
    if not all(math.isfinite(product) for row in products for product in row):
        return now
    swapped = abs(products[0][1]) + abs(products[1][0]) > abs(products[0][0]) + abs(products[1][1])
    first, second = (1, 0) if swapped else (0, 1)
    signs = (math.copysign(1, products[0][first]), math.copysign(1, products[1][second]))
    turned = FloatMatrix.of(2, (value for one in new for value in (signs[0] * one[first], signs[1] * one[second])))
    return msgspec.structs.replace(now, plane=turned, shares=(now.shares[first], now.shares[second]))


def _cursor(gaze: ViewCursor, insight: EmbeddingInsight) -> int:
    return min(max(gaze.symbol, 0), max(insight.plane.rows - 1, 0))


def _neighbours(shown: ViewData, insight: EmbeddingInsight) -> tuple[int, ...]:
    """The ids nearest to the one under the cursor, none while they are those of another."""
    return insight.neighbours if insight.symbol == _cursor(shown.gaze, insight) else ()


def _heading(insight: EmbeddingInsight, width: int) -> StyledLine:
    shares = [100 * share for share in insight.shares]
    if not all(map(math.isfinite, shares)):
        return (Span("characters in the plane"),)
    dimensions = "one dimension" if insight.dimensions == 1 else f"{insight.dimensions:,} dimensions"
    text = SHARES.format(both=sum(shares), dimensions=dimensions, across=shares[0], up=shares[1])
    left: StyledLine = (Span("characters in the plane"), Span("   "))
    room = width - cell_width(left)
    short = text.partition(":")[0]
    fitting = (told for told in (text, short, short.rpartition(" of ")[0]) if len(told) <= room)
    return (*left, Span(next(fitting, ""), "muted"))


def _side(
    shown: ViewData,
    insight: EmbeddingInsight,
    hidden: tuple[int, ...],
    known: tuple[Diagnostic, ...],
    room: tuple[int, int],
) -> Iterator[StyledLine]:
    """What stands beside the plane, in so many columns and lines: figures, neighbours, and what the plane hides."""
    width, height = room
    if known:
        yield from diagnostics_module.table(reversed(known), width)
        yield ()
        yield from diagnostics_module.advice_lines(known, width, 3)
        yield ()
        height -= len(known) + 1 + 2 + len(diagnostics_module.advice_lines(known, width, 3))
    here = _cursor(shown.gaze, insight)
    name = "boundary" if here == 0 else f"id {here}"
    yield (
        Span(f"{GLYPHS.cursor} ", "accent"),
        Span(display_char(shown.symbols, here), "bright", True),
        Span(f"  {name}", "muted"),
    )
    yield (Span("nearest    distance", "muted"),)
    below = _hidden(shown.symbols, hidden, width)
    meant = [(Span(line, "muted"),) for line in wrap(MEANING, width, 4)] if known else []
    near = list(zip(_neighbours(shown, insight), insight.distances, strict=False))[: max(height - 2 - len(below), 0)]
    for number, distance in near:
        letter = display_char(shown.symbols, number)
        yield (
            Span("  "),
            Span(letter),
            Span(f"{format_std(distance):>{17 - cell_len(letter)}}", "bright", True),
        )
    yield from below
    if height - 2 - len(near) - len(below) > len(meant):
        yield ()
        yield from meant


def _hidden(symbols: str, hidden: tuple[int, ...], width: int) -> tuple[StyledLine, ...]:
    """The characters that others are in the way of: how many, and by name as far as a line goes."""
    if not hidden:
        return ()
    names = " ".join(display_char(symbols, number) for number in hidden[:width])
    return ((), (Span(f"behind others {len(hidden):,}", "muted"),), (Span(names),))
