"""Views of a run that never happened, for tests and pictures: untrained, training, finished, diverged."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec

from charwave_tui.core.config.layer_shapes import layer_shapes
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.metrics import (
    CorpusSummary,
    CurveMarker,
    Divergence,
    Evaluation,
    GhostCurve,
    LayerStats,
    LossPoint,
    RepeatCounts,
    RunState,
    SampledName,
    Split,
    TrainingHistory,
)
from charwave_tui.ui.state.run_state import (
    ConnectionState,
    EngineDisconnected,
    LabState,
    LayersState,
    LossCurveState,
    NamesState,
    RunViewState,
    Unfinished,
    reduce,
)

CONFIG = RunConfig(n_embd=24, n_hidden=128, batch_size=32, max_steps=200_000, eval_every=10_000, corpus="makemore")


DILATED_CONFIG = replace(
    CONFIG,
    dilations=(1, 1, 2, 1, 2),
    n_embd=48,
    n_hidden=256,
    activation="gated",
    optimizer="muon",
    lr=0.006,
    schedule="cosine",
    batches="names",
    batch_size=256,
    max_steps=500,
    eval_every=100,
)


CARD = CorpusSummary("makemore", "0" * 64, 32_033, "abcdefghijklmnopqrstuvwxyz", (182_625, 22_655, 22_866))


def _history(last: int, low: float) -> TrainingHistory:
    def course(step: int) -> float:
        drop = 0.09 if step > 150_000 else 0.0
        return low + 1.4 * math.exp(-step / 9_000) + 0.12 * math.exp(-step / 70_000) - drop

    points = tuple(
        LossPoint(step, course(step) + 0.02 * math.sin(step / 700), course(step) - 0.1, course(step) + 0.1)
        for step in range(100, last + 1, 100)
    )
    evaluations = tuple(Evaluation(step, Split.VAL, course(step) + 0.12) for step in range(10_000, last + 1, 10_000))
    return TrainingHistory(100, points, evaluations, (CurveMarker(110_000, "lr 0.1 → 0.01"),) if last > 110_000 else ())


def _layers(config: RunConfig = CONFIG) -> tuple[LayerStats, ...]:
    return tuple(
        LayerStats(
            shape.kind,
            shape.detail,
            (512, *shape.output),
            shape.parameters,
            round(0.03 * math.sin(3 * i), 3),
            round(0.9 + 0.3 * math.cos(i), 3),
            round(3.1 + i / 2, 1) if shape.kind in ("Tanh", "Gated") else None,
            i % 3 if shape.kind == "Tanh" else None,
            *_weights(i, shape.parameters),
        )
        for i, shape in enumerate(layer_shapes(config, CARD.vocab_size))
    )


def _weights(i: int, parameters: int) -> tuple[float | None, float | None, float | None, float | None]:
    """What is known of a layer's weight: its gradient's std, its own, the one by the other, and the update ratio."""
    if not parameters:
        return None, None, None, None
    gradient, weight = round(9e-3 / (i + 1), 5), round(0.2 + 0.02 * i, 3)
    return gradient, weight, round(gradient / weight, 4), round(-3.1 + 0.05 * i, 2)


def _with_nan(layer: LayerStats) -> LayerStats:
    saturation = None if layer.saturation is None else math.nan
    return msgspec.structs.replace(layer, mean=math.nan, std=math.nan, saturation=saturation)


def _nlls(name: str, i: int) -> tuple[float, ...]:
    """Likely characters, possible ones, and now and then one that surprises."""
    return tuple(
        -math.log((0.5, 0.12, 0.3, 0.02, 0.4, 0.08, 0.6)[(i + 2 * place) % 7]) for place in range(len(name) + 1)
    )


NAMES = tuple(
    SampledName(name, round(1.3 + 0.11 * i, 2), i % 3 == 1, "mateo" if i in (3, 6) else "", _nlls(name, i))
    for i, name in enumerate(
        ("maralynn", "mariela", "makyah", "mateson", "mayrin", "marsden", "malia", "mavelyn", "madrix", "maziyah")
    )
)


EMPTY = LabState()
"""Before the engine has answered."""


UNTRAINED = LabState(
    run=RunViewState(ConnectionState.READY, None, "tree-76k", CONFIG, CARD, 76_579, "cpu", RunState.READY),
    curve=LossCurveState(vocab_size=27, max_steps=200_000, published=1.9937),
    layers=LayersState(0, _layers()),
)
"""A prepared model, no step yet."""


TRAINING = LabState(
    run=RunViewState(
        ConnectionState.READY, 12, "tree-76k", CONFIG, CARD, 76_579, "cpu", RunState.TRAINING, 132_400, 1_512.0
    ),
    curve=LossCurveState(
        _history(132_400, 1.75),
        LossPoint(132_440, 1.8474, 1.7, 2.0),
        GhostCurve("run 11", 200_000, _history(200_000, 1.9)),
        1.9937,
        27,
        200_000,
    ),
    layers=LayersState(132_400, _layers()),
    names=NamesState(132_400, NAMES),
)
"""In the middle of a long run, with a ghost and a live edit."""


FINISHED = replace(
    TRAINING,
    run=replace(TRAINING.run, state=RunState.FINISHED, step=200_000, steps_per_second=0.0),
    curve=replace(TRAINING.curve, history=_history(200_000, 1.75), partial=None),
    layers=LayersState(200_000, _layers()),
    names=NamesState(200_000, NAMES),
)
"""The same run at its end."""


DILATED_STACK = replace(
    TRAINING,
    run=RunViewState(
        ConnectionState.READY, 13, "tree-76k", DILATED_CONFIG, CARD, 1_138_731, "cpu", RunState.PAUSED, 400
    ),
    curve=LossCurveState(
        TrainingHistory(10, tuple(LossPoint(s, 1.8 + 1.4 * math.exp(-s / 40), 1.7, 3.3) for s in range(10, 401, 10))),
        vocab_size=27,
        max_steps=500,
    ),
    layers=LayersState(400, _layers(DILATED_CONFIG)),
    names=NamesState(400, NAMES),
)
"""A run of five gated levels that overlap, over whole names, held."""


DIVERGED = replace(
    TRAINING,
    run=replace(
        TRAINING.run,
        config=replace(CONFIG, lr=10.0),
        state=RunState.DIVERGED,
        step=412,
        reason="the loss became NaN at step 412 with lr 10",
        divergence=Divergence(412, "NaN", 10.0, "Linear 256→128", 3.2e4, 400),
    ),
    curve=LossCurveState(
        TrainingHistory(10, tuple(LossPoint(s, 3.3 * math.exp(s / 80), 3.0, 9e3) for s in range(10, 410, 10))),
        vocab_size=27,
        max_steps=200_000,
        diverged_at=412,
    ),
    layers=LayersState(412, tuple(_with_nan(layer) if i > 5 else layer for i, layer in enumerate(_layers()))),
    names=NamesState(0, (), "the weights give NaN, so there is nothing to sample", is_after_divergence=True),
)
"""A run whose loss ran away."""


def _with_unseen(history: TrainingHistory) -> TrainingHistory:
    evaluations = (msgspec.structs.replace(item, unseen=item.loss + 0.03) for item in history.evaluations)
    return msgspec.structs.replace(history, evaluations=tuple(evaluations))


REPEATED_WORDS = replace(
    TRAINING,
    run=replace(TRAINING.run, corpus=msgspec.structs.replace(CARD, repeats=RepeatCounts(29_494, 24_002, 424 / 3_203))),
    curve=replace(TRAINING.curve, history=_with_unseen(TRAINING.curve.history)),
)
"""The same run, its corpus known to repeat words, so that val is also measured on those that are not in train."""


UNSAVED = replace(TRAINING, run=replace(TRAINING.run, unsaved="No space left on device"))
"""A run that trains and cannot be written to disk."""


UNFINISHED = replace(UNTRAINED, run=replace(UNTRAINED.run, unfinished=Unfinished(12, 48_200)))
"""A prepared model, and a run that was left in the middle by a crash."""


ENGINE_LOST = reduce(TRAINING, EngineDisconnected())
"""The same run in the middle, its engine killed."""
