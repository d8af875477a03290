"""Hyperparameters: written and read back, bounded with clear words, nudged, and judged together."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charwave_tui.core.config.choices import OptimizerKind
from charwave_tui.core.config.layer_shapes import layer_shapes
from charwave_tui.core.config.receptive_field import suggest_dilations, suggest_fuse
from charwave_tui.core.config.run_config import HYPERPARAMETERS, EditEffect, RunConfig, parse_value, unused_fields
from charwave_tui.core.config.value_types import Choice, FloatRange, IdNumber, IntRange, SteppedFloat
from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import guide_pages

REALS = [name for name, spec in HYPERPARAMETERS.items() if isinstance(spec.value_type, FloatRange)]


OUTSIDE = [
    ("context", "0"),
    ("context", "65"),
    ("context", "-1"),
    ("fuse", "0"),
    ("fuse", "2 65"),
    ("fuse", "1 1 1 1 1 1 1"),
    ("dilations", "0"),
    ("dilations", "65"),
    ("dilations", "1 1 1 1 1 1 1 1 1 1 1 1 1"),
    ("n_embd", "0"),
    ("n_embd", "1025"),
    ("n_hidden", "0"),
    ("n_hidden", "4097"),
    ("norm", "layer"),
    ("activation", "selu"),
    ("init_gain", "0"),
    ("init_gain", "100.5"),
    ("output_scale", "-0.1"),
    ("output_scale", "nan"),
    ("optimizer", "adam"),
    ("step", "slow"),
    ("lr", "0"),
    ("lr", "-0.1"),
    ("lr", "10.5"),
    ("lr", "inf"),
    ("lr", "nan"),
    ("schedule", "linear"),
    ("lr_drop", "-0.5"),
    ("lr_drop", "1.5"),
    ("warmup", "-0.1"),
    ("warmup", "1.1"),
    ("momentum", "-0.1"),
    ("momentum", "1"),
    ("weight_decay", "-0.1"),
    ("weight_decay", "11"),
    ("drop_context", "-0.1"),
    ("drop_context", "1"),
    ("drop_path", "-0.1"),
    ("drop_path", "1"),
    ("batches", "words"),
    ("targets", "guessed"),
    ("batch_size", "0"),
    ("batch_size", "65537"),
    ("max_steps", "0"),
    ("max_steps", "100000001"),
    ("eval_every", "0"),
    ("precision", "float16"),
    ("seed", "-1"),
    ("seed", "4294967296"),
    ("threads", "0"),
    ("threads", "65"),
    ("device", "tpu"),
    ("repeats", "twice"),
]


NONSENSE = [
    *(
        (name, "twelve")
        for name in ("context", "fuse", "dilations", "n_embd", "lr", "lr_drop", "max_steps", "seed", "threads")
    ),
    *((name, "1.5") for name in ("context", "fuse", "batch_size", "seed")),
    *((name, "0x10") for name in ("n_hidden", "init_gain")),
]


def test_default_config_is_valid() -> None:
    assert RunConfig().validated() == RunConfig()


def test_every_field_has_hyperparameter_with_default_in_bounds() -> None:
    for name, spec in HYPERPARAMETERS.items():
        assert spec.name == name
        spec.value_type.validate(name, getattr(RunConfig(), name))


def test_every_bounded_field_has_out_of_bounds_cases() -> None:
    assert {name for name, _ in OUTSIDE} == HYPERPARAMETERS.keys() - {"corpus"}


@pytest.mark.parametrize(("name", "text"), OUTSIDE)
def test_value_out_of_bounds_refused_with_field_and_bounds(name: str, text: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_value(name, text)
    assert caught.value.field == name
    assert caught.value.problem.startswith(f"{name} ")
    assert text in caught.value.problem.replace(",", "")
    assert HYPERPARAMETERS[name].value_type.describe_bounds(name) in caught.value.remedy


@pytest.mark.parametrize(("name", "text"), NONSENSE)
def test_non_numeric_text_refused_with_field(name: str, text: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_value(name, text)
    assert caught.value.field == name
    assert caught.value.problem.startswith(f"{name} {text} is not a ")
    way = (
        "write it as 2 2 2" if name in ("fuse", "dilations") else HYPERPARAMETERS[name].value_type.describe_bounds(name)
    )
    assert way in caught.value.remedy


@pytest.mark.parametrize("text", ["10,000", "1,234,567", " 10000 ", "10_000"])
def test_commas_group_thousands(text: str) -> None:
    assert parse_value("max_steps", text) == int(text.replace(",", "").replace("_", ""))


@pytest.mark.parametrize("text", ["1,5", "12,34", "1,0000", ",100", "0,100", "1,000,00"])
def test_other_commas_are_no_integer(text: str) -> None:
    with pytest.raises(UserError, match=f"max_steps {text} is not a whole number; try 1 to"):
        parse_value("max_steps", text)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [("0,1", "write 0.1"), (",5", "write .5"), ("0,100", "write 0.100"), ("1,000,00", "try 0 < lr"), ("a,1", "try 0")],
)
def test_decimal_comma_refused_with_hint_of_point(text: str, remedy: str) -> None:
    with pytest.raises(UserError, match=f"lr {text} is not a number; {remedy}"):
        parse_value("lr", text)


@pytest.mark.parametrize("name", sorted(HYPERPARAMETERS.keys() - {"dilations"}))
@pytest.mark.parametrize("text", ["", "   "])
def test_empty_value_refused_with_field(name: str, text: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_value(name, text)
    assert caught.value.field == name
    assert caught.value.problem.startswith(name)


def test_non_utf8_corpus_name_refused() -> None:
    with pytest.raises(UserError, match="not UTF-8"):
        parse_value("corpus", "/tmp/caf\udce9.txt")


@pytest.mark.parametrize("text", ["a\0b", "a\nb", "a\rb", "\x1b[31mred"])
def test_corpus_with_control_character_refused(text: str) -> None:
    with pytest.raises(UserError, match="corpus"):
        parse_value("corpus", text)


@given(st.from_type(RunConfig))
def test_formatted_value_parses_back(config: RunConfig) -> None:
    for name, spec in HYPERPARAMETERS.items():
        if not isinstance(spec.value_type, FloatRange):
            assert parse_value(name, spec.value_type.format(getattr(config, name))) == getattr(config, name)


@pytest.mark.parametrize("name", REALS)
@given(st.integers(1, 999_999), st.integers(-12, 1))
def test_six_digit_number_parses_back(name: str, digits: int, exponent: int) -> None:
    kind = HYPERPARAMETERS[name].value_type
    assert isinstance(kind, FloatRange)
    value = float(f"{digits}e{exponent}")
    if kind.low < value <= kind.high:
        assert parse_value(name, kind.format(value)) == value


@pytest.mark.parametrize("name", REALS)
@given(st.data())
def test_any_number_in_bounds_parses_back(name: str, data: st.DataObject) -> None:
    kind = HYPERPARAMETERS[name].value_type
    assert isinstance(kind, FloatRange)
    value = data.draw(st.floats(kind.low, kind.high, exclude_min=not kind.closed))
    assert parse_value(name, kind.format(value)) == value


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("max_steps", "200,000", 200_000),
        ("max_steps", " 200_000 ", 200_000),
        ("fuse", "4,2", (4, 2)),
        ("fuse", "2·2·2", (2, 2, 2)),
        ("fuse", "2×4", (2, 4)),
        ("fuse", " 3 ", (3,)),
        ("dilations", "1,1,2,1,2", (1, 1, 2, 1, 2)),
        ("dilations", "none", ()),
        ("dilations", " ", ()),
        ("lr", "1e-3", 0.001),
        ("norm", " Batch ", "batch"),
        ("corpus", " my words.txt ", "my words.txt"),
        ("seed", "0", 0),
    ],
)
def test_values_parsed_as_people_write_them(name: str, text: str, value: object) -> None:
    assert parse_value(name, text) == value


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("max_steps", 200_000, "200,000"),
        ("seed", 123_456, "123456"),
        ("fuse", (2, 2, 2), "2 2 2"),
        ("dilations", (), "none"),
        ("lr", 0.1, "0.1"),
        ("lr", 1.0, "1.0"),
        ("lr", 10.0, "10"),
        ("output_scale", 0.0, "0.0"),
    ],
)
def test_values_formatted_as_people_write_them(name: str, value: Any, text: str) -> None:
    assert HYPERPARAMETERS[name].value_type.format(value) == text


@given(st.from_type(RunConfig), st.sampled_from([1, -1]))
def test_stepped_value_stays_in_bounds(config: RunConfig, direction: int) -> None:
    for name, spec in HYPERPARAMETERS.items():
        spec.value_type.validate(name, spec.value_type.step_by(getattr(config, name), direction))


@pytest.mark.parametrize(
    "name", [n for n, s in HYPERPARAMETERS.items() if isinstance(s.value_type, IntRange | SteppedFloat)]
)
def test_repeated_steps_reach_both_bounds(name: str) -> None:
    kind = HYPERPARAMETERS[name].value_type
    assert isinstance(kind, IntRange | SteppedFloat)
    # From the middle of a range too long to be walked by ones, start near the ends.
    starts = (kind.low + 3, kind.high - 3) if isinstance(kind, IdNumber) else (getattr(RunConfig(), name),) * 2
    for start, direction, end in ((starts[0], -1, kind.low), (starts[1], 1, kind.high)):
        value: Any = start
        for _ in range(60):
            value = kind.step_by(value, direction)
        assert value == end


@pytest.mark.parametrize(
    ("name", "value", "direction", "wanted"),
    [
        ("lr", 0.1, 1, 0.2),
        ("lr", 0.1, -1, 0.05),
        ("lr", 0.3, 1, 0.5),
        ("lr", 10.0, 1, 10.0),
        ("n_hidden", 64, 1, 128),
        ("n_hidden", 68, -1, 34),
        ("seed", 42, 1, 43),
        ("lr_drop", 0.75, 1, 0.8),
        ("norm", "batch", 1, "batch-bug"),
        ("norm", "batch", -1, "none"),
    ],
)
def test_step_goes_to_next_sensible_value(name: str, value: Any, direction: int, wanted: object) -> None:
    assert HYPERPARAMETERS[name].value_type.step_by(value, direction) == wanted


def test_fuse_not_matching_context_refused_with_fixes() -> None:
    with pytest.raises(UserError) as caught:
        RunConfig(context=6).validated()
    assert str(caught.value) == "context 6 is not 2×2×2 = 8; set context to 8 or fuse to 2 3 or 3 2 or 6"
    assert caught.value.field == "fuse"


def test_fuse_beyond_any_context_offers_no_product() -> None:
    with pytest.raises(UserError) as caught:
        RunConfig(context=8, fuse=(64, 64)).validated()
    assert caught.value.remedy == "set fuse to 2 2 2 or 8"


def test_dilations_not_covering_context_refused_with_fixes() -> None:
    with pytest.raises(UserError) as caught:
        RunConfig(context=9, dilations=(1, 1, 2, 1, 2)).validated()
    assert str(caught.value) == "context 9 is not 1+1+1+2+1+2 = 8; set context to 8 or dilations to 1 1 2 1 2 1"
    assert caught.value.field == "dilations"


@pytest.mark.parametrize("context", range(1, 65))
def test_suggested_dilations_are_valid(context: int) -> None:
    way = suggest_dilations(context)
    try:
        taken = RunConfig(context=context, fuse=(context,)).with_settings({"dilations": way}).validated()
    except UserError:
        assert way == "none"
    else:
        assert taken.receptive_field == context


@pytest.mark.parametrize(
    ("change", "field", "told"),
    [
        ({"batches": "names", "norm": "batch-bug"}, "batches", "set norm to batch, or batches to windows"),
        ({"precision": "bfloat16", "step": "plain"}, "precision", "set step to fast, or precision to float32"),
    ],
)
def test_mutually_exclusive_fields_refused_with_both_fixes(change: Mapping[str, str], field: str, told: str) -> None:
    with pytest.raises(UserError) as caught:
        RunConfig().with_values(change).validated()
    assert (caught.value.field, caught.value.remedy) == (field, told)


def test_unchecked_value_out_of_bounds_found_before_linked_fields() -> None:
    with pytest.raises(UserError, match="n_embd 0 is out of bounds"):
        RunConfig(n_embd=0, context=7).validated()


@given(st.from_type(RunConfig))
def test_valid_configs_pass_check(config: RunConfig) -> None:
    assert config.validated() is config


@pytest.mark.parametrize("context", range(1, 65))
def test_every_context_has_suggested_fuse(context: int) -> None:
    ways = suggest_fuse(context)
    assert 1 <= len(ways) <= 3
    assert len(set(ways)) == len(ways)
    for way in ways:
        fuse = parse_value("fuse", way)
        assert isinstance(fuse, tuple)
        assert math.prod(fuse) == context
        assert RunConfig(context=context, fuse=fuse).validated()


def test_suggested_fuses_deepest_first() -> None:
    assert suggest_fuse(6) == ["2 3", "3 2", "6"]
    assert suggest_fuse(8) == ["2 2 2", "8"]
    assert suggest_fuse(7) == ["7"]
    assert suggest_fuse(1) == ["1"]


@given(st.from_type(RunConfig))
def test_config_round_trips_through_record(config: RunConfig) -> None:
    assert RunConfig.from_dict(config.to_dict()) == config


@given(st.from_type(RunConfig))
def test_config_round_trips_through_json_record(config: RunConfig) -> None:
    assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"n_embed": 3}, "n_embed is no hyperparameter"),
        ({"n_embd": "ten"}, "n_embd"),
        ({"n_embd": None}, "n_embd"),
        ({"n_embd": -1}, "n_embd -1 is out of bounds"),
        ({"lr": "0.1"}, "lr"),
        ({"optimizer": "lion"}, "optimizer"),
        ({"fuse": 8}, "fuse"),
        ({"fuse": [2, "2", 2]}, "fuse"),
        ({"context": 9}, "context 9 is not 2×2×2 = 8"),
    ],
)
def test_damaged_record_refused_with_field(change: Mapping[str, object], told: str) -> None:
    with pytest.raises(UserError, match=told):
        RunConfig.from_dict(RunConfig().to_dict() | change)


def test_settings_applied_to_a_copy() -> None:
    config = RunConfig()
    changed = config.with_settings({"lr": "0.2", "fuse": "4,2"})
    assert (changed.lr, changed.fuse) == (0.2, (4, 2))
    assert config == RunConfig()
    assert config.changed_fields(changed) == {"lr", "fuse"}
    assert config.changed_fields(config) == frozenset()


def test_chosen_values_parsed_and_read_as_enum_members() -> None:
    for config in (RunConfig().with_settings({"optimizer": " Muon"}), RunConfig.from_dict({"optimizer": "muon"})):
        assert config.optimizer is OptimizerKind.MUON
        assert HYPERPARAMETERS["optimizer"].value_type.format(config.optimizer) == "muon"


def test_unknown_hyperparameter_refused_with_known_ones() -> None:
    with pytest.raises(UserError) as caught:
        RunConfig().with_settings({"learning_rate": "0.2"})
    assert "learning_rate" in caught.value.problem
    for name in HYPERPARAMETERS:
        assert name in caught.value.remedy


@pytest.mark.parametrize("name", list(HYPERPARAMETERS))
def test_field_texts_fit_their_width(name: str) -> None:
    spec = HYPERPARAMETERS[name]
    assert 0 < len(spec.help) <= 33
    assert len(f"{name}  {spec.label}") <= 33
    assert spec.about.endswith(".")
    assert spec.value_type.describe_bounds(name)


TREE = RunConfig()


STACK = RunConfig(dilations=(1, 1, 2, 1, 2), activation="gated", batches="names")


COSINE, ONE_CYCLE = replace(TREE, schedule="cosine"), replace(TREE, schedule="one-cycle")


@pytest.mark.parametrize(
    ("name", "unused_in", "cause", "used_in"),
    [
        ("fuse", STACK, "dilations", TREE),
        ("drop_path", TREE, "fuse", STACK),
        ("targets", TREE, "windows", STACK),
        ("lr_drop", COSINE, "cosine", TREE),
        ("lr_drop", ONE_CYCLE, "one-cycle", TREE),
        ("warmup", TREE, "step", COSINE),
        ("warmup", STACK, "step", ONE_CYCLE),
        ("momentum", replace(TREE, optimizer="muon"), "muon", TREE),
        ("momentum", replace(TREE, optimizer="adamw"), "adamw", TREE),
        ("precision", replace(TREE, step="plain"), "plain", TREE),
    ],
)
def test_unused_field_named_with_cause(name: str, unused_in: RunConfig, cause: str, used_in: RunConfig) -> None:
    assert unused_fields(unused_in)[name] == f"not with {cause}"
    assert name not in unused_fields(used_in)


def test_forbidden_value_is_user_error_not_unused() -> None:
    assert "precision" not in unused_fields(RunConfig(step="plain", precision="bfloat16"))


def test_unused_fuse_affects_neither_check_nor_model() -> None:
    other = replace(STACK, fuse=(5, 5))
    assert layer_shapes(other.validated(), 27) == layer_shapes(STACK.validated(), 27)


@given(st.from_type(RunConfig))
def test_unused_field_stays_unused_for_any_value(config: RunConfig) -> None:
    for name, why in unused_fields(config).items():
        kind = HYPERPARAMETERS[name].value_type
        nudged = config.with_values({name: kind.step_by(getattr(config, name), 1)})
        assert name == "precision" or unused_fields(nudged)[name] == why


def test_guide_lists_every_hyperparameter_with_default_mark_and_choices() -> None:
    page = guide_pages()["training"].read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)`( •)? \| (.+?) \| (.*) \|$", page, re.MULTILINE)
    assert {name: (bool(mark), default) for name, mark, default, _ in rows} == {
        name: (spec.effect is EditEffect.LIVE, spec.value_type.format(getattr(RunConfig(), name)))
        for name, spec in HYPERPARAMETERS.items()
    }
    for name, _, _, meaning in rows:
        value_type = HYPERPARAMETERS[name].value_type
        options = value_type.options if isinstance(value_type, Choice) else ()
        assert [option for option in options if f"`{option}`" not in meaning] == [], name
