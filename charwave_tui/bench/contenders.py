"""Every way to train one and the same model that the benchmark compares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from charwave_tui.bench.lecture import LectureLoop
from charwave_tui.bench.material import ENDLESS
from charwave_tui.bench.products import BareProducts
from charwave_tui.bench.race import Contender
from charwave_tui.bench.usual import UsualLoop
from charwave_tui.core.config import RunConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.readings import Split
from charwave_tui.engine.batches import Windows
from charwave_tui.engine.trainer import Trainer

LECTURE, USUAL, PLAIN, FAST, NAMES, FLOOR = "lecture", "usual", "plain", "fast", "names", "floor"

TOLD = {
    LECTURE: "the lecture's loop",
    USUAL: "nn.Module, torch.optim",
    PLAIN: "our plain step",
    FAST: "our fast step",
    NAMES: "the same on whole names",
    FLOOR: "bare matrix products",
}
"""What each contender is, for people."""

CPU = torch.device("cpu")
"""Where all but the GPU's own race is run."""


def contenders(config: RunConfig, corpus: Corpus) -> dict[str, Contender]:
    """All of them for a `config` with tanh, norm batch, sgd and windows, on the training words of `corpus`.

    Each scores batch_size windows a step but NAMES, which scores every position of batch_size whole names.
    """
    usual = UsualLoop(config, corpus.vocab_size, *examples(config, corpus))
    return {
        LECTURE: by_lecture(config, corpus),
        USUAL: Contender(_repeated(usual.step), config.batch_size),
        PLAIN: ours(replace(config, step="plain"), corpus),
        FAST: ours(replace(config, step="fast"), corpus),
        NAMES: ours(replace(config, step="fast", batches="names"), corpus),
        FLOOR: floor(config, corpus),
    }


def by_lecture(config: RunConfig, corpus: Corpus, device: torch.device = CPU) -> Contender:
    """The lecture's loop."""
    loop = LectureLoop(config, corpus.vocab_size, *examples(config, corpus), device)
    return Contender(_repeated(loop.step), config.batch_size)


def ours(config: RunConfig, corpus: Corpus, device: torch.device = CPU) -> Contender:
    """The step of `config` as a run takes it, batches and learning rate included."""
    trainer = Trainer(replace(config, max_steps=ENDLESS), corpus, device)
    positions = float(config.batch_size)
    if config.batches == "names":
        names = trainer.splits.names(Split.TRAIN)
        positions *= names.positions / len(names)
    return Contender(lambda steps: _advance(trainer, steps), positions)


def floor(config: RunConfig, corpus: Corpus) -> Contender:
    """The matrix products alone."""
    return Contender(_repeated(BareProducts(config, corpus.vocab_size).step), config.batch_size)


def examples(config: RunConfig, corpus: Corpus) -> tuple[torch.Tensor, torch.Tensor]:
    """All training contexts [N, context] and targets [N] as the lecture's loop keeps them: whole tensors."""
    windows = Windows(corpus.split(Split.TRAIN), corpus.symbols, config.context, CPU)
    contexts, targets = windows.batch(slice(None))
    return contexts.contiguous(), targets.contiguous()


def _repeated(step: Callable[[], None]) -> Callable[[int], None]:
    def take(steps: int) -> None:
        for _ in range(steps):
            step()

    return take


def _advance(trainer: Trainer, steps: int) -> None:
    trainer.advance(float("inf"), steps)
