"""The screen buffer: the terminal shows the back buffer after every diff, and few bytes are written."""

from __future__ import annotations

import re

import pyte
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import ColorSystem
from rich.segment import ControlType, Segment
from rich.style import Style
from textual.strip import Strip

from charwave_tui.ui.terminal.capabilities import CharacterSet
from charwave_tui.ui.terminal.screen_buffer import DEFAULT_STYLE, CellStyle, ScreenBuffer, cell_style

WIDTH, HEIGHT = 12, 3


STYLES = [
    None,
    *map(
        Style.parse,
        ("#5fd7af on #121418", "#ffffff on #121418", "bold #ffffff on #121418", "#9097a0 on #20242a"),
    ),
    *map(Style.parse, ("underline red", "reverse", "bold underline", "italic blue on default", "strike on #20242a")),
]


DISPUTED = ["पा", "कि", "क्", "🇩", "❤\ufe0f", "👍🏽", "คำ", "ක්\u200d", "\u093e", "\u0301"]
TEXTS = ["a", "bb", " ", "   ", "⢸⣇", "日", "é", "e\u0301", "x日y"]


SEGMENTS = st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from(STYLES)), max_size=5)


CHANGES = st.lists(st.tuples(st.integers(0, HEIGHT - 1), SEGMENTS), max_size=4)


