"""View of an embedding: its characters in the plane of their first two principal components, and nearest neighbours."""

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
from charwave_tui.ui.drawing.styled_text import GAP, Span, StyledLine, cell_width, muted_lines, side_by_side
from charwave_tui.ui.inspector.views.base import CursorAxes, LayerView, ViewData
from charwave_tui.ui.inspector.views.diagnostics import (
    TABLE_COLUMNS,
    Diagnostic,
    advice_lines,
    diagnostics_line,
    diagnostics_table,
)
from charwave_tui.ui.inspector.views.weight_matrix import EMBEDDING_STD_TEXT, weight_diagnostics
from charwave_tui.ui.state.inspector_state import ViewCursor
from charwave_tui.ui.state.layer_health import HealthyRange
from charwave_tui.ui.terminal.glyphs import GLYPHS

CELL_ASPECT = 2.0  # height of a terminal's cell / its width
BOUND_STEP = 2**0.25  # bounds are powers of this, so that the plane stays put while points move a little
# where a character may move if its cell is taken: rows down, columns right, nearest first
OFFSETS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (0, 2), (0, -2), (1, 1), (-1, -1), (0, 3), (0, -3))
DIRECTIONS = {"h": (-1, 0), "l": (1, 0), "k": (0, 1), "j": (0, -1)}  # x, y
WIDE_PLANE_LAYOUT = (110, 26)  # columns and lines from which the table of diagnostics is beside the plane
NARROW_SIDE_COLUMNS = 20
ADVICE_LINES = 3
PLANE_TEXT = (
    "At step 0 the vectors are random. Training moves characters with similar use together; nothing tells it which."
)
PLANE_RANGE = HealthyRange(
    -math.inf,
    math.inf,
    "at most 100 %",
    "The fraction of the variance along the first two principal components, which the plane shows.",
)

Point = tuple[float, float]  # x, y


@dataclass(frozen=True, slots=True)
class PlacedPoints:
    """The cell (row, column) of each character id that has one; `hidden` ids found all cells near theirs taken."""

    cells: dict[int, tuple[int, int]]
    hidden: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PlaneTransform:
    """Maps points to cells: the column and row of the origin, and how many columns a distance of 1 takes."""

    column: float
    row: float
    columns: float

    @staticmethod
    def of(points: Iterable[Point], width: int, height: int) -> PlaneTransform:
        """Return the largest transform with all finite points inside, centred, both axes to the same scale."""
        finite = [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)] or [(0.0, 0.0)]
        right, left = (_rounded_bound(max(sign * x for x, _ in finite)) for sign in (1, -1))
        up, down = (_rounded_bound(max(sign * y for _, y in finite)) for sign in (1, -1))
        spans = ((width - 3, left + right), (CELL_ASPECT * (height - 1), up + down))
        columns = max(min((size / span for size, span in spans if span > 0), default=1.0), 0.0)
        return PlaneTransform(
            (width - 1 - (right - left) * columns) / 2, (height - 1 + (up - down) * columns / CELL_ASPECT) / 2, columns
        )

    def cell(self, point: Point) -> tuple[int, int]:
        row = self.row - point[1] * self.columns / CELL_ASPECT
        return math.floor(row + 0.5), math.floor(self.column + point[0] * self.columns + 0.5)


def _rounded_bound(size: float) -> float:
    return BOUND_STEP ** math.ceil(math.log(size, BOUND_STEP) - 1e-9) if size > 0 else 0.0


def plane_points(plane: FloatMatrix) -> list[Point]:
    """Return the rows of [vocabulary, 2] as points."""
    values = plane.flat()
    return list(zip(values[::2], values[1::2], strict=True)) if plane.columns == 2 else []


@lru_cache(maxsize=2)
def _display_chars(symbols: str) -> tuple[tuple[str, int], ...]:
    texts = [display_char(symbols, char_id) for char_id in range(len(symbols) + 1)]
    return tuple((text, cell_len(text)) for text in texts)


def place_points(
    points: Sequence[Point], symbols: str, transform: PlaneTransform, size: tuple[int, int], first: Iterable[int]
) -> PlacedPoints:
    """Return a cell for each finite point within `size` (columns, rows); the ids in `first` are placed first.

    A point whose cell is taken gets one nearby; if those are taken too, it is hidden.
    """
    width, height = size
    taken = bytearray(max(width * height, 0))
    cells: dict[int, tuple[int, int]] = {}
    hidden: list[int] = []
    chars = _display_chars(symbols)
    for char_id in dict.fromkeys((*first, *range(len(points)))):
        if not 0 <= char_id < len(points) or not all(map(math.isfinite, points[char_id])):
            continue
        char_width = chars[char_id][1] if char_id < len(chars) else 1
        row, column = transform.cell(points[char_id])
        for down, right in OFFSETS:
            if 0 <= row + down < height and 0 <= column + right <= width - char_width:
                start = (row + down) * width + column + right
                if not any(taken[start : start + char_width]):
                    taken[start : start + char_width] = b"\1" * char_width
                    cells[char_id] = (row + down, column + right)
                    break
        else:
            hidden.append(char_id)
    return PlacedPoints(cells, tuple(sorted(hidden)))


