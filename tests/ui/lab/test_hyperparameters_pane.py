"""The form as a person uses it: walk, nudge, edit, mend, stage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import ClassVar

import pytest
from support import lab_states as scenes
from support.pilot import wait_until
from textual import events
from textual.app import ComposeResult
from textual.containers import Container
from textual.widgets import Input

from charwave_tui.core.config.run_config import HYPERPARAMETERS
from charwave_tui.ui.drawing.styled_text import cell_width
from charwave_tui.ui.lab.form_summary import help_lines
from charwave_tui.ui.lab.hyperparameters_pane import HyperparametersPane
from charwave_tui.ui.messages import FieldEdited, PickRequested, PresetChosen
from charwave_tui.ui.state.form_state import ROWS, Draft, EditPreview, FormState, Problem

VIEW = FormState(
    Draft(scenes.CONFIG, "tree-76k"),
    preset_config=scenes.CONFIG,
    presets=("mlp-3", "tree-76k", "tree-287k"),
    vocab_size=27,
    accelerator="cpu",
)


RUNNING = replace(VIEW, run_config=scenes.CONFIG, initial_run_config=scenes.CONFIG)


FULL_HEIGHT = len(ROWS) + 7  # a column of all rows, three headings, two borders and two lines of help


SIZES = [(80, 22), (37, FULL_HEIGHT), (44, FULL_HEIGHT + 10)]


class FormHost(Container):
    """Answers the form as the lab screen would, and remembers what was asked."""

    BINDINGS: ClassVar = [("0", "reset"), ("t", "train")]

    def __init__(self, view: FormState) -> None:
        super().__init__()
        self.pane = HyperparametersPane()
        self.pane.form = view
        self.messages: list[tuple[str, object]] = []

    def compose(self) -> ComposeResult:
        yield self.pane

    def on_field_edited(self, event: FieldEdited) -> None:
        self.messages.append((event.name, event.value))
        config = replace(self.pane.form.draft.config, **{event.name: event.value})
        self.pane.form = replace(self.pane.form, draft=replace(self.pane.form.draft, config=config))

    def on_preset_chosen(self, event: PresetChosen) -> None:
        self.messages.append(("preset", event.name))

    def on_pick_requested(self, event: PickRequested) -> None:
        self.messages.append(("pick", event.name))

    def action_reset(self) -> None:
        self.messages.append(("key", "0"))

    def action_train(self) -> None:
        self.messages.append(("key", "t"))


@pytest.fixture
def form(widget_host):
    @asynccontextmanager
    async def opened(view: FormState = VIEW, size: tuple[int, int] = (37, FULL_HEIGHT), at: str = "preset") -> Iterator:
        bench = FormHost(view)
        app = widget_host(lambda: bench)
        async with app.run_test(size=size) as pilot:
            bench.pane.focus()
            bench.pane.cursor_field = at
            await pilot.pause()
            yield pilot, bench, bench.pane

    return opened


def row(app, name: str) -> str:
    return next(line for line in app.screen_text().splitlines() if f" {name} " in line)


@pytest.mark.parametrize("size", SIZES)
async def test_every_field_is_row_with_value_if_space_allows(form, size):
    async with form(size=size) as (pilot, _, pane):
        assert set(pane.form_layout.positions) == set(ROWS)
        assert "more" not in pane.provenance
        for name, spec in HYPERPARAMETERS.items():
            value = "auto → cpu" if name == "device" else spec.value_type.format(getattr(scenes.CONFIG, name))
            # `step` is also a value of the schedule, so that more than one row may hold a name
            assert any(value in line for line in pilot.app.screen_text().splitlines() if f" {name} " in line)
        assert "76,579" in pilot.app.screen_text()


@pytest.mark.parametrize("size", [(80, 22), (37, FULL_HEIGHT + 3), (44, FULL_HEIGHT + 10)])
async def test_shapes_shown_below_rows_or_beside_help(form, size):
    async with form(size=size) as (pilot, _, _pane):
        assert "8×24 → 4×128" in pilot.app.screen_text() or "[B,8] → [B,8,24]" in pilot.app.screen_text()


@pytest.mark.parametrize("size", [*SIZES, (37, FULL_HEIGHT - 4)])
async def test_down_moves_through_rows_in_visual_order_and_stops_at_last(form, size):
    async with form(size=size) as (pilot, _, pane):
        walked = []
        for _ in ROWS:
            walked.append(pane.cursor_field)
            assert f"▸ {pane.cursor_field} " in pilot.app.screen_text()
            await pilot.press("down")
        assert sorted(walked) == sorted(ROWS)
        assert pane.cursor_field == walked[-1]
        if size == (80, 22):
            assert walked.index("device") < walked.index("optimizer")
        else:
            assert walked == list(ROWS)


@pytest.mark.parametrize("help_height", [2, 3])
async def test_form_just_high_enough_shows_parameters_in_border(form, help_height):
    rows_and_headings = len(ROWS) + 3
    async with form(size=(37, 2 + rows_and_headings + help_height), at="n_hidden") as (pilot, _, pane):
        assert set(pane.form_layout.positions) == set(ROWS)
        assert "76,579 params    2·2·2 = 8 ✓" in pilot.app.screen_text().splitlines()[-1]
        await pilot.press("enter", *"64")
        assert set(pane.form_layout.positions) == set(ROWS)
        assert "22,243 params    2·2·2 = 8 ✓" in pilot.app.screen_text().splitlines()[-1]
        assert "8×24 → 4×64 → 2×64 → 64 → 27" in pilot.app.screen_text()
        assert "1 to 4,096" in pilot.app.screen_text()


REPEATS = "32,033 words, 29,494 distinct; 13 % of val also in train"


@pytest.mark.parametrize("size", SIZES)
async def test_repeated_words_are_told_in_heading_and_help(form, size):
    view = replace(VIEW, repeats_text=REPEATS)
    for at in ("corpus", "repeats"):
        async with form(view, size=size, at=at) as (pilot, _, _pane):
            text = pilot.app.screen_text()
            assert "run  13 % of val also in train ──" in text
            assert "32,033 words, 29,494 distinct" in text
    once = replace(view, draft=replace(VIEW.draft, config=VIEW.draft.config.with_values({"repeats": "once"})))
    async with form(once, size=size) as (pilot, _, _pane):
        assert "run  each word once ──" in pilot.app.screen_text()
    async with form(size=size, at="corpus") as (pilot, _, _pane):
        assert "run ─────" in pilot.app.screen_text()
        assert "distinct" not in pilot.app.screen_text()


async def test_wide_form_has_whole_text_on_repeats_as_help(form):
    async with form(replace(VIEW, repeats_text=REPEATS), size=(138, 38), at="repeats") as (pilot, _, _pane):
        assert REPEATS in pilot.app.screen_text()


async def test_longest_note_on_repeats_is_not_cut(form):
    view = replace(VIEW, repeats_text="9,999 words, 999 distinct; over 99 % of val also in train")
    async with form(view) as (pilot, _, _pane):
        assert "run  over 99 % of val in train" in pilot.app.screen_text()


async def test_scrolling_form_counts_hidden_rows(form):
    async with form(size=(37, FULL_HEIGHT - 4)) as (pilot, _, pane):
        hidden = len(ROWS) - len(pane.form_layout.positions)
        assert hidden > 0
        assert f"↓ {hidden} more" in pilot.app.screen_text().splitlines()[-1]
        await pilot.press("end")
        assert "device" in pane.form_layout.positions
        assert pane.provenance.startswith("↑ ")
        assert "76,579 params" in pilot.app.screen_text()


async def test_problem_on_other_row_scrolled_into_view_with_current_row(form):
    refused = Problem("device", "device cuda is not here", "set device to cpu")
    for at, size in [
        ("preset", (37, FULL_HEIGHT)),
        ("lr", (37, FULL_HEIGHT - 4)),
        ("context", (80, 22)),
        ("seed", (80, 16)),
    ]:
        async with form(replace(VIEW, reported_problems=(refused,)), size=size, at=at) as (pilot, _, _pane):
            text = pilot.app.screen_text()
            assert f"▸ {at} " in text
            assert "✗ device" in text
            assert "Set device to cpu." in text


async def test_two_columns_down_goes_from_left_end_to_right_start(form):
    async with form(size=(80, 22), at="device") as (pilot, _, pane):
        left = pane.form_layout.positions["device"]
        await pilot.press("down")
        right = pane.form_layout.positions[pane.cursor_field]
        assert pane.cursor_field == "optimizer"
        assert right.x > left.x
        assert right.y < left.y


async def test_home_end_and_page_keys_jump(form):
    async with form(at="lr") as (pilot, _, pane):
        for key, expected in [
            ("pagedown", "corpus"),
            ("pagedown", "device"),
            ("pageup", "corpus"),
            ("pageup", "optimizer"),
            ("home", "preset"),
            ("pageup", "preset"),
            ("end", "device"),
        ]:
            await pilot.press(key)
            assert pane.cursor_field == expected, key


async def test_left_and_right_step_value_and_never_move_cursor(form):
    async with form(size=(80, 22), at="n_hidden") as (pilot, bench, pane):
        await pilot.press("right")
        assert bench.messages == [("n_hidden", 256)]
        await pilot.press("left", "left")
        assert bench.messages[1:] == [("n_hidden", 128), ("n_hidden", 64)]
        assert pane.cursor_field == "n_hidden"


async def test_presets_stepped_on_first_row(form):
    async with form() as (pilot, bench, _):
        assert "‹ tree-76k ›" in row(pilot.app, "preset")
        await pilot.press("right", "left")
        assert bench.messages == [("preset", "tree-287k"), ("preset", "tree-76k")]


async def test_changed_preset_counts_changed_fields(form):
    async with form(at="lr") as (pilot, _, _pane):
        await pilot.press("right", "up", "up", "right")
        assert "tree-76k +2" in row(pilot.app, "preset")


async def test_enter_edits_and_first_letter_replaces_value(form):
    async with form(at="lr") as (pilot, bench, pane):
        await pilot.press("enter")
        assert pane.is_editing
        await pilot.press(*"0.05", "enter")
        assert bench.messages == [("lr", 0.05)]
        assert not pane.is_editing
        assert pane.has_focus
        assert "0.05" in row(pilot.app, "lr")


async def test_escape_cancels_edit(form):
    async with form(at="lr") as (pilot, bench, pane):
        await pilot.press("enter", *"0.5", "escape")
        assert bench.messages == []
        assert not pane.is_editing
        assert " 0.1 " in row(pilot.app, "lr")


async def test_enter_on_unchanged_value_posts_nothing(form):
    async with form(at="max_steps") as (pilot, bench, pane):
        await pilot.press("enter", "enter")
        assert bench.messages == []
        assert not pane.is_editing


async def test_shapes_and_parameters_update_on_each_letter(form):
    async with form(at="n_hidden") as (pilot, bench, _):
        await pilot.press("enter", *"64")
        assert "8×24 → 4×64 → 2×64 → 64 → 27" in pilot.app.screen_text()
        assert "22,243 params" in pilot.app.screen_text()
        assert bench.messages == []


async def test_value_out_of_bounds_keeps_editor_open_with_reason(form):
    async with form(at="lr") as (pilot, bench, pane):
        await pilot.press("enter", *"99", "enter")
        text = pilot.app.screen_text()
        assert pane.is_editing
        assert pane.problem
        assert pane.note == "1 problem"
        assert "✗ lr" in text
        assert "is out of bounds" in text
        assert "Try 0 < lr ≤ 10." in text
        assert bench.messages == []
        await pilot.press("backspace", "backspace", *"1", "enter")
        assert bench.messages == [("lr", 1.0)]
        assert not pane.problem


async def test_invalid_linked_fields_accepted_and_marked_until_fixed(form):
    async with form(at="context") as (pilot, bench, pane):
        await pilot.press("enter", "6", "enter")
        assert bench.messages == [("context", 6)]
        assert not pane.is_editing
        lines = pilot.app.screen_text().splitlines()
        at = next(i for i, line in enumerate(lines) if "✗ context" in line)
        assert "context 6 is not 2×2×2 = 8" in lines[at + 1]
        assert "Set context to 8 or fuse to" in lines[at + 2]
        await pilot.press("down", "enter", *"2 3", "enter")
        assert not pane.problem
        assert "✗" not in pilot.app.screen_text()
        assert "2·3 = 6 ✓" in pilot.app.screen_text()


async def test_unused_field_muted_with_reason_but_editable(form):
    async with form(size=(44, FULL_HEIGHT + 10), at="warmup") as (pilot, bench, pane):
        assert "not with step" in row(pilot.app, "warmup")
        assert "warmup  where lr peaks  not with step" in pilot.app.screen_text()
        await pilot.press("up")
        strip = pane.query_one("TextLines").render_line(pane.form_layout.positions["warmup"].y)
        assert {segment.style.color.name for segment in strip if segment.text.strip() not in ("", "•")} == {"#9097a0"}
        await pilot.press("down", "enter", *"0.2", "enter")
        assert bench.messages == [("warmup", 0.2)]
        assert "0.2" in row(pilot.app, "warmup")


async def test_narrow_form_marks_unused_field_and_help_has_reason(form):
    stack = replace(scenes.CONFIG, dilations=(1, 1, 2, 1, 2), schedule="cosine")
    async with form(replace(VIEW, draft=Draft(stack, "tree-76k")), at="fuse") as (pilot, _, _pane):
        assert "unused" in row(pilot.app, "fuse")
        assert "0.75" in row(pilot.app, "lr_drop")
        assert "unused" in row(pilot.app, "lr_drop")
        assert "unused" not in row(pilot.app, "warmup")
        assert "fuse  not with dilations" in pilot.app.screen_text()


async def test_typed_dilations_show_sum_and_shapes_on_each_letter(form):
    async with form(at="dilations") as (pilot, bench, _):
        await pilot.press("enter", *"1 2 4")
        assert "8×24 → 7×128 → 5×128 → … → 27" in pilot.app.screen_text()
        assert "1+1+2+4 = 8 ✓" in pilot.app.screen_text()
        await pilot.press("enter")
        assert bench.messages == [("dilations", (1, 2, 4))]


async def test_exclusive_batches_and_norm_marked_on_edited_field(form):
    for at, other in [("norm", {"batches": "names"}), ("batches", {"norm": "batch-bug"})]:
        config = replace(scenes.CONFIG, **other)
        async with form(replace(VIEW, draft=Draft(config, "tree-76k")), at=at) as (pilot, _, _pane):
            await pilot.press("right")
            assert f"✗ {at} " in pilot.app.screen_text()
            assert "set norm to batch, or" in pilot.app.screen_text().replace("Set", "set")
            assert "✗ context" not in pilot.app.screen_text()


@pytest.mark.parametrize("name", ROWS)
def test_help_of_every_row_fits_narrowest_form_used_or_unused(name):
    for config in (scenes.CONFIG, replace(scenes.CONFIG, dilations=(7,), schedule="one-cycle", optimizer="adamw")):
        lines = help_lines(EditPreview(replace(VIEW, draft=Draft(config, "tree-76k"))), name, 33)
        assert [cell_width(line) <= 33 for line in lines] == [True] * 3


async def test_unreadable_corpus_reported_on_its_row(form):
    unreadable = Problem("corpus", "words.txt is not UTF-8 at byte 12", "save it as UTF-8")
    async with form(replace(VIEW, vocab_size=None, reported_problems=(unreadable,)), size=(37, FULL_HEIGHT + 6)) as (
        pilot,
        _,
        pane,
    ):
        text = pilot.app.screen_text()
        assert pane.problem
        assert "✗ corpus" in text
        assert "words.txt is not UTF-8 at byte" in text
        assert "→ 128 → ?" in text


async def test_backspace_restores_preset_value(form):
    async with form(at="lr") as (pilot, bench, _):
        await pilot.press("backspace")
        assert bench.messages == []
        await pilot.press("right", "backspace")
        assert bench.messages == [("lr", 0.2), ("lr", 0.1)]


@pytest.mark.parametrize("name", ["preset", "norm", "corpus", "device"])
async def test_choice_field_requests_its_list(form, name):
    async with form(at=name) as (pilot, bench, pane):
        await pilot.press("enter")
        assert bench.messages == [("pick", name)]
        assert not pane.is_editing


async def test_rebuild_edit_beside_run_staged_and_live_edit_not(form):
    async with form(RUNNING, size=(37, FULL_HEIGHT + 1), at="n_embd") as (pilot, bench, pane):
        await pilot.press("enter", *"10", "enter")
        assert "was 24" in row(pilot.app, "n_embd")
        assert "↻ staged; t trains it  was 24" in pilot.app.screen_text()
        assert pane.note == "1 staged"
        pane.cursor_field = "lr"
        await pilot.press("enter", *"0.01", "enter")
        assert "was 0.1" in row(pilot.app, "lr")
        assert "• live  0 < lr ≤ 10" in pilot.app.screen_text()
        assert pane.note == "1 staged"
        assert bench.messages == [("n_embd", 10), ("lr", 0.01)]


async def test_letters_pass_outside_editor_and_are_consumed_inside(form):
    async with form(at="n_embd") as (pilot, bench, pane):
        await pilot.press("t", "0")
        assert bench.messages == [("key", "t"), ("key", "0")]
        await pilot.press("enter", "0", "t")
        assert pane.query_one(Input).value == "0t"
        assert len(bench.messages) == 2


async def test_burst_of_keys_edits_intended_fields(form):
    async with form() as (pilot, bench, pane):
        for key in ["down", "down", "down", "down", "enter", "1", "0", "enter"]:
            pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await wait_until(pilot, lambda: bool(bench.messages))
        assert bench.messages == [("n_embd", 10)]
        assert not pane.is_editing


async def test_key_bar_offers_apply_and_cancel_while_editing(form):
    async with form(at="lr") as (pilot, _, _pane):
        await pilot.press("enter")
        shown = {
            active.binding.description for active in pilot.app.screen.active_bindings.values() if active.binding.show
        }
        assert {"Apply", "Cancel"} <= shown
        assert not {"Edit", "Change"} & shown


async def test_open_editor_keeps_text_through_resize_and_updates(form):
    async with form(at="lr") as (pilot, _, pane):
        await pilot.press("enter", *"0.3")
        pane.form = replace(pane.form, vocab_size=40)
        await pilot.resize_terminal(80, 22)
        await pilot.pause()
        editor = pane.query_one(Input)
        assert editor.value == "0.3"
        place = pane.form_layout.positions["lr"]
        assert editor.region.y == pane.content_region.y + place.y
        line = pilot.app.screen_text().splitlines()[editor.region.y]
        assert editor.region.x == line.rindex("0.3")
        assert line[: editor.region.x].endswith("lr" + " " * (max(map(len, HYPERPARAMETERS)) - 1))


@pytest.mark.parametrize("size", [(1, 1), (4, 3), (12, 5), (20, 8), (30, 12), (56, 12), (66, 10)])
async def test_small_pane_keeps_current_row_visible(form, size):
    async with form(size=size) as (pilot, _, pane):
        for _ in ROWS:
            if pane.size:
                assert pane.cursor_field in pane.form_layout.positions
            await pilot.press("down")


async def test_click_selects_row_and_second_click_edits(form):
    async with form() as (pilot, _, pane):
        place = pane.form_layout.positions["batch_size"]
        at = (place.x + 5, place.y + 1)
        await pilot.click(pane, offset=at)
        assert pane.cursor_field == "batch_size"
        assert not pane.is_editing
        await pilot.click(pane, offset=at)
        assert pane.is_editing


async def test_equal_data_and_step_repaint_only_changed_rows(form):
    async with form(at="seed") as (pilot, _, pane):
        drawn = []
        lines = pane.query_one("TextLines")
        lines.refresh = lambda *regions, **_: drawn.append(len(regions))
        pane.form = replace(pane.form)
        await pilot.pause()
        assert drawn == []
        await pilot.press("right")
        assert drawn == [1]


async def test_long_values_shortened_in_place(form):
    path = "/home/someone/with/many/folders/lists/surnames.txt"
    config = replace(scenes.CONFIG, corpus=path, seed=4_294_967_295)
    async with form(replace(VIEW, draft=Draft(config, "tree-76k"))) as (pilot, _, _pane):
        assert "…" in row(pilot.app, "corpus")
        assert "surnames.txt" in row(pilot.app, "corpus")
        assert "4294967295" in row(pilot.app, "seed")


async def test_theme_change_applies_new_styles_at_once(form):
    async with form() as (pilot, _, pane):

        def inks() -> set[str]:
            strip = pane.query_one("TextLines").render_line(0)
            return {segment.style.color.name for segment in strip if segment.style and segment.style.color}

        dark = inks()
        pilot.app.theme = "charwave-light"
        await pilot.pause()
        assert inks().isdisjoint(dark)
