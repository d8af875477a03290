"""Trainer: time and step limits, loss windows, live edits, evaluation, and bit-identical repetition."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Generator
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from charwave_tui.core.config.choices import Repeats
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.corpus.word_list import WordList
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import LossPoint, Split
from charwave_tui.engine.data.window_dataset import WindowDataset
from charwave_tui.engine.runtime.devices import resolve_device
from charwave_tui.engine.training.evaluation import SplitLoss
from charwave_tui.engine.training.trainer import BATCH_STREAM, Trainer

CPU = torch.device("cpu")


UNLIMITED_SECONDS = 60.0


SameBits = Callable[..., bool]


def set_nan_weight(trainer: Trainer) -> None:
    next(trainer.model.parameters()).data.fill_(math.nan)


def finish(evaluation: Generator[None, None, SplitLoss]) -> tuple[int, SplitLoss]:
    pauses = 0
    while True:
        try:
            next(evaluation)
        except StopIteration as end:
            return pauses, end.value
        pauses += 1


def test_repeats_once_trains_on_distinct_words_and_changes_nothing_without_repeats(
    config: RunConfig, corpus: Corpus, bit_identical: SameBits
) -> None:
    distinct = corpus.without_repeats
    repeated = replace(distinct, words=WordList.of((*distinct.words, *distinct.words[:20])))
    once = replace(config, repeats=Repeats.ONCE)
    losses = []
    for trainer in (Trainer(config, distinct, CPU), Trainer(once, distinct, CPU), Trainer(once, repeated, CPU)):
        losses.append(trainer.train_for(UNLIMITED_SECONDS, 20))
        assert set(trainer.corpus.split(Split.TRAIN)).isdisjoint(trainer.corpus.split(Split.VAL))
    assert losses[0] == losses[1] == losses[2]
    assert Trainer(config, repeated, CPU).train_for(UNLIMITED_SECONDS, 20) != losses[0]


@pytest.fixture
def slow_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that advances by 10 ms at each reading."""
    ticks = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks) / 100)


def test_same_config_twice_bit_identical(config: RunConfig, corpus: Corpus, bit_identical: SameBits) -> None:
    uninterrupted, interrupted = Trainer(config, corpus, CPU), Trainer(config, corpus, CPU)
    in_parts = interrupted.train_for(UNLIMITED_SECONDS, 20) + interrupted.train_for(UNLIMITED_SECONDS, 30)
    assert uninterrupted.train_for(UNLIMITED_SECONDS, 50) == in_parts
    assert bit_identical(uninterrupted.state_dict(), interrupted.state_dict())
    different = Trainer(replace(config, seed=8), corpus, CPU)
    assert different.train_for(UNLIMITED_SECONDS, 50) != in_parts


def test_initial_state_restores_same_weights_and_batches(trainer: Trainer, bit_identical: SameBits) -> None:
    start = trainer.state_dict()
    points, end = trainer.train_for(UNLIMITED_SECONDS, 40), trainer.state_dict()
    assert not bit_identical(start, end)
    trainer.load_state(start, 0)
    assert (trainer.step, trainer.first_loss, trainer.last_loss, trainer.partial_point) == (0, None, None, None)
    assert bit_identical(trainer.state_dict(), start)
    assert trainer.train_for(UNLIMITED_SECONDS, 40) == points
    assert bit_identical(trainer.state_dict(), end)


def test_global_random_generator_never_used(config: RunConfig, corpus: Corpus) -> None:
    before = torch.get_rng_state()
    Trainer(config, corpus, CPU).train_for(UNLIMITED_SECONDS, 5)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("max_steps", "window"), [(1, 1), (399, 1), (400, 2), (5_000, 25), (200_000, 100)])
def test_run_has_at_least_two_hundred_windows(config: RunConfig, corpus: Corpus, max_steps: int, window: int) -> None:
    assert Trainer(replace(config, max_steps=max_steps), corpus, CPU).window.size == window


