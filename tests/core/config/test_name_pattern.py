"""Patterns of names, against regular expressions and against all names there are."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charwave_tui.core.config.name_pattern import NamePattern, Wildcard, parse_pattern
from charwave_tui.core.errors import UserError

ALPHABET = "ab?"


patterns = st.text("ab?*", max_size=6).map(lambda text: text.replace("ab", r"\?"))


bounds = st.tuples(st.integers(0, 5), st.integers(1, 5)).map(sorted).filter(lambda pair: pair[1] > 0)


def matches_by_regex(pattern: str, shortest: int, longest: int) -> set[str]:
    """All names up to five characters that match, by a regular expression."""
    parts = {Wildcard.ONE: ".", Wildcard.MANY: ".*"}
    written = "".join(parts[part] if isinstance(part, Wildcard) else re.escape(part) for part in parse_pattern(pattern))
    names = ("".join(name) for length in range(shortest, longest + 1) for name in product(ALPHABET, repeat=length))
    return {name for name in names if re.fullmatch(written, name)}


@given(patterns, bounds)
def test_pattern_matches_like_regular_expression(pattern: str, between: list[int]) -> None:
    form = NamePattern(parse_pattern(pattern), *between)
    matching = matches_by_regex(pattern, *between)
    every = ("".join(name) for length in range(6) for name in product(ALPHABET, repeat=length))
    assert {name for name in every if form.matches(name)} == matching


@given(patterns, bounds)
def test_prefix_accepted_only_if_a_match_starts_with_it(pattern: str, between: list[int]) -> None:
    form = NamePattern(parse_pattern(pattern), *between)
    matching = matches_by_regex(pattern, *between)
    begun = {name[:length] for name in matching for length in range(len(name) + 1)}
    for length in range(4):
        for letters in product(ALPHABET, repeat=length):
            state = form.start
            for letter in letters:
                state = form.advance(state, letter)
            assert form.allows(state, length) == ("".join(letters) in begun)


@given(patterns)
def test_min_and_max_length_are_those_of_all_matches(pattern: str) -> None:
    form = NamePattern(parse_pattern(pattern), 0, 6)
    lengths = {len(name) for name in matches_by_regex(pattern, 0, 6)}
    assert form.min_length == min(lengths)
    assert form.max_length in (max(lengths), None)
    assert (form.max_length is None) == ("*" in pattern.replace(r"\*", "") or not pattern)


def test_escaped_wildcards_match_literally() -> None:
    assert parse_pattern(r"\?\*\\a?") == ("?", "*", "\\", "a", Wildcard.ONE)
    assert parse_pattern("") == (Wildcard.MANY,)
    with pytest.raises(UserError, match=r"the pattern ab\\ ends in \\, which stands before"):
        parse_pattern("ab\\")
