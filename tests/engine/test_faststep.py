"""The fast step against the plain one, in float64, where rounding cannot hide a mistake."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from charwave_tui.core.config import RunConfig
from charwave_tui.core.corpora import find_corpus
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.presets import presets
from charwave_tui.core.readings import Split
from charwave_tui.engine.batches import Draws, Windows
from charwave_tui.engine.faststep import FastStep
from charwave_tui.engine.model import build_model
from charwave_tui.engine.randomness import training_stream
from charwave_tui.engine.steps import PlainStep
from charwave_tui.engine.trainer import Trainer

CPU = torch.device("cpu")
SameBits = Callable[..., bool]


def distances(config: RunConfig, corpus: Corpus, sizes: Sequence[int], *, synchronised: bool = False) -> list[float]:
    """How far the fast step is from the plain one in loss, weights and buffers after each step of batches of `sizes`.

    Small configs multiply rounding by 10 every 15 steps; with `synchronised` each step starts from equal weights.
    """
    fast, plain = (build_model(config, corpus.vocab_size, training_stream(config.seed)).double() for _ in range(2))
    take_fast, take_plain = FastStep(fast), PlainStep(plain)
    windows = Windows(corpus.split(Split.TRAIN), corpus.symbols, config.context, CPU)
    draws = Draws(windows, training_stream(config.seed))
    apart = []
    for size in sizes:
        batch = draws.next(size)
        one, other = take_fast(*batch, config.lr), take_plain(*batch, config.lr)
        pairs = zip(fast.state_dict().values(), plain.state_dict().values(), strict=True)
        apart.append(max(abs(one - other), *((ours - theirs).abs().max().item() for ours, theirs in pairs)))
        if synchronised:
            fast.load_state_dict(plain.state_dict())
    return apart


@pytest.mark.parametrize("name", list(presets()))
def test_every_preset_goes_the_way_of_the_plain_step(name: str) -> None:
    config = presets()[name].config
    assert max(distances(config, find_corpus("names"), [config.batch_size] * 200)) < 1e-9


@st.composite
def odd_configs(draw: st.DrawFn) -> RunConfig:
    """Configs whose step is smooth: relu bends at 0, where batch-bug and tiny batches put channels of one value."""
    activation = draw(st.sampled_from(["tanh", "relu"]))
    fuse = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    return RunConfig(
        context=math.prod(fuse),
        fuse=fuse,
        n_embd=draw(st.integers(1, 9)),
        n_hidden=draw(st.integers(1, 17)),
        norm=draw(st.sampled_from(["batch", "none", *(["batch-bug"] if activation == "tanh" else [])])),
        activation=activation,
        init_gain=draw(st.sampled_from([0.3, 1.0, 3.0])),
        output_scale=draw(st.sampled_from([0.0, 0.1, 1.0])),
        lr=draw(st.sampled_from([0.01, 0.05])),
        batch_size=draw(st.integers(12, 40)),
        seed=draw(st.integers(0, 99)),
    )


@settings(deadline=None, max_examples=40)
@given(config=odd_configs())
def test_an_odd_config_goes_the_way_of_the_plain_step(config: RunConfig, corpus: Corpus) -> None:
    assert max(distances(config, corpus, [config.batch_size] * 10, synchronised=True)) < 1e-9


@pytest.mark.parametrize("norm", ["batch", "batch-bug", "none"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_batch_size_may_change_and_be_one(config: RunConfig, corpus: Corpus, norm: str, activation: str) -> None:
    config = replace(config, norm=norm, activation=activation, lr=0.01)
    assert max(distances(config, corpus, [8] * 5 + [1] * 5 + [19] * 5 + [8] * 5)) < 1e-9


def test_the_same_config_twice_gives_the_same_bits_on_one_thread_and_on_two(
    config: RunConfig, corpus: Corpus, same_bits: SameBits
) -> None:
    config = replace(config, context=8, fuse=(2, 2, 2), n_embd=24, n_hidden=128, batch_size=64)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            one, other = Trainer(config, corpus, CPU), Trainer(config, corpus, CPU)
            assert one.advance(60, 80) == other.advance(60, 30) + other.advance(60, 50)
            assert same_bits(one.weights(), other.weights())
    finally:
        torch.set_num_threads(before)


def test_steps_differ_in_rounding_alone(config: RunConfig, corpus: Corpus, same_bits: SameBits) -> None:
    fast, plain = (Trainer(replace(config, step=step), corpus, CPU) for step in ("fast", "plain"))
    for trainer in (fast, plain):
        trainer.advance(60, 20)
    ours, theirs = fast.weights(), plain.weights()
    assert not same_bits(ours, theirs)
    assert same_bits({"stream": ours.pop("batch_stream")}, {"stream": theirs.pop("batch_stream")})
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-5) for name in ours)


def test_what_sees_the_model_sees_the_moved_weights(trainer: Trainer) -> None:
    parameters = list(trainer.model.parameters())
    before = [parameter.clone() for parameter in parameters]
    trainer.advance(60, 5)
    assert all(not torch.equal(now, then) for now, then in zip(parameters, before, strict=True))
    assert all(now is known for now, known in zip(trainer.model.parameters(), parameters, strict=True))
    kept = trainer.model.state_dict()
    assert all(torch.equal(kept[name], tensor) for name, tensor in trainer.model.named_parameters())
    assert all(parameter.requires_grad for parameter in parameters)


def test_a_loss_that_is_not_finite_moves_no_weight(trainer: Trainer) -> None:
    step = FastStep(trainer.model)
    batch = trainer.windows(Split.TRAIN).batch(slice(0, 8))
    step(*batch, 0.1)
    next(trainer.model.parameters()).data[:, 0] = math.inf
    before = [parameter.clone() for parameter in trainer.model.parameters()]
    assert not math.isfinite(step(*batch, 0.1))
    assert all(torch.equal(now, then) for now, then in zip(trainer.model.parameters(), before, strict=True))


def test_the_plain_step_serves_where_there_is_no_fast_one(
    config: RunConfig, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(model: object) -> None:
        raise AssertionError("the fast step was made for another device than the CPU")

    monkeypatch.setattr("charwave_tui.engine.trainer.FastStep", refuse)
    trainer = Trainer(config, corpus, torch.device("meta"))
    assert isinstance(trainer._take_step, PlainStep)


def test_a_run_of_either_step_goes_on_from_the_weights_of_the_other(config: RunConfig, corpus: Corpus) -> None:
    fast, plain = (Trainer(replace(config, step=step), corpus, CPU) for step in ("fast", "plain"))
    fast.advance(60, 10)
    plain.load(fast.weights(), 10)
    losses: list[list[Tensor]] = [[torch.tensor(point.mean) for point in run.advance(60, 5)] for run in (fast, plain)]
    assert torch.allclose(torch.stack(losses[0]), torch.stack(losses[1]), atol=1e-5)
