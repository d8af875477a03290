"""What the draft knows of itself: staged fields, the mix, shapes by arithmetic."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charwave_tui.core.config.layer_shapes import parameter_count
from charwave_tui.core.config.run_config import HYPERPARAMETERS, EditEffect, RunConfig
from charwave_tui.core.errors import UserError
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
    Draft,
    EditPreview,
    FormState,
    Problem,
    changed,
    nudged,
    nudges,
    preview_edit,
    previous_value,
    problems,
    reverted,
    staged,
)

TREE = RunConfig(n_embd=24, n_hidden=128, batch_size=32, max_steps=200_000)


STACK = replace(TREE, dilations=(1, 1, 2, 1, 2), n_embd=48, n_hidden=256, activation="gated")


VIEW = FormState(Draft(TREE, "tree-76k"), recipe=TREE, presets=("mlp-3", "tree-76k", "tree-287k"), vocab_size=27)


def drafted(view: FormState = VIEW, **fields: object) -> FormState:
    return replace(view, draft=replace(view.draft, config=replace(view.draft.config, **fields)))


def text(lines: tuple[StyledLine, ...]) -> str:
    return "\n".join("".join(piece.text for piece in line).rstrip() for line in lines)


def test_without_run_nothing_is_staged_or_previous():
    view = drafted(n_hidden=64, lr=0.01)
    assert staged(view) == frozenset()
    assert previous_value(view, "n_hidden") is None
    assert previous_value(view, "lr") is None


def test_beside_run_only_rebuild_fields_are_staged():
    view = drafted(replace(VIEW, running=TREE, began=TREE), n_hidden=64, lr=0.01, seed=7)
    assert staged(view) == {"n_hidden", "seed"}


def test_previous_value_is_initial_for_live_and_current_for_staged():
    running = replace(TREE, lr=0.01)
    view = drafted(replace(VIEW, running=running, began=TREE), lr=0.01, n_hidden=64)
    assert previous_value(view, "lr") == 0.1
    assert previous_value(view, "n_hidden") == 128
    assert previous_value(drafted(view, lr=0.1), "lr") is None


def test_changed_fields_counted_except_those_outside_presets():
    assert changed(drafted(lr=0.2, n_embd=10, seed=3, corpus="makemore")) == {"lr", "n_embd"}


def test_revert_returns_preset_value_where_it_differs():
    view = drafted(lr=0.2)
    assert reverted(view, "lr") == 0.1
    assert reverted(view, "n_embd") is None
    assert reverted(view, PRESET) == "tree-76k"
    assert reverted(VIEW, PRESET) is None


def test_presets_cycle_and_unknown_one_goes_to_first():
    assert nudged(VIEW, PRESET, 1) == "tree-287k"
    assert nudged(replace(VIEW, draft=Draft(TREE, "tree-287k")), PRESET, 1) == "mlp-3"
    assert nudged(replace(VIEW, draft=Draft(TREE, "gone")), PRESET, -1) == "mlp-3"
    assert not nudges(replace(VIEW, presets=()), PRESET)


@pytest.mark.parametrize("name", HYPERPARAMETERS)
def test_step_never_leaves_bounds(name: str):
    view = VIEW
    for way in (1,) * 60 + (-1,) * 120:
        value = nudged(view, name, way)
        HYPERPARAMETERS[name].kind.validate(name, value)
        view = drafted(view, **{name: value})


def test_text_out_of_bounds_refused_on_row_without_draft_change():
    tried = preview_edit(VIEW, "lr", "11")
    assert tried.view is VIEW
    assert problems(tried) == {"lr": Problem("lr", "lr 11 is out of bounds", "try 0 < lr ≤ 10")}


def test_linked_field_error_shown_on_edited_field():
    tried = preview_edit(VIEW, "context", "6")
    assert tried.refused is None
    assert tried.view.draft.config.context == 6
    assert list(problems(tried, ["context"])) == ["context"]
    assert list(problems(tried, ["lr"])) == ["fuse"]
    assert list(problems(EditPreview(drafted(context=6)))) == ["fuse"]
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
    assert list(problems(EditPreview(drafted(**fields)), touched)) == [marked]


def test_engine_reported_error_counts_too():
    unreadable = Problem.of(UserError("words.txt is not UTF-8 at byte 12", "save it as UTF-8"), "corpus")
    found = problems(EditPreview(drafted(replace(VIEW, vocab_size=None, reported=(unreadable,)), context=6)))
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
    view = drafted(replace(VIEW, running=TREE, began=TREE), n_embd=10)
    assert "was 76,579" in text(summary_lines(EditPreview(view), 40))


def test_invalid_linked_fields_show_product_or_continuing_run():
    assert "2·2·2 = 8 ✗ context 6" in text(summary_lines(EditPreview(drafted(context=6)), 33))
    stack = replace(VIEW, draft=Draft(replace(STACK, context=6), "tree-76k"))
    assert "1+1+1+2+1+2 = 8 ✗ context 6" in text(summary_lines(EditPreview(stack), 33))
    lines = text(summary_lines(EditPreview(drafted(replace(VIEW, running=TREE), context=6)), 33))
    assert lines == "8×24 → 4×128 → 2×128 → 128 → 27\nthe run goes on as it was"


def test_unrelated_linked_field_error_keeps_shapes():
    lines = text(summary_lines(EditPreview(drafted(batches="names", norm="batch-bug")), 33))
    assert lines == "8×24 → 4×128 → 2×128 → 128 → 27\n2·2·2 = 8"


def test_every_field_is_live_or_rebuild_with_badge():
    assert {spec.effect for spec in HYPERPARAMETERS.values()} == {EditEffect.LIVE, EditEffect.REBUILD}
