"""What names are drawn with: read from text, bounded, written back and nudged."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charwave_tui.core.config.sampling_config import (
    ALL_NAMES,
    MAX_NAME_LENGTH,
    MAX_NAMES,
    MAX_TEMPERATURE,
    MAX_TOP_K,
    MIN_TEMPERATURE,
    MIN_TOP_P,
    ONLY_NEW,
    SAMPLING_FIELDS,
    SamplingConfig,
)
from charwave_tui.core.errors import UserError

samplings = st.builds(
    SamplingConfig,
    temperature=st.floats(MIN_TEMPERATURE, MAX_TEMPERATURE),
    prefix=st.text("abcжé'- ", max_size=MAX_NAME_LENGTH),
    count=st.integers(1, MAX_NAMES),
    seed=st.integers(0, 2**32 - 1),
    top_k=st.integers(0, MAX_TOP_K),
    top_p=st.floats(MIN_TOP_P, 1),
    suffix=st.text("abcжé'- ", max_size=8),
    pattern=st.text("abж?*", max_size=8),
    shortest=st.just(0),
    longest=st.integers(40, MAX_NAME_LENGTH),
    only_new=st.sampled_from([ALL_NAMES, ONLY_NEW]),
)


def test_default_sampling_is_valid_and_every_setting_has_kind() -> None:
    assert SamplingConfig().validated() == SamplingConfig()
    assert list(SAMPLING_FIELDS) == list(SamplingConfig.__dataclass_fields__)


@given(samplings, st.sampled_from(list(SAMPLING_FIELDS)))
def test_formatted_setting_parses_back(sampling: SamplingConfig, name: str) -> None:
    assert SamplingConfig().with_setting(name, sampling.formatted(name)) == replace(
        SamplingConfig(), **{name: getattr(sampling, name)}
    )


@given(samplings, st.sampled_from(list(SAMPLING_FIELDS)), st.sampled_from([1, -1]))
def test_step_of_setting_stays_in_bounds(sampling: SamplingConfig, name: str, direction: int) -> None:
    nudged = sampling.stepped(name, direction)
    SAMPLING_FIELDS[name].validate(name, getattr(nudged, name))


def test_step_sizes_of_temperature_seed_and_count() -> None:
    usual = SamplingConfig()
    assert usual.stepped("temperature", +1).temperature == 1.1
    assert usual.stepped("temperature", -1).temperature == 0.9
    assert usual.stepped("seed", +1).seed == 43
    assert usual.stepped("count", +1).count == 40
    assert usual.stepped("prefix", +1) == usual
    assert usual.stepped("top_k", +1).top_k == 1
    assert usual.stepped("top_p", -1).top_p == 0.95
    assert usual.stepped("longest", -1) == usual
    assert replace(usual, longest=64).stepped("longest", -1).longest == 63
    assert usual.stepped("only_new", +1).only_new == ONLY_NEW


def test_only_limiting_settings_restrict_choice() -> None:
    usual = SamplingConfig()
    free = {"temperature": 0.5, "prefix": "ma", "count": 3, "seed": 1, "only_new": ONLY_NEW}
    assert replace(usual, **free).unconstrained
    bound = {"top_k": 3, "top_p": 0.5, "suffix": "a", "pattern": "m*", "shortest": 1, "longest": 9}
    assert not any(replace(usual, **{name: value}).unconstrained for name, value in bound.items())
    assert {*free, *bound} == {*SAMPLING_FIELDS}


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("temperature", "0.04", "temperature 0.04 is out of bounds; try 0.05 to 5"),
        ("temperature", "5.01", "temperature 5.01 is out of bounds; try 0.05 to 5"),
        ("temperature", "0,7", "temperature 0,7 is not a number; write 0.7"),
        ("temperature", "warm", "temperature warm is not a number; try 0.05 to 5"),
        ("count", "0", "count 0 is out of bounds; try 1 to 1,000"),
        ("count", "1,001", "count 1,001 is out of bounds; try 1 to 1,000"),
        ("seed", "-1", "seed -1 is out of bounds; try 0 to 4,294,967,295"),
        ("prefix", "a" * 1001, "a prefix of 1,001 characters is too long; try at most 1,000 characters"),
        ("top_k", "-1", "top_k -1 is out of bounds; try 0 to 100,000"),
        ("top_p", "0", "top_p 0 is out of bounds; try 0.01 ≤ top_p ≤ 1"),
        ("longest", "1001", "longest 1,001 is out of bounds; try 0 to 1,000"),
        ("only_new", "maybe", "only_new maybe is unknown; try one of no, yes"),
        ("pattern", "a" * 1001, "a pattern of 1,001 characters is too long; try at most 1,000 characters"),
        ("prefix", "a\tb", "prefix holds a control character; type letters"),
        ("prefix", "a\u202eb", "prefix holds a control character; type letters"),
        ("prefix", "a\udce9", "prefix holds a control character; type letters"),
    ],
)
def test_invalid_setting_refused_with_name_and_hint(name: str, text: str, problem: str) -> None:
    with pytest.raises(UserError) as caught:
        SamplingConfig().with_setting(name, text)
    assert (str(caught.value), caught.value.field) == (problem, name)


@pytest.mark.parametrize(
    ("settings", "longest_word", "limit"),
    [
        ({}, 15, 64),
        ({}, 99, 99),
        ({"prefix": "a" * 80, "suffix": "b" * 30}, 15, 110),
        ({"shortest": 120}, 99, 120),
        ({"longest": 7}, 99, 7),
        ({"longest": 1000}, 15, 1000),
    ],
)
def test_limit_is_the_longest_word_unless_set_or_too_short_for_the_others(
    settings: dict[str, Any], longest_word: int, limit: int
) -> None:
    assert SamplingConfig(**settings).validated().limited(longest_word).longest == limit


def test_prefix_normalized_to_nfc_and_may_hold_joiners() -> None:
    assert SamplingConfig().with_setting("prefix", "e\u0301").prefix == "é"
    assert SamplingConfig().with_setting("prefix", "می\u200cرا").prefix == "می\u200cرا"


@pytest.mark.parametrize(
    "wrong", [{"temperature": math.nan}, {"count": True}, {"prefix": None}, {"seed": 1.5}, {"count": 0}]
)
def test_settings_not_parsed_from_text_are_checked_too(wrong: dict[str, object]) -> None:
    with pytest.raises(UserError, match=next(iter(wrong))):
        SamplingConfig(**wrong).validated()  # type: ignore[arg-type]
