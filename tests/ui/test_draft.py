"""What the draft knows of itself: staged fields, the mix, shapes by arithmetic."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charwave_tui.core.config import HYPERPARAMETERS, RunConfig
from charwave_tui.core.fields import Effect
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.shapes import parameter_count
from charwave_tui.ui import draft
from charwave_tui.ui.draft import Draft, FormView, Problem, Trial
from charwave_tui.ui.panes.summary import seen, shape_levels, shape_line, summary_lines, wide_summary_lines
from charwave_tui.ui.pieces import Line

TREE = RunConfig(n_embd=24, n_hidden=128, batch_size=32, max_steps=200_000)
STACK = replace(TREE, dilations=(1, 1, 2, 1, 2), n_embd=48, n_hidden=256, activation="gated")
VIEW = FormView(Draft(TREE, "tree-76k"), recipe=TREE, presets=("mlp-3", "tree-76k", "tree-287k"), vocab_size=27)


def drafted(view: FormView = VIEW, **fields: object) -> FormView:
    return replace(view, draft=replace(view.draft, config=replace(view.draft.config, **fields)))


def text(lines: tuple[Line, ...]) -> str:
    return "\n".join("".join(piece.text for piece in line).rstrip() for line in lines)


def test_without_run_nothing_is_staged_or_previous():
    view = drafted(n_hidden=64, lr=0.01)
    assert draft.staged(view) == frozenset()
    assert draft.was(view, "n_hidden") is None
    assert draft.was(view, "lr") is None


def test_beside_run_only_rebuild_fields_are_staged():
    view = drafted(replace(VIEW, running=TREE, began=TREE), n_hidden=64, lr=0.01, seed=7)
    assert draft.staged(view) == {"n_hidden", "seed"}


def test_previous_value_is_initial_for_live_and_current_for_staged():
    running = replace(TREE, lr=0.01)
    view = drafted(replace(VIEW, running=running, began=TREE), lr=0.01, n_hidden=64)
    assert draft.was(view, "lr") == 0.1
    assert draft.was(view, "n_hidden") == 128
    assert draft.was(drafted(view, lr=0.1), "lr") is None


def test_changed_fields_counted_except_those_outside_presets():
    assert draft.changed(drafted(lr=0.2, n_embd=10, seed=3, corpus="makemore")) == {"lr", "n_embd"}


def test_revert_returns_preset_value_where_it_differs():
    view = drafted(lr=0.2)
    assert draft.reverted(view, "lr") == 0.1
    assert draft.reverted(view, "n_embd") is None
    assert draft.reverted(view, draft.PRESET) == "tree-76k"
    assert draft.reverted(VIEW, draft.PRESET) is None


def test_presets_cycle_and_unknown_one_goes_to_first():
    assert draft.nudged(VIEW, draft.PRESET, 1) == "tree-287k"
    assert draft.nudged(replace(VIEW, draft=Draft(TREE, "tree-287k")), draft.PRESET, 1) == "mlp-3"
    assert draft.nudged(replace(VIEW, draft=Draft(TREE, "gone")), draft.PRESET, -1) == "mlp-3"
    assert not draft.nudges(replace(VIEW, presets=()), draft.PRESET)


@pytest.mark.parametrize("name", HYPERPARAMETERS)
def test_step_never_leaves_bounds(name: str):
    view = VIEW
    for way in (1,) * 60 + (-1,) * 120:
        value = draft.nudged(view, name, way)
        HYPERPARAMETERS[name].kind.check(name, value)
        view = drafted(view, **{name: value})


def test_text_out_of_bounds_refused_on_row_without_draft_change():
    tried = draft.trial(VIEW, "lr", "11")
    assert tried.view is VIEW
    assert draft.problems(tried) == {"lr": Problem("lr", "lr 11 is out of bounds", "try 0 < lr ≤ 10")}


def test_linked_field_error_shown_on_edited_field():
    tried = draft.trial(VIEW, "context", "6")
    assert tried.refused is None
    assert tried.view.draft.config.context == 6
    assert list(draft.problems(tried, ["context"])) == ["context"]
    assert list(draft.problems(tried, ["lr"])) == ["fuse"]
    assert list(draft.problems(Trial(drafted(context=6)))) == ["fuse"]
    assert draft.problems(draft.trial(VIEW, "fuse", "4 2")) == {}


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
    assert list(draft.problems(Trial(drafted(**fields)), touched)) == [marked]


def test_engine_reported_error_counts_too():
    unreadable = Problem.of(Mistake("words.txt is not UTF-8 at byte 12", "save it as UTF-8"), "corpus")
    found = draft.problems(Trial(drafted(replace(VIEW, vocab_size=None, reported=(unreadable,)), context=6)))
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
    assert seen(config, width) == said


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
    lines = text(summary_lines(Trial(VIEW), 33))
    assert lines == "8×24 → 4×128 → 2×128 → 128 → 27\n76,579 params    2·2·2 = 8 ✓"


def test_stack_summary_fits_narrowest_form_with_sum_if_space():
    view = replace(VIEW, draft=Draft(STACK, "tree-76k"))
    assert text(summary_lines(Trial(view), 33)) == "8×48 → 7×256 → 6×256 → … → 27\n1,138,731 params  1+1+1+…+2 = 8 ✓"
    assert text(summary_lines(Trial(view), 36)).endswith("1,138,731 params  1+1+1+2+1+2 = 8 ✓")
    assert "1+1+1+2+1+2 = 8 ✓" in text(wide_summary_lines(Trial(view), 40))


def test_summary_beside_run_has_previous_parameter_count():
    view = drafted(replace(VIEW, running=TREE, began=TREE), n_embd=10)
    assert "was 76,579" in text(summary_lines(Trial(view), 40))


def test_invalid_linked_fields_show_product_or_continuing_run():
    assert "2·2·2 = 8 ✗ context 6" in text(summary_lines(Trial(drafted(context=6)), 33))
    stack = replace(VIEW, draft=Draft(replace(STACK, context=6), "tree-76k"))
    assert "1+1+1+2+1+2 = 8 ✗ context 6" in text(summary_lines(Trial(stack), 33))
    lines = text(summary_lines(Trial(drafted(replace(VIEW, running=TREE), context=6)), 33))
    assert lines == "8×24 → 4×128 → 2×128 → 128 → 27\nthe run goes on as it was"


def test_unrelated_linked_field_error_keeps_shapes():
    lines = text(summary_lines(Trial(drafted(batches="names", norm="batch-bug")), 33))
    assert lines == "8×24 → 4×128 → 2×128 → 128 → 27\n2·2·2 = 8"


def test_every_field_is_live_or_rebuild_with_badge():
    assert {spec.effect for spec in HYPERPARAMETERS.values()} == {Effect.LIVE, Effect.REBUILD}
