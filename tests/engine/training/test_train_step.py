"""AutogradStep against the lecture's training loop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from charwave_tui.core.config.layer_shapes import level_shapes
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.metrics import Split
from charwave_tui.engine.data.prefix_dataset import PrefixDataset
from charwave_tui.engine.data.window_dataset import WindowBatch, WindowDataset
from charwave_tui.engine.model.architecture import build_model
from charwave_tui.engine.model.layers import Linear
from charwave_tui.engine.optim.optimizers import Optimizer
from charwave_tui.engine.training.train_step import AutogradStep
from charwave_tui.engine.training.trainer import Trainer


class PlainLoop:
    """The lecture's training loop: lists of tensors, one operation per line, no modules."""

    def __init__(self, config: RunConfig, corpus: Corpus) -> None:
        self.config = config
        self.generator = torch.Generator().manual_seed(config.seed)
        vocab_size, hidden = len(corpus.symbols) + 1, config.n_hidden
        self.embedding = torch.randn((vocab_size, config.n_embd), generator=self.generator)
        self.matrices, self.biases, self.gammas, self.betas = [], [], [], []
        channels = config.n_embd
        for n in config.fuse:
            fan_in = channels * n
            self.matrices.append(
                torch.randn((fan_in, hidden), generator=self.generator) / fan_in**0.5 * config.init_gain
            )
            if config.norm == "none":
                self.biases.append(torch.zeros(hidden))
            else:
                self.gammas.append(torch.ones(hidden))
                self.betas.append(torch.zeros(hidden))
            channels = hidden
        self.matrices.append(torch.randn((hidden, vocab_size), generator=self.generator) / hidden**0.5)
        self.matrices[-1] *= config.output_scale
        self.biases.append(torch.zeros(vocab_size))
        self.means: list[Tensor | float] = [0.0] * len(config.fuse)
        self.variances: list[Tensor | float] = [1.0] * len(config.fuse)
        self.parameters = [self.embedding, *self.matrices, *self.biases, *self.gammas, *self.betas]
        for parameter in self.parameters:
            parameter.requires_grad = True

        contexts, targets = [], []
        for word in corpus.split(Split.TRAIN):
            context_ids = [0] * config.context
            for symbol_id in [*(corpus.symbols.index(symbol) + 1 for symbol in word), 0]:
                contexts.append(context_ids)
                targets.append(symbol_id)
                context_ids = [*context_ids[1:], symbol_id]
        self.contexts, self.targets = torch.tensor(contexts), torch.tensor(targets)

    def batch_norm(self, x: Tensor, level: int) -> Tensor:
        dims = (0, 1) if x.ndim == 3 and self.config.norm == "batch" else (0,)
        mean = x.mean(dims, keepdim=True)
        var = x.var(dims, keepdim=True)
        with torch.no_grad():
            self.means[level] = 0.9 * self.means[level] + 0.1 * mean
            self.variances[level] = 0.9 * self.variances[level] + 0.1 * var
        return self.gammas[level] * ((x - mean) / torch.sqrt(var + 1e-5)) + self.betas[level]

    def step(self, step_index: int) -> float:
        config = self.config
        indices = torch.randint(0, len(self.targets), (config.batch_size,), generator=self.generator)
        x = self.embedding[self.contexts[indices]]
        for level, n in enumerate(config.fuse):
            rows, positions, channels = x.shape
            x = x.view(rows, positions // n, channels * n)
            if x.shape[1] == 1:
                x = x.squeeze(1)
            x = x @ self.matrices[level]
            x = x + self.biases[level] if config.norm == "none" else self.batch_norm(x, level)
            x = torch.tanh(x) if config.activation == "tanh" else torch.relu(x)
        loss = functional.cross_entropy(x @ self.matrices[-1] + self.biases[-1], self.targets[indices])
        for parameter in self.parameters:
            parameter.grad = None
        torch.autograd.backward(loss)
        lr = config.lr if step_index < config.lr_drop * config.max_steps else config.lr / 10
        for parameter in self.parameters:
            assert parameter.grad is not None
            parameter.data += -lr * parameter.grad
        return loss.item()


@pytest.mark.parametrize("norm", ["batch", "batch-bug", "none"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_sixty_steps_bit_identical_to_plain_loop(config: RunConfig, corpus: Corpus, norm: str, activation: str) -> None:
    config = replace(config, context=8, fuse=(2, 2, 2), n_embd=6, n_hidden=16, batch_size=32, max_steps=60)
    config = replace(config, norm=norm, activation=activation, init_gain=1.5, step="plain")
    loop, trainer = PlainLoop(config, corpus), Trainer(config, corpus, torch.device("cpu"))
    losses = [point.mean for point in trainer.train_for(60, 60)]
    assert losses == [loop.step(step_index) for step_index in range(60)]
    parameters = list(trainer.model.parameters())
    assert all(any(torch.equal(ours, expected) for ours in parameters) for expected in loop.parameters)
    assert len(parameters) == len(loop.parameters)
    buffers = list(trainer.model.buffers())
    expected = (
        [] if norm == "none" else [pair for pairs in zip(loop.means, loop.variances, strict=True) for pair in pairs]
    )
    for ours, reference in zip(buffers, expected, strict=True):
        assert torch.equal(ours, torch.as_tensor(reference).view_as(ours))


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "muon"])
def test_nonfinite_loss_updates_no_weight(config: RunConfig, corpus: Corpus, optimizer: str) -> None:
    config = replace(config, optimizer=optimizer)
    model = build_model(config, corpus.vocab_size, torch.Generator().manual_seed(3))
    optimizer = Optimizer(model, config)
    last = model.layers[-1]
    assert isinstance(last, Linear)
    last.weight.data[0, 0] = torch.inf
    before = [parameter.clone() for parameter in model.parameters()]
    windows = WindowDataset(corpus.split(Split.TRAIN), corpus.symbols, config.context, torch.device("cpu"))
    loss = AutogradStep(model, optimizer)(WindowBatch(*windows.batch(slice(0, 8))), 0.1)
    assert not torch.tensor(loss).isfinite()
    assert all(torch.equal(now, then) for now, then in zip(model.parameters(), before, strict=True))
    assert not any(tensor.any() for tensor in optimizer.state_dict().values())


@pytest.mark.parametrize(
    "settings",
    [{}, {"activation": "gated"}, {"dilations": (1, 2)}, {"dilations": (1, 1, 1), "activation": "gated"}],
)
def test_whole_words_have_gradients_of_all_windows(config: RunConfig, corpus: Corpus, settings: dict[str, Any]) -> None:
    config = replace(config, norm="none", **settings).validated()
    words, cpu = corpus.split(Split.TRAIN)[:12], torch.device("cpu")
    windows = WindowDataset(words, corpus.symbols, config.context, cpu)
    offsets = {offset for level in level_shapes(config) for offset in level.offsets if offset}
    batches = (
        WindowBatch(*windows.batch(slice(0, len(windows)))),
        PrefixDataset(words, corpus.symbols, offsets, cpu).batch(slice(0, len(words))),
    )
    losses, gradients = [], []
    for batch in batches:
        model = build_model(config, corpus.vocab_size, torch.Generator().manual_seed(3)).double()
        losses.append(AutogradStep(model, Optimizer(model, config))(batch, 0.1))
        gradients.append([parameter.grad for parameter in model.parameters()])
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)
    for window_grad, word_grad in zip(*gradients, strict=True):
        assert window_grad is not None
        assert window_grad.any()
        assert torch.allclose(window_grad, word_grad, rtol=0, atol=1e-10)