def test_window_is_mean_and_extremes_of_losses(config: RunConfig, corpus: Corpus) -> None:
    config = replace(config, lr_drop=1)
    single, folded = Trainer(config, corpus, CPU), Trainer(replace(config, max_steps=1_000), corpus, CPU)
    losses = [point.mean for point in single.train_for(UNLIMITED_SECONDS, 13)]
    points = folded.train_for(UNLIMITED_SECONDS, 13)
    windows = [losses[:5], losses[5:10], losses[10:]]
    expected = [
        LossPoint(step, math.fsum(part) / len(part), min(part), max(part))
        for step, part in zip((5, 10, 13), windows, strict=True)
    ]
    assert (folded.partial_point, *points) == (expected[2], *expected[:2])
    assert (folded.first_loss, folded.last_loss) == (losses[0], losses[-1])
    assert [point.step for point in folded.train_for(UNLIMITED_SECONDS, 2)] == [15]


@pytest.mark.usefixtures("slow_clock")
def test_advance_stops_at_time_limit(trainer: Trainer) -> None:
    trainer.train_for(0.05)
    assert trainer.step == 5
    trainer.train_for(0)
    assert trainer.step == 6


def test_advance_stops_after_given_steps_or_at_end(trainer: Trainer) -> None:
    assert trainer.train_for(UNLIMITED_SECONDS, 0) == []
    assert [point.step for point in trainer.train_for(UNLIMITED_SECONDS, 7)] == [1, 2, 3, 4, 5, 6, 7]
    assert (trainer.finished, len(trainer.train_for(UNLIMITED_SECONDS))) == (False, 293)
    assert (trainer.finished, trainer.train_for(UNLIMITED_SECONDS)) == (True, [])
    trainer.update_config(replace(trainer.config, max_steps=302))
    assert [point.step for point in trainer.train_for(UNLIMITED_SECONDS)] == [301, 302]
    assert [point.step for point in trainer.train_for(UNLIMITED_SECONDS, 1)] == [303]


def test_training_reduces_loss(trainer: Trainer) -> None:
    _, before = finish(trainer.evaluate(Split.TRAIN))
    trainer.train_for(UNLIMITED_SECONDS)
    _, after = finish(trainer.evaluate(Split.TRAIN))
    assert after.loss < before.loss - 0.1


def test_nonfinite_loss_ends_run_at_its_step(config: RunConfig, corpus: Corpus) -> None:
    trainer = Trainer(replace(config, max_steps=1_000), corpus, CPU)
    trainer.train_for(UNLIMITED_SECONDS, 3)
    before, state = trainer.partial_point, trainer.state_dict()
    set_nan_weight(trainer)
    assert trainer.train_for(UNLIMITED_SECONDS, 9) == []
    assert trainer.diverged
    assert (trainer.step, trainer.partial_point) == (3, before)
    assert trainer.last_loss is not None
    assert math.isnan(trainer.last_loss)
    assert trainer.train_for(UNLIMITED_SECONDS) == []
    assert trainer.step == 3
    trainer.load_state(state, 3)
    assert len(trainer.train_for(UNLIMITED_SECONDS, 5)) == 1


def test_huge_lr_diverges(config: RunConfig, corpus: Corpus) -> None:
    trainer = Trainer(replace(config, lr=10, norm="none", activation="relu", n_hidden=64), corpus, CPU)
    trainer.train_for(UNLIMITED_SECONDS)
    assert trainer.diverged
    assert not trainer.finished


def test_live_edit_takes_effect_with_next_step(config: RunConfig, corpus: Corpus, bit_identical: SameBits) -> None:
    trainer = Trainer(config, corpus, CPU)
    trainer.train_for(UNLIMITED_SECONDS, 10)
    before = trainer.state_dict()
    trainer.update_config(replace(config, lr=1e-30, batch_size=16, eval_every=7))
    trainer.train_for(UNLIMITED_SECONDS, 1)
    after = trainer.state_dict()
    learned = {name for name, _ in trainer.model.named_parameters()}
    assert bit_identical({name: before[name] for name in learned}, {name: after[name] for name in learned})
    assert trainer.config.eval_every == 7


def test_edit_needing_rebuild_refused_entirely(trainer: Trainer, config: RunConfig) -> None:
    with pytest.raises(UserError, match="n_hidden") as caught:
        trainer.update_config(replace(config, lr=0.5, n_hidden=9))
    assert caught.value.field == "n_hidden"
    assert trainer.config == config


