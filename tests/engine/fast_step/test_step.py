"""The fast step against the plain one, in float64, where rounding cannot hide an error."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from charwave_tui.core.config.layer_shapes import ACTIVATIONS, level_shapes
from charwave_tui.core.config.presets import presets
from charwave_tui.core.config.receptive_field import receptive_field
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.corpus.registry import find_corpus
from charwave_tui.core.metrics import Split
from charwave_tui.engine.data.dropout import apply_dropout
from charwave_tui.engine.data.prefix_dataset import EpochLoader, PrefixBatch, PrefixDataset
from charwave_tui.engine.data.window_dataset import WindowBatch, WindowDataset, WindowLoader
from charwave_tui.engine.fast_step.step import FastStep
from charwave_tui.engine.model.architecture import build_model
from charwave_tui.engine.model.layers import Sequential
from charwave_tui.engine.optim.optimizers import Optimizer
from charwave_tui.engine.runtime.random_streams import training_generator
from charwave_tui.engine.training.train_step import AutogradStep
from charwave_tui.engine.training.trainer import Trainer

CPU = torch.device("cpu")


DILATED = {"context": 8, "dilations": (1, 1, 2, 1, 2)}


SameBits = Callable[..., bool]


def make_batches(config: RunConfig, corpus: Corpus) -> WindowLoader | EpochLoader:
    words = corpus.split(Split.TRAIN)
    if config.batches == "windows":
        return WindowLoader(WindowDataset(words, corpus.symbols, config.context, CPU), training_generator(config.seed))
    offsets = {offset for level in level_shapes(config) for offset in level.offsets if offset}
    return EpochLoader(
        PrefixDataset(words, corpus.symbols, offsets, CPU), config.seed, pooled=config.targets == "pooled"
    )


class StepPair:
    """The two steps of one `config`, in float64, each with its model."""

    def __init__(self, config: RunConfig, corpus: Corpus) -> None:
        config.validated()
        self.config = config
        self.models = [self._model(corpus) for _ in range(2)]
        self.optimizers = [Optimizer(model, config) for model in self.models]
        self.fast = FastStep(self.models[0], self.optimizers[0])
        self.plain = AutogradStep(self.models[1], self.optimizers[1])

    def _model(self, corpus: Corpus) -> Sequential:
        return build_model(self.config, corpus.vocab_size, training_generator(self.config.seed)).double()

    def difference(self, batch: WindowBatch | PrefixBatch) -> float:
        """The largest difference in loss, weights and buffers after a step of each."""
        loss, reference_loss = self.fast(batch, self.config.lr), self.plain(batch, self.config.lr)
        pairs = zip(*(model.state_dict().values() for model in self.models), strict=True)
        return max(abs(loss - reference_loss), *((ours - reference).abs().max().item() for ours, reference in pairs))

    def synchronise(self) -> None:
        """Go on from equal weights: small models multiply rounding by 10 every 15 steps."""
        self.models[0].load_state_dict(self.models[1].state_dict())
        self.optimizers[0].load_state_dict(self.optimizers[1].state_dict())


def step_differences(
    config: RunConfig, corpus: Corpus, sizes: Sequence[int], *, synchronised: bool = False
) -> list[float]:
    """The difference of the fast from the plain step after each batch of `sizes`."""
    pair, batches, results = StepPair(config, corpus), make_batches(config, corpus), []
    for step, size in enumerate(sizes):
        results.append(pair.difference(apply_dropout(batches.next_batch(size), config, step)))
        if synchronised:
            pair.synchronise()
    return results


def narrow_config(config: RunConfig) -> RunConfig:
    """The same model with fewer channels, and smaller batches."""
    limits = {"n_embd": 8, "n_hidden": 12, "batch_size": 8 if config.batches == "names" else 16}
    return replace(config, **{name: min(size, getattr(config, name)) for name, size in limits.items()})


RULES = pytest.mark.parametrize(
    "rule",
    [{"optimizer": "sgd", "lr": 0.1, "weight_decay": 0.0}, {"optimizer": "adamw", "lr": 0.003, "weight_decay": 0.1}],
    ids=["sgd", "adamw"],
)
"""The two that are smooth enough for 200 steps, each with rates that suit it."""


@RULES
@pytest.mark.parametrize("name", list(presets()))
def test_narrow_preset_fast_step_equals_plain_step(name: str, rule: dict[str, Any]) -> None:
    config = replace(narrow_config(presets()[name].config), precision="float32", **rule)
    assert max(step_differences(config, find_corpus("names"), [config.batch_size] * 30)) < 1e-9


@pytest.mark.slow
@pytest.mark.skipif("CHARWAVE_FULL_SIZE" not in os.environ, reason="minutes; set CHARWAVE_FULL_SIZE=1 for it")
@RULES
@pytest.mark.parametrize("name", list(presets()))
def test_preset_fast_step_equals_plain_step(name: str, rule: dict[str, Any]) -> None:
    config = replace(presets()[name].config, precision="float32", **rule)
    assert max(step_differences(config, find_corpus("names"), [config.batch_size] * 200)) < 1e-9


@st.composite
def unusual_configs(draw: st.DrawFn) -> RunConfig:
    """Configs whose step is smooth: relu bends at 0, where batch-bug and tiny batches put channels of one value."""
    activation = draw(st.sampled_from([*ACTIVATIONS]))
    fuse = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    dilations = tuple(draw(st.lists(st.integers(1, 3), max_size=4)))
    by_words = draw(st.booleans())
    batch_bug = ["batch-bug"] if activation != "relu" and not by_words else []
    config = RunConfig(
        context=receptive_field(fuse, dilations),
        fuse=fuse,
        dilations=dilations,
        n_embd=draw(st.integers(1, 9)),
        n_hidden=draw(st.integers(1, 17)),
        norm=draw(st.sampled_from(["batch", "none", *batch_bug])),
        activation=activation,
        init_gain=draw(st.sampled_from([0.3, 1.0, 3.0])),
        output_scale=draw(st.sampled_from([0.0, 0.1, 1.0])),
        optimizer=draw(st.sampled_from(["sgd", "adamw"])),
        momentum=draw(st.sampled_from([0.0, 0.9])),
        weight_decay=draw(st.sampled_from([0.0, 0.1])),
        drop_context=draw(st.sampled_from([0.0, 0.3])),
        batches="names" if by_words else "windows",
        batch_size=draw(st.integers(12, 40)),
        seed=draw(st.integers(0, 99)),
    )
    lr = draw(st.sampled_from([0.01, 0.05])) / (1 if config.optimizer == "sgd" else 10)
    drop_path = draw(st.sampled_from([0.0, 0.5])) if dilations else 0.0
    return replace(
        config,
        lr=lr,
        drop_path=drop_path,
        targets=draw(st.sampled_from(["sampled", "pooled"] if by_words else ["sampled"])),
    )


@settings(deadline=None, max_examples=40)
@given(config=unusual_configs(), shared=st.booleans())
def test_unusual_config_fast_step_equals_plain_step(config: RunConfig, shared: bool, corpus: Corpus) -> None:
    with patch("charwave_tui.engine.fast_step.step.MIN_WEIGHTS_FOR_DEDUPLICATION", 0 if shared else 10**9):
        assert max(step_differences(config, corpus, [config.batch_size] * 6, synchronised=True)) < 1e-9


@pytest.mark.parametrize("norm", ["batch", "batch-bug", "none"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_batch_size_may_change_and_be_one(config: RunConfig, corpus: Corpus, norm: str, activation: str) -> None:
    config = replace(config, norm=norm, activation=activation, lr=0.01)
    assert max(step_differences(config, corpus, [8] * 5 + [1] * 5 + [19] * 5 + [8] * 5)) < 1e-9


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_word_batch_size_may_change_and_be_one(config: RunConfig, corpus: Corpus, norm: str) -> None:
    config = replace(config, norm=norm, lr=0.01, batches="names", **DILATED)
    assert max(step_differences(config, corpus, [8] * 5 + [1] * 5 + [60] * 5 + [8] * 5)) < 1e-9


def test_single_position_normalized_by_running_statistics(config: RunConfig, corpus: Corpus) -> None:
    pair = StepPair(replace(config, batches="names"), corpus)
    none = torch.tensor([0])
    single_position = PrefixBatch(
        ids=none, depth=none, ancestor_rows={1: none, 2: none}, row_of_position=none, targets=torch.tensor([3])
    )
    assert max(pair.difference(single_position) for _ in range(3)) < 1e-12


def test_more_batch_shapes_than_cache_entries(config: RunConfig, corpus: Corpus) -> None:
    with patch("charwave_tui.engine.fast_step.step.MAX_CACHED_GRAPHS", 2):
        assert max(step_differences(config, corpus, [8, 9, 10, 11, 8, 10])) < 1e-9


@pytest.mark.parametrize("batches", ["windows", "names"])
def test_momentum_toggled_in_live_run(config: RunConfig, corpus: Corpus, batches: str) -> None:
    pair = StepPair(replace(config, batches=batches), corpus)
    source = make_batches(pair.config, corpus)
    for momentum in (0.0, 0.9, 0.0, 0.5):
        for optimizer in pair.optimizers:
            optimizer.set_config(replace(pair.config, momentum=momentum))
        assert max(pair.difference(source.next_batch(8)) for _ in range(3)) < 1e-10


@pytest.mark.parametrize("batches", ["windows", "names"])
def test_muon_gradients_equal_plain_step(config: RunConfig, corpus: Corpus, batches: str) -> None:
    pair = StepPair(replace(config, optimizer="muon", activation="gated", batches=batches, **DILATED), corpus)
    batch = make_batches(pair.config, corpus).next_batch(8)
    pair.fast(batch, 0.01)
    pair.plain(batch, 0.01)
    for ours, reference in zip(*(model.parameters() for model in pair.models), strict=True):
        assert ours.grad is not None
        assert torch.allclose(ours.grad, reference.grad, rtol=0, atol=1e-12)


@pytest.mark.parametrize("batches", ["windows", "names"])
@pytest.mark.parametrize("activation", ["tanh", "gated"])
def test_bfloat16_gradients_close_to_float32(config: RunConfig, corpus: Corpus, batches: str, activation: str) -> None:
    config = replace(config, optimizer="adamw", activation=activation, batches=batches, **DILATED)
    config = replace(config, n_hidden=32, output_scale=1.0)
    results = []
    for precision in ("float32", "bfloat16"):
        model = build_model(config, corpus.vocab_size, training_generator(config.seed))
        losses = FastStep(model, Optimizer(model, config), precision)(make_batches(config, corpus).next_batch(40), 0.01)
        results.append((losses, [parameter.grad for parameter in model.parameters()]))
    (loss, float32_grads), (bfloat16_loss, bfloat16_grads) = results
    assert loss != bfloat16_loss
    assert bfloat16_loss == pytest.approx(loss, rel=2e-3)
    for wide, rounded in zip(float32_grads, bfloat16_grads, strict=True):
        assert wide is not None
        assert rounded is not None
        assert (wide - rounded).norm() < 0.03 * wide.norm()


CONFIG_KINDS = pytest.mark.parametrize(
    "kind",
    [
        {},
        {"batches": "names", "activation": "gated", "optimizer": "muon", "precision": "bfloat16", **DILATED},
        {"activation": "gelu", "optimizer": "adamw", "drop_path": 0.3, **DILATED},
    ],
    ids=["lecture", "names", "windows"],
)


@CONFIG_KINDS
def test_same_config_bit_identical_on_one_and_two_threads(
    config: RunConfig, corpus: Corpus, bit_identical: SameBits, kind: dict[str, Any]
) -> None:
    config = replace(
        config, **{"context": 8, "fuse": (2, 2, 2), "n_embd": 24, "n_hidden": 64, "batch_size": 64, **kind}
    )
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            uninterrupted, interrupted = Trainer(config, corpus, CPU), Trainer(config, corpus, CPU)
            assert uninterrupted.train_for(60, 9) == interrupted.train_for(60, 4) + interrupted.train_for(60, 5)
            assert bit_identical(uninterrupted.state_dict(), interrupted.state_dict())
    finally:
        torch.set_num_threads(before)


def test_fast_and_plain_step_differ_only_by_rounding(
    config: RunConfig, corpus: Corpus, bit_identical: SameBits
) -> None:
    fast, plain = (Trainer(replace(config, step=step), corpus, CPU) for step in ("fast", "plain"))
    for trainer in (fast, plain):
        trainer.train_for(60, 20)
    ours, reference = fast.state_dict(), plain.state_dict()
    assert not bit_identical(ours, reference)
    assert bit_identical({"stream": ours.pop("batch_stream")}, {"stream": reference.pop("batch_stream")})
    assert all(torch.allclose(ours[name], reference[name], atol=1e-5) for name in ours)


def test_queries_see_updated_weights(trainer: Trainer) -> None:
    parameters = list(trainer.model.parameters())
    before = [parameter.clone() for parameter in parameters]
    trainer.train_for(60, 5)
    assert all(not torch.equal(now, then) for now, then in zip(parameters, before, strict=True))
    assert all(now is original for now, original in zip(trainer.model.parameters(), parameters, strict=True))
    state = trainer.model.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in trainer.model.named_parameters())
    assert all(parameter.requires_grad for parameter in parameters)


@CONFIG_KINDS
def test_nonfinite_loss_updates_no_weight(config: RunConfig, corpus: Corpus, kind: dict[str, Any]) -> None:
    config = replace(config, **{"context": 8, "fuse": (2, 2, 2), **kind})
    trainer = Trainer(config, corpus, CPU)
    trainer.train_for(60, 2)
    next(trainer.model.parameters()).data[:, 0] = math.inf
    before = [parameter.clone() for parameter in trainer.model.parameters()]
    trainer.train_for(60, 1)
    assert trainer.diverged
    assert all(torch.equal(now, then) for now, then in zip(trainer.model.parameters(), before, strict=True))


def test_plain_step_used_where_no_fast_step_exists(
    config: RunConfig, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the fast step was made for another device than the CPU")

    monkeypatch.setattr("charwave_tui.engine.training.trainer.FastStep", refuse)
    trainer = Trainer(config, corpus, torch.device("meta"))
    assert isinstance(trainer._train_step, AutogradStep)


def test_run_continues_from_weights_of_other_step_kind(config: RunConfig, corpus: Corpus) -> None:
    fast, plain = (Trainer(replace(config, step=step), corpus, CPU) for step in ("fast", "plain"))
    fast.train_for(60, 10)
    plain.load_state(fast.state_dict(), 10)
    losses: list[list[Tensor]] = [[torch.tensor(point.mean) for point in run.train_for(60, 5)] for run in (fast, plain)]
    assert torch.allclose(torch.stack(losses[0]), torch.stack(losses[1]), atol=1e-5)