def draw_plane(
    placed: PlacedPoints,
    symbols: str,
    transform: PlaneTransform,
    size: tuple[int, int],
    cursor: int,
    neighbours: Iterable[int],
) -> tuple[StyledLine, ...]:
    width, height = size
    origin_row, origin_column = transform.cell((0.0, 0.0))
    x_axis = [(GLYPHS.dashed, "line", False)] * width
    blank = [(" ", "line", False)] * width
    if 0 <= origin_column < width:
        blank[origin_column] = (GLYPHS.vertical, "line", False)
    grid = [(x_axis if row == origin_row else blank).copy() for row in range(height)]
    near, chars = frozenset(neighbours), _display_chars(symbols)
    for char_id, (row, column) in placed.cells.items():
        text, char_width = chars[char_id] if char_id < len(chars) else ("?", 1)
        style = ("bright", True) if char_id == cursor else ("fg", True) if char_id in near else ("muted", False)
        grid[row][column : column + char_width] = [(text, *style), *[("", *style)] * (char_width - 1)]
    row, column = placed.cells.get(cursor, (0, 0))
    if column and grid[row][column - 1][1] == "line":
        grid[row][column - 1] = (GLYPHS.cursor, "accent", False)
    return tuple(
        tuple(
            Span("".join(text for text, _, _ in cells), role, bold, BACKGROUND)
            for (role, bold), cells in groupby(line, key=itemgetter(1, 2))
        )
        for line in grid
    )


def nearest_towards(points: Sequence[Point], char_id: int, key: str) -> int:
    """Return the id nearest to `char_id` in the direction of `h`, `j`, `k` or `l`; `char_id` itself if there is none.

    Points less than 45° off that direction come before all others.
    """
    (x, y), (step_x, step_y) = points[char_id], DIRECTIONS[key]
    nearest, rank = char_id, (True, math.inf)
    for other_id, (other_x, other_y) in enumerate(points):
        dx, dy = other_x - x, other_y - y
        along, across = dx * step_x + dy * step_y, abs(dx * step_y) + abs(dy * step_x)
        if along > 0 and other_id != char_id:
            rank, nearest = min((rank, nearest), ((across > along, dx * dx + dy * dy), other_id))
    return nearest


def align_axes(previous: AnyInsight | None, current: AnyInsight) -> AnyInsight:
    """Return the current embedding with its axes flipped or swapped so that its points lie closest to the previous.

    Principal components have no sign, and swap if they are equally large: without this the plane would flip during
    training.
    """
    if not (isinstance(previous, EmbeddingInsight) and isinstance(current, EmbeddingInsight)):
        return current
    old, new = plane_points(previous.projection), plane_points(current.projection)
    if len(old) != len(new) or previous.projection == current.projection:
        return current
    # products[a][b]: agreement of the previous axis a with the current axis b
    products = [
        [sum(old_point[a] * new_point[b] for old_point, new_point in zip(old, new, strict=True)) for b in (0, 1)]
        for a in (0, 1)
    ]
    if not all(math.isfinite(product) for row in products for product in row):
        return current
    is_swapped = abs(products[0][1]) + abs(products[1][0]) > abs(products[0][0]) + abs(products[1][1])
    x, y = (1, 0) if is_swapped else (0, 1)
    signs = (math.copysign(1, products[0][x]), math.copysign(1, products[1][y]))
    plane = FloatMatrix.from_values(2, (value for point in new for value in (signs[0] * point[x], signs[1] * point[y])))
    return msgspec.structs.replace(
        current, projection=plane, explained_variance=(current.explained_variance[x], current.explained_variance[y])
    )