def test_batch_larger_than_split_refused(config: RunConfig, corpus: Corpus) -> None:
    examples = corpus.summary().examples[0]
    too_large = replace(config, batch_size=examples + 1)
    with pytest.raises(UserError, match=f"batch_size {examples + 1} is more than the {examples}") as caught:
        Trainer(too_large, corpus, CPU)
    assert caught.value.field == "batch_size"
    trainer = Trainer(replace(config, batch_size=examples), corpus, CPU)
    with pytest.raises(UserError, match=str(examples)):
        trainer.update_config(too_large)


@pytest.mark.parametrize("split", list(Split))
@pytest.mark.parametrize("norm", ["batch", "batch-bug"])
def test_evaluation_is_mean_split_loss_in_eval_mode(
    config: RunConfig, corpus: Corpus, norm: str, split: Split, bit_identical: SameBits
) -> None:
    trainer = Trainer(replace(config, norm=norm), corpus, torch.device("cpu"))
    trainer.train_for(UNLIMITED_SECONDS, 50)
    before = trainer.state_dict()
    _, (loss, _) = finish(trainer.evaluate(split))
    assert bit_identical(trainer.state_dict(), before)
    assert trainer.model.training
    windows = trainer.splits.windows(split)
    contexts, targets = windows.batch(torch.arange(len(windows)))
    trainer.model.eval()
    assert loss == pytest.approx(functional.cross_entropy(trainer.model(contexts), targets).item(), abs=1e-6)


@pytest.fixture
def repeated(corpus: Corpus) -> Corpus:
    """The words of `corpus` in their order, and half of them once more."""
    return replace(corpus, words=WordList.of((*corpus.words, *corpus.words[::2])))


