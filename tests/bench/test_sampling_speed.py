"""Names per second of our sampler and of the lecture's loop."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from charwave_tui.bench import sampling_speed
from charwave_tui.bench.baselines import LectureLoop
from charwave_tui.bench.sampling_speed import names_per_second
from charwave_tui.bench.training_speed import CPU, examples
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.registry import find_corpus
from charwave_tui.engine.training.trainer import Trainer

CONFIG = RunConfig(n_embd=6, n_hidden=16, batch_size=32, max_steps=400, lr_drop=1, step="plain")


def test_baseline_sampling_matches_our_model_in_eval_mode() -> None:
    corpus = find_corpus("imena")
    trainer, loop = Trainer(CONFIG, corpus, CPU), LectureLoop(CONFIG, corpus.vocab_size, *examples(CONFIG, corpus), CPU)
    trainer.train_for(60, 60)
    for _ in range(60):
        loop.step()
    trainer.model.train(False)
    generator, expected = torch.Generator().manual_seed(1), list[str]()
    for _ in range(3):
        ids = [0] * 8
        while len(ids) == 8 or ids[-1] != 0:
            probs = functional.softmax(trainer.model(torch.tensor([ids[-8:]])), dim=1)
            ids.append(int(torch.multinomial(probs, 1, generator=generator)))
        expected.append(corpus.decode(ids))
    assert loop.sample_names(3, corpus.symbols, torch.Generator().manual_seed(1)) == expected


def test_sampling_methods_timed_alternately_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling_speed, "LECTURE_NAMES", 2)
    monkeypatch.setattr(sampling_speed, "CALLS", 1)
    before, progress = torch.get_num_threads(), list[str]()
    measurement = names_per_second(["playground"], find_corpus("imena"), 200, 2, progress.append)
    assert measurement.name == "names_per_second"
    assert isinstance(measurement.value, dict)
    ours = [run["ours"] for run in measurement.runs if isinstance(run, dict)]
    assert measurement.value == {"playground": pytest.approx(sum(ours) / 2)}
    assert all(run["ours"] > run["lecture"] > 0 for run in measurement.runs if isinstance(run, dict))
    assert (torch.get_num_threads(), len(progress)) == (before, 3)