class EmbeddingView(LayerView):
    """View of an embedding layer."""

    tabs = ("plane",)
    insight_type = EmbeddingInsight

    def cursor_axes(self, tab: int) -> CursorAxes:
        return CursorAxes("character", "character", "id")

    def query(self, cursor: ViewCursor, width: int, height: int) -> InsightQuery:
        return InsightQuery(cursor.layer, rows=0, columns=0, symbol=cursor.symbol)

    def diagnostics(self, data: ViewData[EmbeddingInsight]) -> tuple[Diagnostic, ...]:
        diagnostics = weight_diagnostics(data.stats, 1.0, EMBEDDING_STD_TEXT)
        percent = 100 * sum(data.insight.explained_variance)
        text = f"{percent:.0f} %" if math.isfinite(percent) else "nan"
        return (*diagnostics, Diagnostic("plane shows", percent, text, PLANE_RANGE, "plane"))

    def move_cursor(self, data: ViewData[EmbeddingInsight], key: str) -> ViewCursor | None:
        insight, cursor = data.insight, data.cursor
        if not insight.projection.rows or key not in "hjklpP":
            return None
        char_id = _cursor_id(data)
        if key in "pP":
            return replace(cursor, symbol=(char_id + (1 if key == "p" else -1)) % insight.projection.rows)
        points = plane_points(insight.projection)
        return replace(cursor, symbol=nearest_towards(points, char_id, key) if points else char_id)

    def render(self, data: ViewData[EmbeddingInsight], width: int, height: int) -> tuple[StyledLine, ...]:
        insight = data.insight
        is_wide = width >= WIDE_PLANE_LAYOUT[0] and height >= WIDE_PLANE_LAYOUT[1]
        diagnostics = weight_diagnostics(data.stats, 1.0, EMBEDDING_STD_TEXT)
        heading = (_heading(insight, width),)
        header = heading if is_wide else (diagnostics_line(diagnostics, width), *heading)
        points = plane_points(insight.projection)
        body: tuple[StyledLine, ...]
        if any(all(map(math.isfinite, point)) for point in points):
            side_width = TABLE_COLUMNS if is_wide else NARROW_SIDE_COLUMNS
            size = max(width - side_width - GAP, 0), max(height - len(header), 0)
            transform = PlaneTransform.of(points, *size)
            cursor, neighbours = _cursor_id(data), _neighbours(data)
            placed = place_points(points, data.symbols, transform, size, (cursor, *neighbours))
            plane = draw_plane(placed, data.symbols, transform, size, cursor, neighbours)
            side: list[StyledLine] = []
            if is_wide:
                advice = advice_lines(diagnostics, side_width, ADVICE_LINES)
                side = [*diagnostics_table(reversed(diagnostics)), (), *advice, ()]
            side += _neighbour_list(data, placed.hidden, len(plane) - len(side))
            text = muted_lines(PLANE_TEXT, side_width, 4) if is_wide else ()
            if len(side) + len(text) < len(plane):
                side += ((), *text)
            body = side_by_side((plane, side), (size[0], side_width), len(plane))
        else:
            body = ((Span("The embedding has no finite vector.", "error"),),)
        return tuple(crop_line(line, width) for line in (*header, *body))[: max(height, 0)]


def _cursor_id(data: ViewData[EmbeddingInsight]) -> int:
    return min(max(data.cursor.symbol, 0), max(data.insight.projection.rows - 1, 0))


def _neighbours(data: ViewData[EmbeddingInsight]) -> tuple[int, ...]:
    """Return the ids nearest to the one at the cursor; none while the insight has those of another."""
    insight = data.insight
    return insight.neighbours if insight.symbol == _cursor_id(data) else ()


def _heading(insight: EmbeddingInsight, width: int) -> StyledLine:
    title = Span("principal components")
    x_percent, y_percent = (100 * share for share in insight.explained_variance)
    if not math.isfinite(x_percent + y_percent):
        return (title,)
    dimensions = "one dimension" if insight.dimensions == 1 else f"{insight.dimensions:,} dimensions"
    short = f"{x_percent + y_percent:.0f} % of the variance"
    medium = f"{short} of {dimensions}"
    long = f"{medium}: {x_percent:.0f} % across, {y_percent:.0f} % up"
    left: StyledLine = (title, Span("   "))
    text = next((text for text in (long, medium, short) if len(text) <= width - cell_width(left)), "")
    return (*left, Span(text, "muted"))


def _neighbour_list(data: ViewData[EmbeddingInsight], hidden: tuple[int, ...], height: int) -> Iterator[StyledLine]:
    char_id = _cursor_id(data)
    yield (
        Span(f"{GLYPHS.cursor} ", "accent"),
        Span(display_char(data.symbols, char_id), "bright", True),
        Span("  boundary" if char_id == 0 else f"  id {char_id}", "muted"),
    )
    yield (Span("nearest    distance", "muted"),)
    max_neighbours = max(height - 2 - (3 if hidden else 0), 0)
    for neighbour, distance in list(zip(_neighbours(data), data.insight.distances, strict=False))[:max_neighbours]:
        char = display_char(data.symbols, neighbour)
        yield (Span("  "), Span(char), Span(f"{format_std(distance):>{17 - cell_len(char)}}", "bright", True))
    if hidden:
        yield ()
        yield (Span(f"overlapped {len(hidden):,}", "muted"),)
        yield (Span(" ".join(display_char(data.symbols, char_id) for char_id in hidden)),)
