"""What the draft knows of itself: staged fields, the mix, shapes by arithmetic."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import lab_states as scenes
from support.fake_engine import SimulatedEngine, run_opened
from support.pilot import NARROW, lab_screen, notification_texts, run_playground, screen_text

from charwave_tui.core.config.layer_shapes import parameter_count
from charwave_tui.core.config.presets import default_preset, get_preset, presets
from charwave_tui.core.config.run_config import HYPERPARAMETERS, EditEffect, RunConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import StartRun
from charwave_tui.core.protocol.events import (
    CommandRefused,
    EngineFailed,
    EngineReady,
    LayersProbed,
    NamesSampled,
    Progress,
    RunChanged,
    RunEdited,
    RunSaved,
)
from charwave_tui.ui.drawing.styled_text import StyledLine
from charwave_tui.ui.lab.form_summary import (
    receptive_field_text,
    shape_levels,
    shape_line,
    summary_lines,
    wide_summary_lines,
)
from charwave_tui.ui.state.form_state import (
    PRESET,
    WHAT_IFS,
    Draft,
    EditPreview,
    FormState,
    Problem,
    alongside_run,
    apply_what_if,
    can_step,
    changed_fields,
    describe_changes,
    initial_form,
    live_edit,
    parse_choice,
    preset_value,
    preview_edit,
    previous_value,
    problems,
    reduce_form,
    staged_fields,
    stepped_value,
    with_corpus,
    with_field,
    with_preset,
    with_run_config,
)

TREE = RunConfig(n_embd=24, n_hidden=128, batch_size=32, max_steps=200_000)


STACK = replace(TREE, dilations=(1, 1, 2, 1, 2), n_embd=48, n_hidden=256, activation="gated")


VIEW = FormState(Draft(TREE, "tree-76k"), preset_config=TREE, presets=("mlp-3", "tree-76k", "tree-287k"), vocab_size=27)


def form_with(view: FormState = VIEW, **fields: object) -> FormState:
    return replace(view, draft=replace(view.draft, config=replace(view.draft.config, **fields)))


def text(lines: tuple[StyledLine, ...]) -> str:
    return "\n".join("".join(piece.text for piece in line).rstrip() for line in lines)


def test_without_run_nothing_is_staged_or_previous():
    view = form_with(n_hidden=64, lr=0.01)
    assert staged_fields(view) == frozenset()
    assert previous_value(view, "n_hidden") is None
    assert previous_value(view, "lr") is None


def test_beside_run_only_rebuild_fields_are_staged():
    view = form_with(replace(VIEW, run_config=TREE, initial_run_config=TREE), n_hidden=64, lr=0.01, seed=7)
    assert staged_fields(view) == {"n_hidden", "seed"}


def test_previous_value_is_initial_for_live_and_current_for_staged():
    running = replace(TREE, lr=0.01)
    view = form_with(replace(VIEW, run_config=running, initial_run_config=TREE), lr=0.01, n_hidden=64)
    assert previous_value(view, "lr") == 0.1
    assert previous_value(view, "n_hidden") == 128
    assert previous_value(form_with(view, lr=0.1), "lr") is None


def test_changed_fields_counted_except_those_outside_presets():
    assert changed_fields(form_with(lr=0.2, repeats="once", seed=3, corpus="makemore")) == {"lr", "repeats"}


def test_revert_returns_preset_value_where_it_differs():
    view = form_with(lr=0.2)
    assert preset_value(view, "lr") == 0.1
    assert preset_value(view, "n_embd") is None
    assert preset_value(view, PRESET) == "tree-76k"
    assert preset_value(VIEW, PRESET) is None


def test_presets_cycle_and_unknown_one_goes_to_first():
    assert stepped_value(VIEW, PRESET, 1) == "tree-287k"
    assert stepped_value(replace(VIEW, draft=Draft(TREE, "tree-287k")), PRESET, 1) == "mlp-3"
    assert stepped_value(replace(VIEW, draft=Draft(TREE, "gone")), PRESET, -1) == "mlp-3"
    assert not can_step(replace(VIEW, presets=()), PRESET)


@pytest.mark.parametrize("name", HYPERPARAMETERS)
def test_step_never_leaves_bounds(name: str):
    view = VIEW
    for way in (1,) * 60 + (-1,) * 120:
        value = stepped_value(view, name, way)
        HYPERPARAMETERS[name].value_type.validate(name, value)
        view = form_with(view, **{name: value})


def test_text_out_of_bounds_refused_on_row_without_draft_change():
    tried = preview_edit(VIEW, "lr", "11")
    assert tried.form is VIEW
    assert problems(tried) == {"lr": Problem("lr", "lr 11 is out of bounds", "try 0 < lr ≤ 10")}


def test_linked_field_error_shown_on_edited_field():
    tried = preview_edit(VIEW, "context", "6")
    assert tried.refused is None
    assert tried.form.draft.config.context == 6
    assert list(problems(tried, ["context"])) == ["context"]
    assert list(problems(tried, ["lr"])) == ["fuse"]
    assert list(problems(EditPreview(form_with(context=6)))) == ["fuse"]
    assert problems(preview_edit(VIEW, "fuse", "4 2")) == {}


@pytest.mark.parametrize(
    ("fields", "touched", "marked"),
    [
        ({"context": 9, "dilations": (1, 2, 4)}, [], "dilations"),
        ({"context": 9, "dilations": (1, 2, 4)}, ["context"], "context"),
        ({"context": 9, "dilations": (1, 2, 4)}, ["fuse"], "dilations"),
        ({"context": 9}, ["dilations"], "dilations"),
        ({"batches": "names", "norm": "batch-bug"}, ["norm"], "norm"),
        ({"batches": "names", "norm": "batch-bug"}, ["context"], "batches"),
        ({"precision": "bfloat16", "step": "plain"}, ["step"], "step"),
        ({"precision": "bfloat16", "step": "plain"}, [], "precision"),
    ],
)
def test_every_linked_field_error_shown_on_edited_side(fields, touched, marked):
    assert list(problems(EditPreview(form_with(**fields)), touched)) == [marked]


def test_engine_reported_error_counts_too():
    unreadable = Problem.of(UserError("words.txt is not UTF-8 at byte 12", "save it as UTF-8"), "corpus")
    found = problems(EditPreview(form_with(replace(VIEW, vocab_size=None, reported_problems=(unreadable,)), context=6)))
    assert found["corpus"] is unreadable
    assert set(found) == {"corpus", "fuse"}


def test_shape_line_is_lecture_tree():
    assert shape_line(TREE, 27) == "8×24 → 4×128 → 2×128 → 128 → 27"
    assert shape_line(replace(TREE, context=3, fuse=(3,)), 27) == "3×24 → 128 → 27"
    assert shape_line(TREE, None).endswith("→ ?")


def test_shape_line_of_dilated_stack_ends_with_skips_of_head():
    assert shape_line(STACK, 27) == "8×48 → 7×256 → 6×256 → 4×256 → 3×256 → 256 → 1280 → 27"


def test_stack_levels_are_gated_pairs_and_head_gets_all_skips():
    products = [product for product, _ in shape_levels(STACK, 27)]
    assert products[:3] == ["[B,8] → [B,8,48]", "[B,7,96] @ [96,512]", "[B,6,512] @ [512,512]"]
    assert products[-1] == "[B,1280] @ [1280,27]"
    assert sum(count for _, count in shape_levels(STACK, 27)) == 1_138_731


@pytest.mark.parametrize(
    ("config", "width", "said"),
    [
        (TREE, 9, "2·2·2 = 8"),
        (TREE, 8, ""),
        (replace(TREE, fuse=(8,)), 9, "8 = 8"),
        (STACK, 15, "1+1+1+2+1+2 = 8"),
        (STACK, 14, "1+1+1+…+2 = 8"),
        (STACK, 12, "1+1+…+2 = 8"),
        (STACK, 8, ""),
    ],
)
def test_receptive_field_shown_as_width_allows(config, width, said):
    assert receptive_field_text(config, width) == said


def test_long_shape_line_drops_inner_levels_first():
    deep = replace(TREE, context=64, fuse=(2,) * 6, n_hidden=4096)
    line = shape_line(deep, 27, 33)
    assert len(line) <= 33
    assert line.startswith("64×24 → 32×4096 → … → 27")


FACTORS = st.lists(st.integers(1, 4), min_size=1, max_size=3)


@given(FACTORS, st.integers(1, 50), st.integers(1, 90), st.sampled_from(["batch", "none"]), st.integers(2, 80))
def test_level_shapes_multiply_and_parameters_add_up(fuse, n_embd, n_hidden, norm, vocab):
    context = 1
    for part in fuse:
        context *= part
    config = RunConfig(context=context, fuse=tuple(fuse), n_embd=n_embd, n_hidden=n_hidden, norm=norm)
    levels = shape_levels(config, vocab)
    assert len(levels) == len(fuse) + 2
    assert sum(count for _, count in levels) == parameter_count(config, vocab)
    for product, _ in levels[1:]:
        left, right = re.findall(r"\[([^\]]*)\]", product)
        assert left.split(",")[-1] == right.split(",")[0]


def test_summary_shows_parameters_of_draft():
    lines = text(summary_lines(EditPreview(VIEW), 33))
    assert lines == "8×24 → 4×128 → 2×128 → 128 → 27\n76,579 params    2·2·2 = 8 ✓"


def test_stack_summary_fits_narrowest_form_with_sum_if_space():
    view = replace(VIEW, draft=Draft(STACK, "tree-76k"))
    assert (
        text(summary_lines(EditPreview(view), 33)) == "8×48 → 7×256 → 6×256 → … → 27\n1,138,731 params  1+1+1+…+2 = 8 ✓"
    )
    assert text(summary_lines(EditPreview(view), 36)).endswith("1,138,731 params  1+1+1+2+1+2 = 8 ✓")
    assert "1+1+1+2+1+2 = 8 ✓" in text(wide_summary_lines(EditPreview(view), 40))


def test_summary_beside_run_has_previous_parameter_count():
    view = form_with(replace(VIEW, run_config=TREE, initial_run_config=TREE), n_embd=10)
    assert "was 76,579" in text(summary_lines(EditPreview(view), 40))


def test_invalid_linked_fields_show_product_or_continuing_run():
    assert "2·2·2 = 8 ✗ context 6" in text(summary_lines(EditPreview(form_with(context=6)), 33))
    stack = replace(VIEW, draft=Draft(replace(STACK, context=6), "tree-76k"))
    assert "1+1+1+2+1+2 = 8 ✗ context 6" in text(summary_lines(EditPreview(stack), 33))
    lines = text(summary_lines(EditPreview(form_with(replace(VIEW, run_config=TREE), context=6)), 33))
    assert lines == "8×24 → 4×128 → 2×128 → 128 → 27\nthe run is not affected"


def test_unrelated_linked_field_error_keeps_shapes():
    lines = text(summary_lines(EditPreview(form_with(batches="names", norm="batch-bug")), 33))
    assert lines == "8×24 → 4×128 → 2×128 → 128 → 27\n2·2·2 = 8"


def test_every_field_is_live_or_rebuild_with_badge():
    assert {spec.effect for spec in HYPERPARAMETERS.values()} == {EditEffect.LIVE, EditEffect.REBUILD}


CONFIG = replace(get_preset("tree-76k").config, corpus="makemore", seed=7)


FORM = replace(initial_form(CONFIG, "tree-76k"), vocab_size=27)


RUNNING = replace(FORM, run_config=CONFIG, initial_run_config=CONFIG)


UNREADABLE = Problem("corpus", "words.txt is not UTF-8", "save it as UTF-8")


def test_form_opens_with_preset_and_user_corpus_and_seed():
    assert FORM.draft == Draft(CONFIG, "tree-76k")
    assert FORM.presets == tuple(presets())
    assert changed_fields(FORM) == frozenset()
    assert FORM.preset_config.corpus == "makemore"


def test_edit_changes_only_its_field():
    form = with_field(FORM, "n_hidden", 64)
    assert form.draft == Draft(replace(CONFIG, n_hidden=64), "tree-76k")
    assert changed_fields(form) == {"n_hidden"}
    assert form.vocab_size == 27


def test_edit_clears_engine_refusal_and_new_corpus_clears_corpus_error():
    refused = Problem("device", "there is no cuda here", "try auto")
    form = replace(FORM, reported_problems=(UNREADABLE, refused))
    assert with_field(form, "lr", 0.2).reported_problems == (UNREADABLE,)
    assert with_field(form, "corpus", "names").reported_problems == ()


def test_other_corpus_vocabulary_is_unknown():
    form = with_field(FORM, "corpus", "names")
    assert form.vocab_size is None
    assert form.preset_config.corpus == "names"
    assert changed_fields(form) == frozenset()


@pytest.mark.parametrize("name", list(presets()))
def test_preset_sets_all_but_corpus_seed_and_device(name):
    form = with_preset(with_field(FORM, "lr", 5.0), name)
    assert form.draft.preset == name
    for field in HYPERPARAMETERS:
        source = CONFIG if field in ("corpus", "seed", "device") else presets()[name].config
        assert getattr(form.draft.config, field) == getattr(source, field), field
    assert changed_fields(form) == frozenset()


def test_input_parsed_like_field():
    assert parse_choice("norm", "none") == "none"
    assert parse_choice("threads", "2") == 2


def test_typed_path_made_absolute_and_name_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").touch()
    assert parse_choice("corpus", "words.txt") == str(tmp_path / "words.txt")
    assert parse_choice("corpus", "names") == "names"


def test_invalid_input_is_user_error_naming_field():
    with pytest.raises(UserError, match="control character") as caught:
        parse_choice("corpus", "/tmp/bad\x07name.txt")
    assert caught.value.field == "corpus"


def test_loaded_corpus_gives_vocabulary_and_clears_only_its_error():
    other_process = Problem("device", "there is no cuda here", "try auto")
    form = replace(FORM, vocab_size=None, reported_problems=(other_process, UNREADABLE))
    assert with_corpus(form, 45, None) == replace(form, vocab_size=45, reported_problems=(other_process,))
    repeated = with_corpus(form, 45, None, "3 words, 2 distinct; none of val in train")
    assert repeated.repeats_text.startswith("3 words")
    assert with_field(repeated, "lr", 0.2).repeats_text == repeated.repeats_text
    assert with_field(repeated, "corpus", "imena").repeats_text == ""
    unread = with_corpus(FORM, None, UNREADABLE)
    assert (unread.vocab_size, unread.reported_problems) == (None, (UNREADABLE,))
    assert with_corpus(unread, None, UNREADABLE).reported_problems == (UNREADABLE,)


def test_ready_engine_reports_device_of_auto():
    assert reduce_form(FORM, EngineReady("2.13", "cuda")).accelerator == "cuda"


def test_built_model_without_run_is_not_awaited():
    form = reduce_form(RUNNING, run_opened(scenes.UNTRAINED.run))
    assert (form.run_config, form.initial_run_config) == (None, None)


@pytest.mark.parametrize("state", RunState)
def test_numbered_run_counts_in_any_state(state):
    form = reduce_form(FORM, run_opened(replace(scenes.TRAINING.run, config=CONFIG, state=state)))
    assert (form.run_config, form.initial_run_config) == (CONFIG, CONFIG)
    assert form.draft == FORM.draft


def test_applied_live_edit_shows_in_draft_with_previous_value():
    staged_draft = replace(RUNNING, draft=Draft(replace(CONFIG, n_embd=10), "tree-76k"))
    slower = replace(CONFIG, lr=0.01)
    form = reduce_form(staged_draft, RunEdited(slower))
    assert form.draft.config == replace(CONFIG, n_embd=10, lr=0.01)
    assert form.run_config == slower
    assert previous_value(form, "lr") == 0.1
    assert staged_fields(form) == {"n_embd"}


def test_late_config_event_does_not_undo_later_edits():
    form = with_field(with_field(RUNNING, "lr", 0.05), "lr", 0.01)
    form = reduce_form(form, RunEdited(replace(CONFIG, lr=0.05)))
    assert form.draft.config.lr == 0.01
    assert form.run_config.lr == 0.05


def test_extended_run_updates_draft():
    form = reduce_form(RUNNING, RunEdited(replace(CONFIG, max_steps=400_000)))
    assert form.draft.config.max_steps == 400_000


@pytest.mark.parametrize("state", RunState)
def test_paused_run_clears_previous_values_of_live_edits(state):
    form = replace(RUNNING, run_config=replace(CONFIG, lr=0.01), draft=Draft(replace(CONFIG, lr=0.01), "tree-76k"))
    rests = state in (RunState.STOPPED, RunState.FINISHED, RunState.DIVERGED)
    assert previous_value(reduce_form(form, RunChanged(state, 10)), "lr") == (None if rests else 0.1)


def test_refusal_shown_on_row_of_its_field():
    refused = reduce_form(FORM, CommandRefused("there is no cuda here", "try auto", "device"))
    assert refused.reported_problems == (Problem("device", "there is no cuda here", "try auto"),)
    assert reduce_form(FORM, CommandRefused("no", "yes")) is FORM


@pytest.mark.parametrize(
    "event",
    [
        Progress(1, 1.0, (), None),
        LayersProbed(1, ()),
        NamesSampled(1, 1, ()),
        RunSaved(1, 1),
        EngineFailed("no", "log"),
    ],
)
def test_unrelated_events_return_same_form_object(event):
    assert reduce_form(RUNNING, event) is RUNNING


NUDGED = {
    name: value
    for name, spec in HYPERPARAMETERS.items()
    if (value := spec.value_type.step_by(getattr(CONFIG, name), +1)) != getattr(CONFIG, name)
}


def test_most_fields_can_be_stepped():
    assert len(NUDGED) > 10


@pytest.mark.parametrize(("name", "value"), NUDGED.items())
def test_live_fields_sent_to_run_and_others_staged(name, value):
    effect = HYPERPARAMETERS[name].effect
    form = with_field(RUNNING, name, value)
    wanted = replace(CONFIG, **{name: value})
    assert live_edit(form, name) == (wanted if effect is EditEffect.LIVE else None)
    assert staged_fields(form) == (frozenset() if effect is EditEffect.LIVE else {name})


def test_live_edit_sent_without_staged_edits():
    form = with_preset(with_field(RUNNING, "n_embd", 10), "mlp-3")
    assert live_edit(with_field(form, "lr", 0.01), "lr") == replace(CONFIG, lr=0.01)


def test_without_run_there_is_no_live_edit():
    assert live_edit(with_field(FORM, "lr", 0.01), "lr") is None


def test_staged_live_field_survives_edit_of_other_field():
    form = replace(RUNNING, draft=Draft(replace(CONFIG, batch_size=7), "tree-76k"))
    followed = reduce_form(form, RunEdited(replace(CONFIG, lr=0.01)))
    assert (followed.draft.config.batch_size, followed.draft.config.lr) == (7, 0.01)


def test_existing_run_fills_form():
    config = replace(CONFIG, corpus="names", n_embd=10)
    form = with_run_config(replace(FORM, reported_problems=(UNREADABLE,)), config, "tree-22k")
    assert form.draft == Draft(config, "tree-22k")
    assert (form.run_config, form.initial_run_config) == (config, config)
    assert form.preset_config.corpus == "names"
    assert form.vocab_size is None


def test_run_of_unknown_preset_shown_with_default_preset():
    form = with_run_config(FORM, RunConfig(), "gone")
    assert form.draft.preset == default_preset().name


LESSONS = [name for name in presets() if name.startswith("lesson-")]


def test_every_fault_has_lesson_saying_what_to_watch():
    assert [item.lesson for item in WHAT_IFS] == LESSONS
    for item in WHAT_IFS:
        for norm in ("batch", "none"):
            assert item.look_for(replace(scenes.CONFIG, norm=norm)).endswith(".")
    gain = WHAT_IFS[0]
    assert gain.look_for(replace(scenes.CONFIG, norm="none")) == get_preset("lesson-gain").look_for
    assert gain.look_for(scenes.CONFIG).startswith("BatchNorm cancels it")


@pytest.mark.parametrize("item", WHAT_IFS[1:], ids=lambda item: item.name)
def test_lesson_uses_first_preset_with_that_fault(item):
    assert get_preset(item.lesson).config == item.apply(default_preset().config)


def test_gain_lesson_has_no_norm_that_would_correct_it():
    base = replace(default_preset().config, norm="none")
    assert get_preset("lesson-gain").config == apply_what_if("gain × 5", base)


def test_changed_fields_reported_and_no_change_reported():
    by_name = {item.name: item for item in WHAT_IFS}
    assert describe_changes(by_name["lr × 10"], scenes.CONFIG) == "lr 0.1 → 1.0"
    assert describe_changes(by_name["BatchNorm off"], scenes.CONFIG) == "norm batch → none"
    assert describe_changes(by_name["BatchNorm off"], replace(scenes.CONFIG, norm="none")) == "no change"


def test_fault_beyond_bounds_refused_with_bounds():
    with pytest.raises(UserError, match="init_gain 250 is out of bounds; try 0 < init_gain ≤ 100"):
        apply_what_if("gain × 5", replace(scenes.CONFIG, init_gain=50.0))


async def test_faults_keep_seed_do_not_accumulate_and_confirm_if_run_active():
    engine = SimulatedEngine()
    async with run_playground(engine, NARROW) as pilot:
        await pilot.press("f", "down", "down", "down", "enter")
        assert lab_screen(pilot).form.draft.config == replace(scenes.CONFIG, lr=1.0)
        before = lab_screen(pilot).form
        await pilot.press("f", "enter")
        assert "stop it and train gain × 5" in screen_text(pilot.app)
        await pilot.press("escape")
        assert lab_screen(pilot).form == before
        assert len(engine.sent_of(StartRun)) == 1
        for keys in (("enter",), ("down", "enter"), ("end", *["down"] * 4, "enter")):
            await pilot.press("f", *keys, "enter")
        begun = engine.sent_of(StartRun)
        extremes = ({"lr": 1.0}, {"init_gain": 5.0}, {"norm": "none"}, {})
        assert [command.config for command in begun] == [replace(scenes.CONFIG, **extreme) for extreme in extremes]
        assert {command.preset for command in begun} == {"tree-76k"}


async def test_fault_beyond_bounds_is_one_line_message():
    engine = SimulatedEngine()
    async with run_playground(engine, NARROW, config=replace(scenes.CONFIG, init_gain=50.0)) as pilot:
        await pilot.press("f", "enter")
        assert notification_texts(pilot) == ["init_gain 250 is out of bounds\ntry 0 < init_gain ≤ 100"]
        assert engine.sent_of(StartRun) == []


def test_live_fields_of_a_preset_wait_for_the_next_run_unless_edited_one_by_one():
    form = alongside_run(initial_form(RunConfig(), default_preset().name), RunConfig())
    filled = with_preset(form, "lesson-lr")
    different = filled.draft.config.changed_fields(RunConfig())
    assert "lr" in different
    assert staged_fields(filled) == different
    assert previous_value(filled, "lr") == RunConfig().lr
    edited = with_field(filled, "lr", 0.02)
    assert staged_fields(edited) == different - {"lr"}
    followed = reduce_form(edited, RunEdited(replace(RunConfig(), lr=0.02)))
    assert staged_fields(followed) == different - {"lr"}
