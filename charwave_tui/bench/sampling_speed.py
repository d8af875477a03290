"""How many names a second are drawn: in batches by our sampler, one by one by the lecture's loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

from torch import Generator

from charwave_tui.bench.baselines import LectureLoop
from charwave_tui.bench.results import UNLIMITED_STEPS, Measurement, OnProgress, Run
from charwave_tui.bench.training_speed import CPU, examples, threads_of
from charwave_tui.core.config.presets import get_preset
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.config.sampling_config import MOST_NAMES, SamplingConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.engine.runtime.random_streams import derived_generator
from charwave_tui.engine.sampling.sampler import sample
from charwave_tui.engine.training.trainer import Trainer

CALLS = 5
"""Calls of our sampler in a round, for MOST_NAMES each; the lecture's loop draws ONE_BY_ONE meanwhile."""


ONE_BY_ONE = 50
"""Names of the lecture's loop in a round."""


def names_per_second(
    presets: Sequence[str], corpus: Corpus, trained: int, rounds: int, tick: OnProgress
) -> Measurement:
    """Names a second of each of `presets` after `trained` steps of either loop, on one thread, by turns."""
    values: dict[str, float] = {}
    runs: list[Run] = []
    lines = []
    with threads_of(1):
        for name in presets:
            tick(f"training {name} for {trained:,} steps, to draw names")
            us, lecture = _drawers(get_preset(name).config, corpus, trained)
            found = []
            for number in range(rounds):
                tick(f"names from {name}, round {number + 1} of {rounds}")
                found.append((_speed(us, MOST_NAMES, CALLS), _speed(lecture, ONE_BY_ONE, 1)))
            values[name] = median(ours for ours, _ in found)
            runs += [{"preset": name, "ours": ours, "lecture": theirs} for ours, theirs in found]
            theirs, ratio = median(it for _, it in found), median(ours / theirs for ours, theirs in found)
            lines.append(f"{name:24}the lecture's loop, one by one: {theirs:,.0f} a second; ours × {ratio:.0f}")
    meaning = (
        f"names drawn in calls of {MOST_NAMES:,}, told with surprises and if known or near, on one thread after "
        f"{trained:,} steps"
    )
    return Measurement("names_per_second", values, "/s", meaning, tuple(runs), tuple(lines))


def _drawers(config: RunConfig, corpus: Corpus, trained: int) -> tuple[Callable[[int, Generator], object], ...]:
    """Ours and the lecture's, each with the weights that its own loop came to."""
    trainer = Trainer(replace(config, max_steps=UNLIMITED_STEPS), corpus, CPU)
    trainer.train_for(float("inf"), trained)
    loop = LectureLoop(config, corpus.vocab_size, *examples(config, corpus), CPU)
    for _ in range(trained):
        loop.step()

    def us(count: int, stream: Generator) -> object:
        return sample(trainer.model, corpus, config, SamplingConfig(count=count), stream)

    return us, lambda count, stream: loop.draw(count, corpus.symbols, stream)


def _speed(draw: Callable[[int, Generator], object], count: int, calls: int) -> float:
    streams = [derived_generator(call, "names of the benchmark") for call in range(calls)]
    begun = time.perf_counter()
    for stream in streams:
        draw(count, stream)
    return calls * count / (time.perf_counter() - begun)