@pytest.mark.parametrize("split", [Split.VAL, Split.TEST])
@pytest.mark.parametrize("norm", ["batch", "batch-bug"])
@pytest.mark.parametrize("blocks", ["one", "many"])
def test_unseen_loss_is_that_of_words_absent_from_train(
    config: RunConfig, repeated: Corpus, norm: str, split: Split, blocks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if blocks == "many":
        monkeypatch.setattr("charwave_tui.engine.training.evaluation.MAX_BLOCK_MULTIPLICATIONS", 10_000)
        monkeypatch.setattr("charwave_tui.engine.training.evaluation.MIN_PREFIX_BLOCK", 1)
    trainer = Trainer(replace(config, norm=norm), repeated, CPU)
    trainer.train_for(UNLIMITED_SECONDS, 50)
    _, (loss, unseen) = finish(trainer.evaluate(split))
    words = [word for word in repeated.split(split) if word not in repeated.split(Split.TRAIN)]
    assert 0 < len(words) < len(repeated.split(split))
    windows = WindowDataset(words, repeated.symbols, config.context, CPU)
    contexts, targets = windows.batch(slice(None))
    trainer.model.eval()
    assert unseen == pytest.approx(functional.cross_entropy(trainer.model(contexts), targets).item(), abs=1e-6)
    assert unseen != pytest.approx(loss, abs=1e-3)


def test_no_unseen_loss_where_all_words_are_unseen_or_none_is(config: RunConfig, corpus: Corpus) -> None:
    distinct = corpus.without_repeats
    seen = replace(distinct, words=("ae", "io") * 50)
    for words, split in [(distinct, Split.VAL), (distinct, Split.TRAIN), (seen, Split.VAL), (seen, Split.TRAIN)]:
        trainer = Trainer(config, words, CPU)
        assert finish(trainer.evaluate(split))[1].unseen is None


@pytest.mark.parametrize("norm", ["batch", "batch-bug"])
def test_evaluation_yields_after_each_bounded_block(
    config: RunConfig, corpus: Corpus, norm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(replace(config, norm=norm), corpus, torch.device("cpu"))
    pauses, loss = finish(trainer.evaluate(Split.TRAIN))
    monkeypatch.setattr("charwave_tui.engine.training.evaluation.MAX_BLOCK_MULTIPLICATIONS", 10_000)
    monkeypatch.setattr("charwave_tui.engine.training.evaluation.MIN_PREFIX_BLOCK", 1)
    pauses_by_blocks, loss_by_blocks = finish(trainer.evaluate(Split.TRAIN))
    assert pauses == 1
    assert pauses_by_blocks > 5
    assert loss_by_blocks.loss == pytest.approx(loss.loss)


def test_model_unchanged_while_evaluation_yields(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charwave_tui.engine.training.evaluation.MAX_BLOCK_MULTIPLICATIONS", 10_000)
    monkeypatch.setattr("charwave_tui.engine.training.evaluation.MIN_PREFIX_BLOCK", 1)
    evaluation = trainer.evaluate(Split.TRAIN)
    next(evaluation)
    assert trainer.model.training
    assert torch.is_grad_enabled()
    evaluation.close()


def test_loaded_run_continues_bit_identical(config: RunConfig, corpus: Corpus, bit_identical: SameBits) -> None:
    uninterrupted, resumed = Trainer(config, corpus, CPU), Trainer(config, corpus, CPU)
    uninterrupted.train_for(UNLIMITED_SECONDS, 30)
    state = uninterrupted.state_dict()
    points = uninterrupted.train_for(UNLIMITED_SECONDS, 20)
    resumed.load_state(state, 30)
    assert resumed.step == 30
    assert resumed.train_for(UNLIMITED_SECONDS, 20) == points
    assert bit_identical(resumed.state_dict(), uninterrupted.state_dict())


def test_weights_of_other_config_refused_without_change(
    trainer: Trainer, corpus: Corpus, bit_identical: SameBits
) -> None:
    before = trainer.state_dict()
    wider = Trainer(replace(trainer.config, n_hidden=8), corpus, CPU)
    for misfit in (wider.state_dict(), {}, {name: before[name] for name in before if name != BATCH_STREAM}):
        with pytest.raises(UserError, match="do not fit"):
            trainer.load_state(misfit, 5)
        assert bit_identical(trainer.state_dict(), before)
        assert trainer.step == 0


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_selects_best_available_device(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, chosen: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert resolve_device("auto").type == chosen
    assert resolve_device("cpu").type == "cpu"


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_missing_device_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UserError, match=name) as caught:
        resolve_device(name)
    assert caught.value.field == "device"


def test_loaded_run_has_saved_state(trainer: Trainer, bit_identical: SameBits) -> None:
    trainer.train_for(UNLIMITED_SECONDS, 5)
    saved = trainer.state_dict()
    trainer.train_for(UNLIMITED_SECONDS, 3)
    trainer.load_state(saved, 5)
    assert bit_identical(trainer.state_dict(), saved)


@pytest.mark.parametrize("change", [{"optimizer": "muon", "lr": 0.01}, {"optimizer": "adamw"}, {"momentum": 0.9}])
@pytest.mark.parametrize("targets", ["sampled", "pooled"])
def test_word_batches_with_any_optimizer_continue_bit_identical(
    config: RunConfig, corpus: Corpus, change: dict[str, object], targets: str, bit_identical: SameBits
) -> None:
    dilated = replace(config, dilations=(1, 2), batches="names", targets=targets, drop_path=0.3, drop_context=0.1)
    uninterrupted = Trainer(dilated.with_values(change), corpus, CPU)
    uninterrupted.train_for(UNLIMITED_SECONDS, 12)
    first, second = (Trainer(dilated.with_values(change), corpus, CPU) for _ in range(2))
    first.train_for(UNLIMITED_SECONDS, 5)
    second.load_state(first.state_dict(), 5)
    second.train_for(UNLIMITED_SECONDS, 7)
    assert bit_identical(second.state_dict(), uninterrupted.state_dict())


def test_cpu_without_bfloat16_computes_in_float32(
    config: RunConfig, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounded = replace(config, precision="bfloat16")
    for is_supported, precision in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr("charwave_tui.engine.training.trainer.cpu_has_bfloat16", lambda value=is_supported: value)
        assert Trainer(rounded, corpus, CPU).precision == precision
    assert Trainer(config, corpus, CPU).precision == "float32"