def test_dropped_context_gives_its_embeddings_no_gradient(config: RunConfig, corpus: Corpus) -> None:
    model = build_model(config, corpus.vocab_size, torch.Generator().manual_seed(3))
    contexts, targets = WindowDataset(("abc",), "abc", config.context, torch.device("cpu")).batch(slice(0, 4))
    before = model.layers[0].weight.detach().clone()
    keep_mask = (contexts != 2).float()
    AutogradStep(model, Optimizer(model, config))(WindowBatch(contexts, targets, keep_mask), 0.1)
    has_changed = (model.layers[0].weight.detach() != before).any(dim=1)
    assert has_changed[:4].tolist() == [True, True, False, True]


def test_skipped_level_gets_no_gradient(config: RunConfig, corpus: Corpus) -> None:
    config = replace(config, norm="none", dilations=(1, 2))
    model = build_model(config, corpus.vocab_size, torch.Generator().manual_seed(3))
    contexts, targets = WindowDataset(("abc",), "abc", config.context, torch.device("cpu")).batch(slice(0, 4))
    level_scale = torch.ones(4, config.context, 2)
    level_scale[:, :, 1] = 0
    before = [parameter.detach().clone() for parameter in model.parameters()]
    AutogradStep(model, Optimizer(model, config))(WindowBatch(contexts, targets, level_scale=level_scale), 0.1)
    has_changed = [not torch.equal(now, then) for now, then in zip(model.parameters(), before, strict=True)]
    assert has_changed == [True, True, True, False, False, True, True]


def test_batch_of_one_trains_without_nan(config: RunConfig, corpus: Corpus) -> None:
    for norm in ("batch", "batch-bug", "none"):
        trainer = Trainer(replace(config, batch_size=1, norm=norm, lr=0.01), corpus, torch.device("cpu"))
        trainer.train_for(60, 50)
        assert trainer.step == 50
        assert all(tensor.isfinite().all() for tensor in trainer.state_dict().values())
