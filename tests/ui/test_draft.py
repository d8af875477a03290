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


def test_without_a_run_nothing_is_staged_and_nothing_was():
    view = drafted(n_hidden=64, lr=0.01)
    assert draft.staged(view) == frozenset()
    assert draft.was(view, "n_hidden") is None
    assert draft.was(view, "lr") is None


def test_beside_a_run_only_rebuild_fields_are_staged():
    view = drafted(replace(VIEW, running=TREE, began=TREE), n_hidden=64, lr=0.01, seed=7)
    assert draft.staged(view) == {"n_hidden", "seed"}


def test_a_live_edit_was_what_the_run_began_with_and_a_staged_one_what_it_has():
    running = replace(TREE, lr=0.01)
    view = drafted(replace(VIEW, running=running, began=TREE), lr=0.01, n_hidden=64)
    assert draft.was(view, "lr") == 0.1
    assert draft.was(view, "n_hidden") == 128
    assert draft.was(drafted(view, lr=0.1), "lr") is None


def test_what_differs_from_the_recipe_is_counted_but_for_what_no_recipe_has():
    assert draft.changed(drafted(lr=0.2, n_embd=10, seed=3, corpus="makemore")) == {"lr", "n_embd"}


def test_reverting_asks_for_the_recipe_s_value_and_only_where_it_differs():
    view = drafted(lr=0.2)
    assert draft.reverted(view, "lr") == 0.1
    assert draft.reverted(view, "n_embd") is None
    assert draft.reverted(view, draft.PRESET) == "tree-76k"
    assert draft.reverted(VIEW, draft.PRESET) is None


def test_presets_are_stepped_through_in_a_circle_and_from_an_unknown_one_to_the_first():
    assert draft.nudged(VIEW, draft.PRESET, 1) == "tree-287k"
    assert draft.nudged(replace(VIEW, draft=Draft(TREE, "tree-287k")), draft.PRESET, 1) == "mlp-3"
    assert draft.nudged(replace(VIEW, draft=Draft(TREE, "gone")), draft.PRESET, -1) == "mlp-3"
    assert not draft.nudges(replace(VIEW, presets=()), draft.PRESET)


@pytest.mark.parametrize("name", HYPERPARAMETERS)
def test_a_nudge_never_leaves_the_bounds(name: str):
    view = VIEW
    for way in (1,) * 60 + (-1,) * 120:
        value = draft.nudged(view, name, way)
        HYPERPARAMETERS[name].kind.check(name, value)
        view = drafted(view, **{name: value})


def test_a_text_out_of_bounds_is_refused_on_its_row_and_leaves_the_draft_alone():
    tried = draft.trial(VIEW, "lr", "11")
    assert tried.view is VIEW
    assert draft.problems(tried) == {"lr": Problem("lr", "lr 11 is out of bounds", "try 0 < lr ≤ 10")}


def test_a_mix_that_does_not_fit_stands_on_the_side_that_was_touched():
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
def test_every_mix_is_wrong_on_the_side_that_was_touched_if_it_has_a_part_in_it(fields, touched, marked):
    assert list(draft.problems(Trial(drafted(**fields)), touched)) == [marked]


def test_what_was_reported_from_elsewhere_counts_too():
    unreadable = Problem.of(Mistake("words.txt is not UTF-8 at byte 12", "save it as UTF-8"), "corpus")
    found = draft.problems(Trial(drafted(replace(VIEW, vocab_size=None, reported=(unreadable,)), context=6)))
    assert found["corpus"] is unreadable
    assert set(found) == {"corpus", "fuse"}


def test_the_shape_line_is_the_lecture_s_tree():
    assert shape_line(TREE, 27) == "8×24 → 4×128 → 2×128 → 128 → 27"
    assert shape_line(replace(TREE, context=3, fuse=(3,)), 27) == "3×24 → 128 → 27"
    assert shape_line(TREE, None).endswith("→ ?")


def test_the_shape_line_of_a_stack_ends_with_the_skips_that_the_head_gets():
    assert shape_line(STACK, 27) == "8×48 → 7×256 → 6×256 → 4×256 → 3×256 → 256 → 1280 → 27"


def test_the_levels_of_a_stack_are_gated_products_of_pairs_and_the_head_gets_all_skips():
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
def test_what_the_levels_see_is_said_as_far_as_there_is_room(config, width, said):
    assert seen(config, width) == said


def test_a_long_shape_line_gives_up_its_inner_levels_first():
    deep = replace(TREE, context=64, fuse=(2,) * 6, n_hidden=4096)
    line = shape_line(deep, 27, 33)
    assert len(line) <= 33
    assert line.startswith("64×24 → 32×4096 → … → 27")


FACTORS = st.lists(st.integers(1, 4), min_size=1, max_size=3)


@given(FACTORS, st.integers(1, 50), st.integers(1, 90), st.sampled_from(["batch", "none"]), st.integers(2, 80))
def test_the_levels_multiply_and_add_up(fuse, n_embd, n_hidden, norm, vocab):
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


def test_the_summary_says_what_the_draft_comes_to():
    lines = text(summary_lines(Trial(VIEW), 33))
    assert lines == "8×24 → 4×128 → 2×128 → 128 → 27\n76,579 params    2·2·2 = 8 ✓"


def test_the_summary_of_a_stack_fits_the_narrowest_form_and_says_the_sum_where_it_can():
    view = replace(VIEW, draft=Draft(STACK, "tree-76k"))
    assert text(summary_lines(Trial(view), 33)) == "8×48 → 7×256 → 6×256 → … → 27\n1,138,731 params  1+1+1+…+2 = 8 ✓"
    assert text(summary_lines(Trial(view), 36)).endswith("1,138,731 params  1+1+1+2+1+2 = 8 ✓")
    assert "1+1+1+2+1+2 = 8 ✓" in text(wide_summary_lines(Trial(view), 40))


def test_beside_a_run_the_summary_says_how_many_parameters_it_had():
    view = drafted(replace(VIEW, running=TREE, began=TREE), n_embd=10)
    assert "was 76,579" in text(summary_lines(Trial(view), 40))


def test_an_unsound_mix_shows_the_product_or_the_run_that_goes_on():
    assert "2·2·2 = 8 ✗ context 6" in text(summary_lines(Trial(drafted(context=6)), 33))
    stack = replace(VIEW, draft=Draft(replace(STACK, context=6), "tree-76k"))
    assert "1+1+1+2+1+2 = 8 ✗ context 6" in text(summary_lines(Trial(stack), 33))
    lines = text(summary_lines(Trial(drafted(replace(VIEW, running=TREE), context=6)), 33))
    assert lines == "8×24 → 4×128 → 2×128 → 128 → 27\nthe run goes on as it was"


def test_a_mix_that_is_wrong_elsewhere_leaves_the_shapes_as_they_are():
    lines = text(summary_lines(Trial(drafted(batches="names", norm="batch-bug")), 33))
    assert lines == "8×24 → 4×128 → 2×128 → 128 → 27\n2·2·2 = 8"


def test_every_effect_is_live_or_rebuild_so_every_row_has_a_badge():
    assert {spec.effect for spec in HYPERPARAMETERS.values()} == {Effect.LIVE, Effect.REBUILD}
