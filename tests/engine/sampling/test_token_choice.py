"""Samples follow the reported probabilities, top-k, top-p, pattern and lengths."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import ONLY_NEW, SamplingConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.errors import UserError
from charwave_tui.engine.model.architecture import build_model
from charwave_tui.engine.model.layers import Linear
from charwave_tui.engine.runtime.cooperative import run_to_completion
from charwave_tui.engine.runtime.random_streams import derived_generator
from charwave_tui.engine.sampling import token_choice
from charwave_tui.engine.sampling.sampler import MAX_SAMPLES_PER_NAME, NameSampler, sample
from charwave_tui.engine.sampling.scoring import prefix_nll
from charwave_tui.engine.sampling.token_choice import PatternConstraint, sample_from_logits, top_k_top_p_mask

DRAWN = 200_000
"""Characters that are drawn at one prefix."""


WORDS = ("mara", "mira", "bela", "a?b", "k*", "meo", "abba", "kim", "oma", "e")


CORPUS = Corpus("some", WORDS, "".join(sorted(set("".join(WORDS)))), "0" * 64)


CONFIG = RunConfig(context=4, fuse=(2, 2), n_embd=5, n_hidden=7, batch_size=4, output_scale=2.0)


MODEL = build_model(CONFIG, CORPUS.vocab_size, derived_generator(3, "model of the tests"))


def plain_filter(logits: Tensor, temperature: float, top_k: int, top_p: float) -> Tensor:
    """Return the probabilities of a row, sorted, cut and normalized."""
    odds = (logits.double() / temperature).softmax(0)
    order = logits.argsort(descending=True, stable=True)
    if top_k:
        odds[order[top_k:]] = 0
        odds = odds / odds.sum()
    if top_p < 1:
        total = 0.0
        for number in order.tolist():
            odds[number], total = (0.0, total) if total >= top_p else (odds[number], total + odds[number].item())
        odds = odds / odds.sum()
    return odds


def names(sampling: SamplingConfig, seed: int = 1) -> list[str]:
    return [it.name for it in sample(MODEL, CORPUS, CONFIG, sampling, derived_generator(seed, "sampling"))]


@pytest.mark.parametrize(
    "how", [{}, {"temperature": 0.5}, {"top_k": 4}, {"top_p": 0.7}, {"temperature": 2.0, "top_k": 6, "top_p": 0.8}]
)
def test_200k_sampled_characters_follow_reported_probabilities(how: dict[str, Any]) -> None:
    sampling = SamplingConfig(**how)
    told = run_to_completion(prefix_nll(MODEL, CORPUS, CONFIG, "ma"))[-1]
    odds = plain_filter(-told, sampling.temperature, sampling.top_k, sampling.top_p)
    logits = -told[None].float()
    row, stream = torch.zeros(DRAWN, dtype=torch.int64), derived_generator(11, "chi-square")
    if sampling.unconstrained:
        drawn = sample_from_logits(logits, sampling.temperature, row, stream)
    else:
        drawn = run_to_completion(
            PatternConstraint(sampling, CORPUS, DRAWN).sample(logits, torch.arange(DRAWN), row, stream)
        )
    counts = drawn.bincount(minlength=CORPUS.vocab_size).double()
    possible = odds > 0
    assert not counts[~possible].any()
    due = DRAWN * odds[possible]
    square = ((counts[possible] - due) ** 2 / due).sum().item()
    freedom = int(possible.sum()) - 1
    # what chance alone exceeds once in a thousand, by Wilson and Hilferty's approximation
    assert square < freedom * (1 - 2 / (9 * freedom) + 3.09 * math.sqrt(2 / (9 * freedom))) ** 3


@given(
    st.lists(st.integers(-100, 100), min_size=2, max_size=12),
    st.floats(0.2, 5),
    st.integers(0, 13),
    st.sampled_from([0.0317, 0.3332, 0.5117, 0.9137, 1.0]),  # that no sum of equal odds comes to
)
def test_top_choices_equal_plain_sort(row: list[int], heat: float, top_k: int, top_p: float) -> None:
    logits = torch.tensor([row, row[::-1]]) / 7
    left = top_k_top_p_mask(logits, heat, top_k, top_p)
    assert left.tolist() == [(plain_filter(plain, heat, top_k, top_p) > 0).tolist() for plain in logits]


def is_possible(sampling: SamplingConfig) -> bool:
    try:
        sampling.validated()
    except UserError:
        return False
    return True


letters = st.text(CORPUS.symbols.replace("?", "").replace("*", ""), max_size=3)


samplings = st.builds(
    SamplingConfig,
    temperature=st.sampled_from([0.05, 1.0, 5.0]),
    count=st.just(6),
    prefix=letters,
    suffix=letters,
    pattern=st.one_of(letters, st.text("am?*", max_size=5), st.just(r"\?*\*")),
    shortest=st.integers(0, 12),
    longest=st.integers(1, 14),
    top_k=st.sampled_from([0, 1, 3]),
    top_p=st.sampled_from([1.0, 0.5]),
)


@settings(max_examples=40, deadline=None)
@given(samplings, st.integers(0, 3))
def test_every_sampled_name_satisfies_settings(sampling: SamplingConfig, seed: int) -> None:
    assume(is_possible(sampling))
    drawn = names(sampling, seed)
    assert len(drawn) == 6
    for name in drawn:
        assert name.startswith(sampling.prefix)
        assert name.endswith(sampling.suffix)
        assert sampling.shortest <= len(name) <= sampling.longest
        assert sampling.compiled_pattern.matches(name)
    assert drawn == names(sampling, seed)


def test_settings_without_limit_change_no_name() -> None:
    limits = replace(SamplingConfig(count=30, prefix="ma"), top_k=CORPUS.vocab_size, pattern="*")
    assert not limits.unconstrained
    assert names(limits) == names(SamplingConfig(count=30, prefix="ma"))


def test_suffix_placed_where_model_ends_name_within_max_length() -> None:
    plain, with_suffix = (names(SamplingConfig(count=200, suffix=suffix)) for suffix in ("", "kim"))
    mean, other = (sum(map(len, drawn)) / len(drawn) for drawn in (plain, with_suffix))
    assert other < mean + 4


def test_unmatched_top_choices_fall_back_to_the_rest() -> None:
    model = build_model(CONFIG, CORPUS.vocab_size, derived_generator(3, "another"))
    last = model.layers[-1]
    assert isinstance(last, Linear)
    assert last.bias is not None
    last.weight.data.zero_()
    last.bias.data.fill_(-1e30)
    last.bias.data[CORPUS.encode("a")[0]] = 1e30
    sampling = SamplingConfig(count=3, temperature=0.05, top_k=1, pattern="m?m")
    drawn = sample(model, CORPUS, CONFIG, sampling, derived_generator(1, "x"))
    assert {it.name for it in drawn} == {"mam"}


def name_sampling(sampling: SamplingConfig) -> NameSampler:
    return NameSampler(MODEL, CORPUS, CONFIG, sampling, derived_generator(1, "sampling"))


def test_only_new_replaces_known_names() -> None:
    settings = SamplingConfig(count=40, longest=1, only_new=ONLY_NEW)
    work = name_sampling(settings)
    found = run_to_completion(work.sample())
    assert len(found) == 40 < work.sampled
    assert not any(it.in_corpus for it in found)
    first = sample(MODEL, CORPUS, CONFIG, replace(settings, only_new="no"), derived_generator(1, "sampling"))
    fresh = [it for it in first if not it.in_corpus]
    assert len(fresh) < 40
    assert list(found[: len(fresh)]) == fresh


def test_no_new_names_bounds_the_attempts() -> None:
    work = name_sampling(SamplingConfig(count=3, only_new=ONLY_NEW, prefix="mara", longest=4))
    assert run_to_completion(work.sample()) == ()
    assert work.sampled == 3 * MAX_SAMPLES_PER_NAME


@pytest.mark.parametrize("only_new", ["no", ONLY_NEW])
def test_finished_names_reported_in_final_order(only_new: str) -> None:
    work = name_sampling(SamplingConfig(count=60, only_new=only_new))
    pieces, told = work.sample(), []
    try:
        while True:
            next(pieces)
            told.append(work.finished())
    except StopIteration as end:
        every = end.value
    assert len(told) > 10
    for some in told:
        left = iter(every)
        assert all(name in left for name in some)  # in their order
    assert [len(some) for some in told] == sorted(len(some) for some in told)
    assert len(told[len(told) // 2]) > 0


@pytest.mark.parametrize(
    ("settings", "problem", "field"),
    [
        ({"shortest": 5, "longest": 4}, "shortest 5 is more than longest 4; try 4 or fewer for shortest", "shortest"),
        (
            {"pattern": "ma?ra", "longest": 3},
            "pattern ma?ra needs 5 characters, more than longest 3; set longest to 5",
            "pattern",
        ),
        (
            {"prefix": "mar", "suffix": "a", "longest": 3},
            "prefix mar and suffix a need 4 characters, more than longest 3; set longest to 4",
            "suffix",
        ),
        (
            {"prefix": "a" * 600, "suffix": "a" * 600},
            f"prefix {'a' * 24}… and suffix {'a' * 24}… need 1,200 characters; names have at most 1,000 characters",
            "suffix",
        ),
        (
            {"pattern": "m?a", "shortest": 5},
            "pattern m?a gives 3 characters, fewer than shortest 5; put a * in the pattern, or set shortest to 3",
            "pattern",
        ),
    ],
)
def test_impossible_settings_refused_in_one_line(settings: dict[str, Any], problem: str, field: str) -> None:
    with pytest.raises(UserError) as refused:
        names(SamplingConfig(**settings))
    assert (str(refused.value), refused.value.field) == (problem, field)


@pytest.mark.parametrize("settings", [{"suffix": "z"}, {"pattern": "?z*"}, {"prefix": "z"}])
def test_characters_outside_corpus_are_named(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="“z” does not occur in the corpus some; its characters are"):
        names(SamplingConfig(**settings))


def test_many_logits_sorted_in_blocks_equal_whole_sort(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.randn((40, CORPUS.vocab_size), generator=derived_generator(1, "logits"))
    row, sampling = torch.arange(40), SamplingConfig(top_k=4, top_p=0.9)

    def drawn() -> tuple[int, list[int]]:
        pieces, limits = 0, PatternConstraint(sampling, CORPUS, 40)
        limits._states = limits._states * 40
        work = limits.sample(logits, row, row, derived_generator(2, "drawn"))
        while True:
            try:
                next(work)
            except StopIteration as end:
                return pieces, end.value.tolist()
            pieces += 1

    few, at_once = drawn()
    monkeypatch.setattr(token_choice, "LOGITS_PER_CHUNK", 4 * CORPUS.vocab_size)
    many, in_blocks = drawn()
    assert at_once == in_blocks
    assert (few, many) == (1, 10)