class EmulatedTerminal:
    """A terminal as pyte emulates it, cell by cell, without invisible attributes."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self.stream = pyte.Stream(self.screen)
        self.clear()

    def clear(self) -> None:
        self.screen.reset()
        self.stream.feed("\x1b[?7l")  # as Textual sets it: the last column does not wrap

    def cells(self) -> list[list[tuple[object, ...]]]:
        return [[_visible(self.screen.buffer[row][column]) for column in range(WIDTH)] for row in range(HEIGHT)]


def _visible(cell: pyte.screens.Char) -> tuple[object, ...]:
    lines = cell.underscore, cell.reverse, cell.strikethrough
    foreground = (cell.fg, cell.bold, cell.italics) if cell.data.strip() or any(lines) else ()
    return (cell.data, cell.bg, *lines, *foreground)


def rows(segments: list[tuple[str, Style | None]]) -> Strip:
    return Strip([Segment(text, style) for text, style in segments]).adjust_cell_length(
        WIDTH, Style.parse("on #121418")
    )


@given(st.lists(CHANGES, max_size=6))
def test_diff_output_equals_full_repaint(frames: list[list[tuple[int, object]]]) -> None:
    sparing, whole = EmulatedTerminal(), EmulatedTerminal()
    screen_buffer = ScreenBuffer(WIDTH, HEIGHT, ColorSystem.TRUECOLOR)
    blank = [rows([])] * HEIGHT
    strips = list(blank)
    for changes in [[(row, []) for row in range(HEIGHT)], *frames]:
        for row, segments in changes:
            strips[row] = rows(segments)
            screen_buffer.write(row, 0, strips[row], WIDTH)
        sparing.stream.feed(screen_buffer.diff((0, 0)))
        whole.clear()
        for row, strip in enumerate(strips):
            painted = (
                Strip.render_style(style or Style.null(), text, ColorSystem.TRUECOLOR) for text, style, _ in strip
            )
            whole.stream.feed(f"\x1b[{row + 1}H" + "".join(painted))
        assert sparing.cells() == whole.cells()
        assert (sparing.screen.cursor.y, sparing.screen.cursor.x) == (0, 0)
    assert screen_buffer.diff((0, 0)) == ""


@given(CHANGES)
def test_buffer_rows_make_up_whole_screen(changes: list[tuple[int, object]]) -> None:
    screen_buffer = ScreenBuffer(WIDTH, HEIGHT, ColorSystem.TRUECOLOR)
    for row, segments in [*((row, []) for row in range(HEIGHT)), *changes]:
        screen_buffer.write(row, 0, rows(segments), WIDTH)
    sparing, whole = EmulatedTerminal(), EmulatedTerminal()
    sparing.stream.feed(screen_buffer.diff((0, 0)))
    for row, written in enumerate(screen_buffer.encode_rows()):
        whole.stream.feed(f"\x1b[{row + 1}H{written}")
    assert sparing.cells() == whole.cells()


# the columns that a terminal gives to what terminals dispute; all of them others than rich does
NARROW = {"\u093e": 0, "\u093f": 0, "🇩": 1, "\ufe0f": 0, "🏽": 0, "ำ": 0, "\u094d": 0, "\u200d": 0}
WIDE = {"\u093e": 1, "\u093f": 1, "🇩": 2, "\ufe0f": 1, "🏽": 2, "ำ": 1, "\u094d": 0, "\u200d": 0}
WIDER = WIDE | {"\u094d": 1, "\u200d": 1, "\u0301": 1}  # of marks that it does not know as such


@pytest.fixture(params=[NARROW, WIDE, WIDER])
def widths(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    widths: dict[str, int] = request.param
    original = pyte.screens.wcwidth
    monkeypatch.setattr(pyte.screens, "wcwidth", lambda character: widths.get(character, original(character)))
    return widths


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=st.lists(st.lists(st.sampled_from([*DISPUTED, "a", "bb", " ", "日"]), max_size=5), max_size=6))
def test_row_stays_in_its_columns_whatever_width_the_terminal_gives(
    widths: dict[str, int], frames: list[list[str]]
) -> None:
    sparing, whole = EmulatedTerminal(), EmulatedTerminal()
    screen_buffer = ScreenBuffer(WIDTH, HEIGHT, ColorSystem.TRUECOLOR)
    for texts in frames:
        row = Strip([*map(Segment, texts)]).adjust_cell_length(WIDTH - 2)
        screen_buffer.write(0, 0, [*row, Segment("│x")], WIDTH)
        sparing.stream.feed(screen_buffer.diff((0, 0)))
        whole.clear()
        fresh = ScreenBuffer(WIDTH, HEIGHT, ColorSystem.TRUECOLOR)
        fresh.write(0, 0, [*row, Segment("│x")], WIDTH)
        whole.stream.feed(fresh.diff((0, 0)))
        assert sparing.cells()[0] == whole.cells()[0]
        assert [data for data, *_ in sparing.cells()[0][-2:]] == ["│", "x"]


@pytest.mark.parametrize("mark", ["\u0301", "\u093e"])
def test_mark_in_segment_of_its_own_joins_the_character_before_it(mark: str) -> None:
    screen_buffer = ScreenBuffer(WIDTH, 1, ColorSystem.TRUECOLOR)
    written = paint(screen_buffer, 0, 0, ("न", "bold red"), (mark, "blue"), ("x", "bold red"))
    assert f"न{mark}" in written
    assert f"\x1b[1;{1 + cell_len(chr(0x928) + mark)}Hx" in written


@pytest.mark.parametrize("pieces", [["👨\u200d", "💻"], ["👨", "\u200d", "💻"], ["👨\u200d💻"], ["ක්\u200dර"]])
def test_no_joiner_before_another_cell(pieces: list[str]) -> None:
    buffer = ScreenBuffer(WIDTH, 1, ColorSystem.TRUECOLOR)
    assert "\u200d" not in paint(buffer, 0, 0, *((piece, "bold red") for piece in pieces))


def paint(screen_buffer: ScreenBuffer, row: int, column: int, *pieces: tuple[str, str], end: int = WIDTH) -> str:
    screen_buffer.write(row, column, [Segment(text, Style.parse(style)) for text, style in pieces], end)
    return screen_buffer.diff((0, 0))


@pytest.fixture
def screen_buffer() -> ScreenBuffer:
    buffer = ScreenBuffer(WIDTH, HEIGHT, ColorSystem.TRUECOLOR)
    for row in range(HEIGHT):
        paint(buffer, row, 0, ("step 132,400", "#9097a0 on #121418"))
    return buffer


def test_one_changed_digit_costs_move_and_character(screen_buffer: ScreenBuffer) -> None:
    assert paint(screen_buffer, 1, 0, ("step 132,407", "#9097a0 on #121418")) == "\x1b[2;12H7\x1b[H"


def test_unchanged_cells_cost_nothing(screen_buffer: ScreenBuffer) -> None:
    assert paint(screen_buffer, 1, 0, ("step 132,400", "#9097a0 on #121418")) == ""


def test_only_changed_style_attributes_sent(screen_buffer: ScreenBuffer) -> None:
    assert paint(screen_buffer, 0, 0, ("s", "#ffffff on #121418")) == "\x1b[38;2;255;255;255ms\b"
    assert paint(screen_buffer, 0, 0, ("s", "bold #ffffff on #121418")) == "\x1b[1ms\b"
    assert paint(screen_buffer, 0, 0, ("s", "#ffffff on #121418")) == "\x1b[22ms\b"
    assert paint(screen_buffer, 0, 0, (" ", "#5fd7af on #121418")) == " \b"


def test_short_gap_rewritten_and_long_gap_jumped(screen_buffer: ScreenBuffer) -> None:
    style_text = "#9097a0 on #121418"
    assert paint(screen_buffer, 0, 0, ("X", style_text), ("te", style_text), ("Y", style_text)) == "XteY\x1b[H"
    assert paint(screen_buffer, 0, 0, ("XteY 132,401", style_text)) == "\x1b[11C1\x1b[H"


def test_nothing_written_past_end_and_no_control_characters(screen_buffer: ScreenBuffer) -> None:
    bell = Segment("\a", None, [(ControlType.BELL,)])
    screen_buffer.write(0, 0, [bell, Segment("abcdef", Style.parse("#9097a0 on #121418"))], 2)
    assert screen_buffer.diff((0, 0)) == "ab\b\b"


def test_invalidated_terminal_is_repainted_entirely(screen_buffer: ScreenBuffer) -> None:
    screen_buffer.invalidate()
    assert screen_buffer.diff((0, 0)).count("step 132,400") == HEIGHT


@pytest.mark.parametrize(
    ("system", "style_text"), [(ColorSystem.TRUECOLOR, "38;2;95;215;175"), (ColorSystem.EIGHT_BIT, "38;5;79")]
)
def test_cell_style_limited_to_terminal_colours(system: ColorSystem, style_text: str) -> None:
    assert cell_style(Style.parse("bold #5fd7af"), system) == CellStyle(("1",), style_text, "49")
    assert cell_style(None, system) == DEFAULT_STYLE


STYLES = ["#9097a0", "bold #ffffff", "underline bold yellow on blue", "italic dim", "bold", "reverse on red"]


@given(st.lists(st.sampled_from(STYLES), min_size=1, max_size=8))
def test_without_colours_only_basic_attributes_sent(styles: list[str]) -> None:
    screen_buffer = ScreenBuffer(WIDTH, 1, None)
    seen = EmulatedTerminal()
    strokes = paint(screen_buffer, 0, 0, *((f"{column}", style_text) for column, style_text in enumerate(styles)))
    seen.stream.feed(strokes)
    assert set(re.findall(r"\x1b\[([0-9;]*)m", strokes)) <= {"0", "1", "4", "1;4", "7", "0;1", "0;4", "0;1;4", "0;7"}
    for column, style_text in enumerate(styles):
        cell, style = seen.screen.buffer[0][column], Style.parse(style_text)
        assert (cell.data, cell.fg, cell.bg) == (str(column), "default", "default")
        assert (cell.bold, cell.underscore) == (bool(style.bold), bool(style.underline))
        assert cell.reverse == bool(style.reverse)


def test_unsupported_attributes_replaced_in_same_columns() -> None:
    screen_buffer = ScreenBuffer(WIDTH, 1, ColorSystem.STANDARD, CharacterSet.ASCII)
    strokes = paint(screen_buffer, 0, 0, ("╭x日y─é⣿", "bright_white on black"))
    assert strokes.isascii()
    assert "+x??y-?o" in strokes
