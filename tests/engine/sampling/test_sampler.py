"""Names from models of known probabilities, and that sampling changes nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import MAX_NAME_LENGTH, MIN_AUTO_LONGEST, SamplingConfig
from charwave_tui.core.corpus.corpus import Corpus, MissingWords
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import SampledName, Split
from charwave_tui.engine.model.architecture import build_model
from charwave_tui.engine.model.layers import BatchNorm1d, Linear, Sequential
from charwave_tui.engine.model.prefix_forward import FoldedModel, Taps
from charwave_tui.engine.runtime.cooperative import run_to_completion
from charwave_tui.engine.runtime.random_streams import derived_generator
from charwave_tui.engine.sampling import sampler
from charwave_tui.engine.sampling.sampler import NameSampler, sample
from charwave_tui.engine.sampling.scoring import score_words

SameBits = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], bool]


class SamplerSubject:
    """A model of some character with what belongs to it; its norms are not as they begin."""

    def __init__(self, config: RunConfig, corpus: Corpus) -> None:
        self.corpus = corpus
        self.config = replace(config, output_scale=1.0)
        stream = derived_generator(7, "subject")
        self.model: Sequential = build_model(self.config, corpus.vocab_size, stream)
        for norm in self.model.modules():
            if isinstance(norm, BatchNorm1d):
                norm.running_mean.normal_(generator=stream)
                norm.running_var.uniform_(0.5, 2, generator=stream)
        self.last = self.model.layers[-1]

    def names(self, sampling: SamplingConfig | None = None, seed: int = 1) -> tuple[SampledName, ...]:
        stream = derived_generator(seed, "sampling")
        return sample(self.model, self.corpus, self.config, sampling or SamplingConfig(), stream)

    def scores(self, words: list[str]) -> list[float]:
        scores = run_to_completion(score_words(self.model, self.corpus, self.config, words))
        return list(scores.tolist())

    def odds(self, start: str) -> list[float]:
        """Return the probabilities of all ids after `start`, from its window."""
        context = self.config.context
        window = ([0] * context + self.corpus.encode(start))[-context:]
        before = self.model.training
        odds: list[float] = self.model.eval()(torch.tensor([window])).softmax(1)[0].tolist()
        self.model.train(before)
        return odds

    def fix_logits(self, logits: dict[int, float], others: float = -100.0) -> None:
        """Make the last layer give the same logits in every context."""
        assert isinstance(self.last, Linear)
        assert self.last.bias is not None
        self.last.weight.data.zero_()
        self.last.bias.data.fill_(others)
        for number, logit in logits.items():
            self.last.bias.data[number] = logit


@pytest.fixture(params=["batch", "batch-bug"])
def sampled_model(request: pytest.FixtureRequest, config: RunConfig, corpus: Corpus) -> SamplerSubject:
    """A model sampled by prefixes and one sampled by windows."""
    return SamplerSubject(replace(config, norm=request.param), corpus)


@pytest.mark.parametrize(("temperature", "ratio"), [(1.0, 3.0), (0.5, 9.0), (2.0, math.sqrt(3))])
def test_characters_follow_probabilities_at_temperature(
    sampled_model: SamplerSubject, temperature: float, ratio: float
) -> None:
    sampled_model.fix_logits({1: math.log(3), 2: 0.0})
    drawn = Counter(
        "".join(name.name for name in sampled_model.names(SamplingConfig(count=100, temperature=temperature)))
    )
    first, second = sampled_model.corpus.decode([1]), sampled_model.corpus.decode([2])
    assert drawn.keys() == {first, second}
    assert drawn[first] / drawn[second] == pytest.approx(ratio, rel=0.1)


def test_each_name_continues_by_its_own_prefix(sampled_model: SamplerSubject) -> None:
    drawn = [name.name for name in sampled_model.names(SamplingConfig(count=1_000))]
    commonest = Counter(name[:1] for name in drawn if name).most_common(2)
    for start in ("", *(letter for letter, _ in commonest)):
        behind = [name[len(start) :][:1] for name in drawn if name.startswith(start)]
        expected = [len(behind) * chance for chance in sampled_model.odds(start)]
        found = [behind.count(symbol) for symbol in ("", *sampled_model.corpus.symbols)]
        # 27.9: what chance alone exceeds once in a thousand, by chi-squared with 9 degrees of freedom
        assert sum((seen - due) ** 2 / due for seen, due in zip(found, expected, strict=True)) < 27.9
        assert len(behind) > 100


def test_nll_covers_every_character_and_end_as_by_hand(sampled_model: SamplerSubject) -> None:
    words = [*sampled_model.corpus.words[:20], "", "a"]
    for word, nll in zip(words, sampled_model.scores(words), strict=True):
        ids = [*sampled_model.corpus.encode(word), 0]
        losses = [-math.log(sampled_model.odds(word[:place])[number]) for place, number in enumerate(ids)]
        assert nll == pytest.approx(sum(losses) / len(losses), abs=1e-5)


def test_no_words_give_no_scores(sampled_model: SamplerSubject) -> None:
    assert sampled_model.scores([]) == []


@pytest.mark.parametrize("prefix", ["", "ka"])
def test_name_nll_is_at_temperature_one_including_prefix(sampled_model: SamplerSubject, prefix: str) -> None:
    drawn = sampled_model.names(SamplingConfig(count=50, temperature=0.7, prefix=prefix))
    drawn = tuple(name for name in drawn if not name.is_cut)
    assert len(drawn) > 20
    assert all(name.name.startswith(prefix) for name in drawn)
    assert [name.nll for name in drawn] == pytest.approx(sampled_model.scores([name.name for name in drawn]), abs=1e-5)


def test_low_temperature_takes_likeliest_path(sampled_model: SamplerSubject) -> None:
    assert isinstance(sampled_model.last, Linear)
    sampled_model.last.weight.data *= 100
    path = ""
    while len(path) < MIN_AUTO_LONGEST and (
        likeliest := max(enumerate(sampled_model.odds(path)), key=lambda pair: pair[1])[0]
    ):
        path += sampled_model.corpus.decode([likeliest])
    assert {name.name for name in sampled_model.names(SamplingConfig(count=50, temperature=0.05))} == {path}


def test_same_generator_same_names_other_differs(sampled_model: SamplerSubject) -> None:
    assert sampled_model.names(SamplingConfig(count=10)) == sampled_model.names(SamplingConfig(count=10))
    assert sampled_model.names(SamplingConfig(count=10)) != sampled_model.names(SamplingConfig(count=10), seed=2)


@pytest.mark.parametrize("longest_word", [1, 64, 65, 100, 900])
@pytest.mark.parametrize("settings", [{}, {"top_k": 2}, {"shortest": 3}])
def test_endless_names_cut_off_at_length_of_longest_word_without_an_end(
    sampled_model: SamplerSubject, longest_word: int, settings: dict[str, int]
) -> None:
    corpus = replace(sampled_model.corpus, words=("m" * longest_word, *sampled_model.corpus.words))
    sampled_model.corpus = corpus
    sampled_model.fix_logits({1: 0.0, 0: -50.0})
    names = sampled_model.names(SamplingConfig(prefix="m", count=2, **settings))
    length = max(longest_word, MIN_AUTO_LONGEST)
    assert [(name.name, name.is_cut) for name in names] == [("m" + "a" * (length - 1), True)] * 2
    assert [len(name.nlls) for name in names] == [length] * 2
    assert [name.nll for name in names] == pytest.approx([100 / length] * 2)


def test_limit_is_that_of_the_words_that_were_learned_also_without_them(sampled_model: SamplerSubject) -> None:
    corpus = replace(sampled_model.corpus, words=("m" * 80, *sampled_model.corpus.words))
    sampled_model.corpus = Corpus.without_words(
        MissingWords(corpus.summary(), "the words are missing", "put them back")
    )
    sampled_model.fix_logits({1: 0.0, 0: -50.0})
    (name,) = sampled_model.names(SamplingConfig(count=1))
    assert (len(name.name), name.is_cut) == (80, True)


def test_words_of_corpus_are_held_out_unless_in_train(sampled_model: SamplerSubject) -> None:
    sampled_model.fix_logits({0: 0.0})  # ends each name at once
    train, held_out = (sampled_model.corpus.split(split)[0] for split in (Split.TRAIN, Split.TEST))
    assert held_out not in sampled_model.corpus.train_words
    found = [sampled_model.names(SamplingConfig(prefix=word, count=1))[0] for word in (train, held_out, train + "ee")]
    assert [(name.in_corpus, name.held_out) for name in found] == [(True, False), (True, True), (False, None)]


def test_name_that_ends_at_the_limit_is_whole(sampled_model: SamplerSubject) -> None:
    sampled_model.corpus = replace(sampled_model.corpus, words=("a" * 70, *sampled_model.corpus.words))
    sampled_model.fix_logits({0: 0.0})
    for length in (69, 70):
        (name,) = sampled_model.names(SamplingConfig(prefix="a" * length, count=1))
        assert (len(name.name), name.is_cut, len(name.nlls)) == (length, length == 70, length + (length < 70))


@pytest.mark.parametrize(
    ("settings", "length"),
    [({"longest": 5}, 5), ({"longest": 200}, 200), ({"suffix": "k"}, 64), ({"pattern": "*k"}, 64)],
)
def test_name_led_to_an_end_by_a_setting_is_whole_and_scored_with_its_end(
    sampled_model: SamplerSubject, settings: dict[str, Any], length: int
) -> None:
    sampled_model.fix_logits({1: 0.0, 0: -50.0})
    (name,) = sampled_model.names(SamplingConfig(count=1, **settings))
    assert (len(name.name), name.is_cut) == (length, False)
    assert [name.nll] == pytest.approx(sampled_model.scores([name.name]), abs=1e-5)


def test_prefix_of_any_length_that_a_word_may_have(sampled_model: SamplerSubject) -> None:
    longest = "k" * MAX_NAME_LENGTH
    (name,) = sampled_model.names(SamplingConfig(prefix=longest, count=1))
    assert (name.name, name.is_cut, len(name.nlls)) == (longest, True, MAX_NAME_LENGTH)


def test_name_looked_up_in_corpus(sampled_model: SamplerSubject) -> None:
    sampled_model.fix_logits({0: 0.0})
    word = sampled_model.corpus.words[0]
    assert [
        sampled_model.names(SamplingConfig(prefix=prefix, count=1))[0].in_corpus for prefix in (word, word + "aaa")
    ] == [
        True,
        False,
    ]
    assert sampled_model.names(SamplingConfig(count=3)) == (SampledName("", 0.0, False, "l", (0.0,)),) * 3


def test_huge_logits_work_at_low_temperature(sampled_model: SamplerSubject) -> None:
    sampled_model.fix_logits({0: 1e38, 1: 3e38}, others=-3e38)
    assert {name.name for name in sampled_model.names(SamplingConfig(temperature=0.05))} == {"a" * MIN_AUTO_LONGEST}


@pytest.mark.parametrize(("chance", "symbol"), [(0.0, 2), (1 - 2**-24, 4)])
def test_extreme_random_draws_select_possible_characters(
    sampled_model: SamplerSubject, monkeypatch: pytest.MonkeyPatch, chance: float, symbol: int
) -> None:
    sampled_model.fix_logits({2: 0.0, 4: 0.0}, others=-3e38)
    chances = [torch.tensor([0.9, 0.1])] + (MIN_AUTO_LONGEST - 1) * [torch.tensor([chance, chance])]
    monkeypatch.setattr(torch, "rand", lambda count, generator: chances.pop(0))
    written = [sampled_model.corpus.decode([first, *(MIN_AUTO_LONGEST - 1) * [symbol]]) for first in (4, 2)]
    assert [name.name for name in sampled_model.names(SamplingConfig(count=2))] == written


def test_shared_prefixes_computed_once_in_cooperative_chunks(
    config: RunConfig, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampled_model = SamplerSubject(config, corpus)
    at_once = sampled_model.names(SamplingConfig(count=60, prefix="ka"))
    rows: list[int] = []
    over = FoldedModel.forward_rows

    def counted(folded: FoldedModel, ids: Tensor, taps: Taps) -> tuple[Tensor, list[Tensor]]:
        rows.append(len(ids))
        return over(folded, ids, taps)

    monkeypatch.setattr(FoldedModel, "forward_rows", counted)
    monkeypatch.setattr(sampler, "prefix_block_size", lambda config, vocab_size: 7)
    stream = derived_generator(1, "sampling")
    settings = SamplingConfig(count=60, prefix="ka")
    pieces = NameSampler(sampled_model.model, corpus, config, settings, stream).sample()
    yields = 0
    try:
        while True:
            next(pieces)
            yields += 1
    except StopIteration as end:
        names = end.value
    assert [name.name for name in names] == [name.name for name in at_once]
    # The empty prefix is computed twice: as what is before a name, and as its beginning.
    distinct = {name.name[:length] for name in names for length in range(len(name.nlls))}
    assert sum(rows) == len(distinct) + 1
    assert max(rows) == 7
    assert yields == len(rows) - 1


@pytest.mark.parametrize("training", [True, False])
def test_sampling_leaves_no_trace(sampled_model: SamplerSubject, bit_identical: SameBits, training: bool) -> None:
    sampled_model.model.train(training)
    before = {name: tensor.clone() for name, tensor in sampled_model.model.state_dict().items()}
    chance = torch.get_rng_state()
    sampled_model.names(SamplingConfig(count=1))
    sampled_model.scores(["a"])
    assert bit_identical(sampled_model.model.state_dict(), before)
    assert torch.equal(torch.get_rng_state(), chance)
    assert all(layer.training is training for layer in sampled_model.model.modules())


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"prefix": "aZ"}, "Z"),
        ({"prefix": "a" * 1_001}, "1,001"),
        ({"temperature": 0.04}, r"0\.04"),
        ({"temperature": 5.1}, r"5\.1"),
        ({"temperature": math.nan}, "nan"),
        ({"count": 0}, "count 0"),
        ({"count": 1_001}, "1,001"),
    ],
)
def test_arguments_out_of_bounds_refused_by_name(
    sampled_model: SamplerSubject, settings: dict[str, float], named: str
) -> None:
    with pytest.raises(UserError, match=named):
        sampled_model.names(SamplingConfig(**settings))  # type: ignore[arg-type]


def test_limits_themselves_accepted(sampled_model: SamplerSubject) -> None:
    assert len(sampled_model.names(SamplingConfig(temperature=0.05, count=1))) == 1
    assert len(sampled_model.names(SamplingConfig(temperature=5, count=1_000))) == 1_000


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_nan_weights_give_no_names(sampled_model: SamplerSubject, bad: float) -> None:
    sampled_model.fix_logits({3: bad}, others=0.0)
    with pytest.raises(UserError, match="the weights give NaN"):
        sampled_model.names()
    with pytest.raises(UserError, match="the weights give NaN"):
        sampled_model.scores(["a"])
    assert sampled_model.model.training
