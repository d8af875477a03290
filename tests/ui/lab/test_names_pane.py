"""The names pane: its settings, its editor, its list."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from support import lab_states as scenes

from charwave_tui.core.config.sampling_config import DEFAULT_SAMPLING, MAX_NAME_LENGTH, SamplingConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import SampledName
from charwave_tui.ui.drawing.name_style import style_name
from charwave_tui.ui.drawing.styled_text import cell_width
from charwave_tui.ui.drawing.theme import to_plain_text
from charwave_tui.ui.lab.names_pane import NamesPane
from charwave_tui.ui.lab.sampling_fields import layout_fields
from charwave_tui.ui.messages import SamplingEdited
from charwave_tui.ui.state.run_state import NamesState
from charwave_tui.ui.widgets.inline_editor import InlineEditor
from charwave_tui.ui.widgets.name_list import NameList, entry_lines, name_entry, names_summary

NAMES = scenes.TRAINING.names


MANY = NamesState(132_400, scenes.NAMES * 5)


def lines(app):
    return [line[2:-2].rstrip() for line in app.screen_text().splitlines()[1:-1]]


def posted_settings(messages):
    """The settings of each message once, though it is seen at every node that it bubbles through."""
    edits = {id(message): message for message in messages if isinstance(message, SamplingEdited)}
    return [message.sampling for message in edits.values()]


async def focused(app, pilot):
    pane = app.query_one(NamesPane)
    pane.focus()
    await pilot.pause()
    return pane


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("temperature", "0.8", 0.8),
        ("temperature", " 5 ", 5.0),
        ("count", "1,000", 1000),
        ("seed", "4294967295", 2**32 - 1),
        ("prefix", "ma", "ma"),
        ("prefix", "", ""),
        ("prefix", "e\u0301", "é"),
    ],
)
def test_settings_parsed_from_text(name, text, value):
    assert getattr(SamplingConfig().with_setting(name, text), name) == value


@pytest.mark.parametrize(
    ("name", "text", "problem", "remedy"),
    [
        ("temperature", "0", "temperature 0 is out of bounds", "try 0.05 to 5"),
        ("temperature", "5.01", "temperature 5.01 is out of bounds", "try 0.05 to 5"),
        ("temperature", "nan", "temperature nan is out of bounds", "try 0.05 to 5"),
        ("temperature", "warm", "temperature warm is not a number", "try 0.05 to 5"),
        ("count", "0", "count 0 is out of bounds", "try 1 to 1,000"),
        ("count", "1001", "count 1,001 is out of bounds", "try 1 to 1,000"),
        ("seed", "-1", "seed -1 is out of bounds", "try 0 to 4,294,967,295"),
        ("prefix", "a" * 1_001, "a prefix of 1,001 characters is too long", "try at most 1,000 characters"),
        ("prefix", "a\x1b[2J", "prefix holds a control character", "type letters"),
        ("prefix", "a\u202eb", "prefix holds a control character", "type letters"),
    ],
)
def test_settings_out_of_bounds_are_user_error_with_hint(name, text, problem, remedy):
    with pytest.raises(UserError) as caught:
        SamplingConfig().with_setting(name, text)
    assert (caught.value.problem, caught.value.remedy, caught.value.field) == (problem, remedy, name)


def test_check_finds_invalid_settings_built_directly():
    assert SamplingConfig().validated() == SamplingConfig()
    with pytest.raises(UserError):
        SamplingConfig(count=0).validated()


@given(name=st.sampled_from(list(DEFAULT_SAMPLING)), ways=st.lists(st.sampled_from([-1, 1]), max_size=60))
def test_stepped_settings_stay_in_bounds_and_parse_back(name, ways):
    sampling = SamplingConfig()
    for way in ways:
        sampling = sampling.stepped(name, way)
    assert sampling.validated().with_setting(name, sampling.formatted(name)) == sampling


@pytest.mark.parametrize("width", [12, 25, 31, 76])
@pytest.mark.parametrize("editing", ["", *DEFAULT_SAMPLING])
def test_fields_fit_width_without_touching(width, editing):
    sampling = SamplingConfig(prefix="x" * MAX_NAME_LENGTH, seed=2**32 - 1, count=1000)
    placed = layout_fields(sampling, width, editing)
    assert [spot.name for spot in placed] == list(DEFAULT_SAMPLING)
    assert all(spot.value_column + spot.width <= max(width, 9) for spot in placed)
    for one, other in pairwise(placed):
        assert other.row > one.row or other.column >= one.value_column + one.width + 2


async def test_fields_in_one_row_if_space_else_two_by_two(widget_host):
    app = widget_host(NamesPane)
    async with app.run_test(size=(80, 24)) as pilot:
        app.query_one(NamesPane).sampling = SamplingConfig(prefix="ma", count=50)
        await pilot.pause()
        assert lines(app)[0] == "temp 1.0  prefix ma  count 50  seed 42"
        await pilot.resize_terminal(35, 18)
        await pilot.pause()
        assert lines(app)[:2] == ["temp 1.0  prefix ma", "count 50  seed 42"]


async def test_names_shown_with_nll_and_known_from(widget_host):
    app = widget_host(NamesPane)
    async with app.run_test(size=(35, 18)) as pilot:
        app.query_one(NamesPane).names = NAMES
        await pilot.pause()
        assert lines(app)[3] == "maralynn         1.30  + new"
        assert lines(app)[4] == "mariela          1.41  = corpus"
        assert lines(app)[15] == "mean 1.79     50% new  20% near"
        assert app.query_one(NamesPane).provenance == "step 132,400 · g again"


async def test_narrow_pane_keeps_only_glyph(widget_host):
    app = widget_host(NamesPane)
    async with app.run_test(size=(29, 18)) as pilot:
        app.query_one(NamesPane).names = NAMES
        await pilot.pause()
        assert lines(app)[3] == "maralynn          1.30  +"


async def test_wide_pane_has_two_columns(widget_host):
    app = widget_host(NamesPane)
    async with app.run_test(size=(80, 22)) as pilot:
        app.query_one(NamesPane).names = MANY
        await pilot.pause()
        first = lines(app)[2]
        assert first.startswith("maralynn")
        assert first[40:].startswith("malia")
        assert app.query_one(NamesPane).note == "1–32 of 50"


async def test_names_that_do_not_fit_are_paged(widget_host):
    app = widget_host(NamesPane)
    async with app.run_test(size=(35, 18)) as pilot:
        pane = await focused(app, pilot)
        pane.names = MANY
        await pilot.pause()
        assert pane.note == "1–11 of 50"
        await pilot.press("pagedown")
        assert pane.note == "12–22 of 50"
        assert lines(app)[3].startswith("mariela")
        await pilot.press(*["pagedown"] * 9)
        assert pane.note == "45–50 of 50"
        await pilot.press(*["pageup"] * 9)
        assert pane.note == "1–11 of 50"
        pane.names = NAMES
        await pilot.pause()
        assert pane.note == ""


def test_names_without_nll_muted_if_in_corpus():
    assert [piece.role for piece in name_entry(SampledName("mae", 1.0, True), 31) if piece.text.strip()] == [
        "muted"
    ] * 4
    known = [piece.role for piece in name_entry(SampledName("mae", 1.0, False), 31) if piece.text.strip()]
    assert known == ["bright", "fg", "train", "muted"]


def test_names_without_words_to_compare_with_say_so_and_claim_nothing():
    names = [SampledName("mae", 1.0, None), SampledName("kim", 2.0, None)]
    assert to_plain_text(name_entry(names[0], 31)).split() == ["mae", "1.00", "?"]
    for width in range(28, 60):
        assert to_plain_text(names_summary(names, width)).endswith("word list missing")
    for width in range(1, 28):
        assert "%" not in to_plain_text(names_summary(names, width))


def test_characters_styled_by_probability_and_high_nll_underlined():
    told = tuple(-math.log(p) for p in (0.1, 0.5, 0.2, 0.029, 0.9))
    pieces = style_name(SampledName("maqe", 2.0, False, nlls=told), 10)
    assert [(piece.text, piece.role, piece.underline) for piece in pieces] == [
        ("m", "bright", False),
        ("aq", "muted", False),
        ("e", "warning", True),
    ]


def test_zero_width_mark_shares_style_and_higher_nll_wins():
    pieces = style_name(SampledName("ae\u0301", 2.0, False, nlls=(0.1, 0.1, 9.0, 0.1)), 10)
    assert [(piece.text, piece.underline) for piece in pieces] == [("a", False), ("e\u0301", True)]


def test_long_name_cut_with_its_styles():
    pieces = style_name(SampledName("m" * 20, 2.0, False, nlls=(9.0, *[0.1] * 20)), 6)
    assert [(piece.text, piece.role) for piece in pieces] == [("m", "warning"), ("mmmm…", "muted")]


@pytest.mark.parametrize(
    ("sampled", "glyph", "word"),
    [
        (SampledName("mae", 1.0, True), "=", "corpus"),
        (SampledName("maex", 1.0, False, near="mae"), "≈", "near"),
        (SampledName("qua", 1.0, False), "+", "new"),
    ],
)
def test_name_says_where_it_is_known_from(sampled, glyph, word):
    assert to_plain_text(name_entry(sampled, 31)).split()[-2:] == [glyph, word]


def test_names_keep_positions_as_more_arrive():
    before, after = (entry_lines(scenes.NAMES[:count], 76, 4) for count in (3, 6))
    assert len(before) == len(after) == 4
    assert [to_plain_text(line)[:36] for line in after][:3] == [to_plain_text(line) for line in before][:3]
    assert to_plain_text(after[0])[40:].startswith("mayrin")


@pytest.mark.parametrize(
    "name",
    ["Ольга", "さくら", "王小明", "नीलम", "", "O'Neil Jr", "maximilianbartholomewjohannes", "e\u0301lise", "a\x1b[2J"],
)
@pytest.mark.parametrize("width", [25, 31, 36])
def test_entries_have_one_width_in_any_script(name, width):
    pieces = name_entry(SampledName(name, 12.345, False), width)
    assert cell_width(pieces) == width
    assert "\x1b" not in to_plain_text(pieces)
    assert (
        cell_len(to_plain_text(pieces)[: to_plain_text(pieces).index("12.3")])
        == width - 7 - (7 if width >= 31 else 0) - 1
    )


def test_summary_leaves_out_nonfinite_values():
    names = (SampledName("a", 2.0, False), SampledName("b", float("nan"), True))
    assert to_plain_text(names_summary(names, 40)) == "mean 2.00 nll         + 50%  ≈ 0%  = 50%"


@pytest.mark.parametrize(
    ("width", "written"),
    [
        (50, "mean 2.00 nll        40% new  20% near  40% corpus"),
        (31, "mean 2.00     40% new  20% near"),
        (25, "mean 2.00    + 40%  ≈ 20%"),
        (12, "mean 2.00   "),
    ],
)
def test_summary_shows_novelty_as_width_allows(width, written):
    kinds = [(False, ""), (False, ""), (False, "mae"), (True, ""), (True, "")]
    names = tuple(SampledName("a", 2.0, in_corpus, near) for in_corpus, near in kinds)
    assert to_plain_text(names_summary(names, width)) == written


def test_words_of_train_and_held_out_words_have_marks_and_shares_of_their_own():
    names = (
        SampledName("ada", 2.0, True, held_out=False),
        SampledName("bea", 2.0, True, held_out=True),
        SampledName("cid", 2.0, False),
        SampledName("dot", 2.0, False),
    )
    entries = [" ".join(to_plain_text(name_entry(name, 40)).split()) for name in names]
    assert entries == ["ada 2.00 = train", "bea 2.00 ◇ unseen", "cid 2.00 + new", "dot 2.00 + new"]
    summary = to_plain_text(names_summary(names, 60))
    assert summary.endswith("50% new  0% near  25% train  25% unseen")
    assert to_plain_text(names_summary(names, 48)).endswith("  + 50%  ≈ 0%  = 25%  ◇ 25%")


async def test_empty_pane_offers_a_key(widget_host):
    app = widget_host(NamesPane)
    async with app.run_test(size=(60, 18)):
        assert "g samples names from the current model." in lines(app)
        assert app.query_one(NamesPane).provenance == ""


async def test_refusal_shows_reason_and_key(widget_host):
    app = widget_host(NamesPane)
    async with app.run_test(size=(35, 18)) as pilot:
        app.query_one(NamesPane).names = scenes.DIVERGED.names
        await pilot.pause()
        assert lines(app)[3:7] == ["The weights give NaN, so there", "is nothing to sample.", "", "w rewinds."]
        app.query_one(NamesPane).names = NamesState(refusal="there is no model yet; t trains one")
        await pilot.pause()
        assert lines(app)[3:7] == ["There is no model yet; t trains", "one.", "", "g tries again."]
        assert app.query_one(NamesPane).provenance == ""


async def test_arrows_move_through_fields_and_step_values(widget_host):
    app, messages = widget_host(NamesPane), []
    async with app.run_test(size=(35, 18), message_hook=messages.append) as pilot:
        await focused(app, pilot)
        await pilot.press("up", "up", "down", "left", "down", "left", "up", "left", "up")
        assert posted_settings(messages) == [
            SamplingConfig(temperature=1.1),
            SamplingConfig(temperature=1.2),
            SamplingConfig(temperature=1.1),
            SamplingConfig(temperature=1.1, seed=41),
            SamplingConfig(temperature=1.1, seed=41, count=40),
        ]


async def test_value_at_bound_not_stepped_further(widget_host):
    app, messages = widget_host(NamesPane), []
    async with app.run_test(size=(35, 18), message_hook=messages.append) as pilot:
        pane = await focused(app, pilot)
        pane.sampling = SamplingConfig(temperature=5.0)
        await pilot.press("up")
        assert posted_settings(messages) == []


async def test_enter_edits_in_place_and_enter_applies(widget_host):
    app, messages = widget_host(NamesPane), []
    async with app.run_test(size=(35, 18), message_hook=messages.append) as pilot:
        pane = await focused(app, pilot)
        await pilot.press("right", "enter", "m", "a")
        assert lines(app)[0] == "temp 1.0  prefix ma"
        assert app.focused is app.query_one(InlineEditor)
        assert not posted_settings(messages)
        await pilot.press("enter")
        await pilot.pause()
        assert posted_settings(messages) == [SamplingConfig(prefix="ma")]
        assert app.focused is pane


async def test_editing_offers_only_apply_and_cancel(widget_host):
    app = widget_host(NamesPane)
    async with app.run_test(size=(35, 18)) as pilot:
        await focused(app, pilot)

        def offered():
            return [active.binding.description for active in app.screen.active_bindings.values() if active.binding.show]

        assert offered()[:3] == ["Field", "Change", "Edit"]
        await pilot.press("enter")
        await pilot.pause()
        assert [text for text in offered() if text in ("Field", "Change", "Edit", "Apply", "Cancel")] == [
            "Apply",
            "Cancel",
        ]


async def test_names_pane_escape_cancels_edit(widget_host):
    app, messages = widget_host(NamesPane), []
    async with app.run_test(size=(35, 18), message_hook=messages.append) as pilot:
        pane = await focused(app, pilot)
        await pilot.press("enter", "9", "escape")
        await pilot.pause()
        assert posted_settings(messages) == []
        assert lines(app)[0] == "temp 1.0  prefix –"
        assert app.focused is pane


async def test_invalid_value_shows_reason_until_corrected(widget_host):
    app, messages = widget_host(NamesPane), []
    async with app.run_test(size=(35, 18), message_hook=messages.append) as pilot:
        pane = await focused(app, pilot)
        await pilot.press("enter", "9", "enter")
        await pilot.pause()
        assert lines(app)[0].startswith("temp 9")
        assert lines(app)[2:4] == ["temperature 9 is out of bounds", "Try 0.05 to 5."]
        assert pane.problem
        assert app.focused is app.query_one(InlineEditor)
        await pilot.press("backspace", "2")
        await pilot.pause()
        assert not pane.problem
        assert lines(app)[2] == ""
        await pilot.press("enter")
        await pilot.pause()
        assert posted_settings(messages) == [SamplingConfig(temperature=2.0)]


async def test_burst_of_keys_edits_as_typed(widget_host):
    app, messages = widget_host(NamesPane), []
    async with app.run_test(size=(35, 18), message_hook=messages.append) as pilot:
        await focused(app, pilot)
        for key in ("right", "enter", "m", "a", "enter"):
            app.simulate_key(key)
        for _ in range(5):
            await pilot.pause()
        assert posted_settings(messages) == [SamplingConfig(prefix="ma")]


async def test_letters_pass_while_no_editor_is_open(widget_host):
    pressed = []

    class Listening(widget_host):
        BINDINGS = (("g", "note", "Names"), ("space", "note", "Pause"))

        def action_note(self):
            pressed.append(1)

    app = Listening(NamesPane)
    async with app.run_test(size=(35, 18)) as pilot:
        await focused(app, pilot)
        await pilot.press("g", "space")
        assert len(pressed) == 2
        await pilot.press("right", "enter", "g", "space")
        assert len(pressed) == 2
        assert app.query_one(InlineEditor).value == "g "


async def test_click_selects_field_and_second_click_edits(widget_host):
    app = widget_host(NamesPane)
    async with app.run_test(size=(35, 18)) as pilot:
        pane = await focused(app, pilot)
        await pilot.click(NamesPane, offset=(4, 2))
        assert app.focused is pane
        await pilot.click(NamesPane, offset=(4, 2))
        await pilot.pause()
        assert app.query_one(InlineEditor).value == "20"


async def test_names_pane_without_space_does_not_fail(widget_host):
    app = widget_host(NamesPane)
    async with app.run_test(size=(2, 2)) as pilot:
        app.query_one(NamesPane).names = MANY
        await pilot.pause()
        await pilot.resize_terminal(35, 18)
        await pilot.pause()
        assert lines(app)[3].startswith("maralynn")
        assert app.query_one(NameList).capacity == 11
