"""Layer queries: every kind answered, none changes the run."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from support.dispatcher_harness import DispatcherHarness, small_config
from torch import Tensor

from charwave_tui.core.config.layer_shapes import ACTIVATION_OF_LAYER
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import RunState
from charwave_tui.core.protocol.commands import (
    ForkRun,
    InspectLayer,
    OpenRun,
    PrepareRun,
    ProbeLayers,
    ReportUpdateRatios,
    ResetRun,
    ResumeRun,
    RewindRun,
    StartRun,
    StepRun,
)
from charwave_tui.core.protocol.events import LayerInspected, LayersProbed, UpdateRatiosReported
from charwave_tui.core.protocol.framing import MAX_FRAME_BYTES, decode_event, encode_frame
from charwave_tui.core.protocol.layer_insights import (
    ActivationInsight,
    BatchNormInsight,
    EmbeddingInsight,
    InsightQuery,
    LinearInsight,
    OutputInsight,
    ProbeBatch,
    TreeInsight,
)
from charwave_tui.engine.runs import active_run
from charwave_tui.engine.runs.checkpoint import load_latest_checkpoint, load_weights
from charwave_tui.engine.runs.run_history import ResumeState
from charwave_tui.engine.service import layer_queries

KINDS = {
    "Embedding": EmbeddingInsight,
    "FlattenConsecutive": TreeInsight,
    "FlattenDilated": TreeInsight,
    "Linear": LinearInsight,
    "BatchNorm1d": BatchNormInsight,
    **dict.fromkeys(ACTIVATION_OF_LAYER, ActivationInsight),
    **dict.fromkeys(("Residual", "Skips"), OutputInsight),
}


LENSES = [
    InsightQuery(0, symbol=2**60),
    InsightQuery(2, position=-(2**60), top=2**60, left=-(2**60), rows=2**60, columns=2**60, singular_values=True),
    InsightQuery(3, position=2**60, top=-1, left=2**60, rows=-5, columns=-5, symbol=-1, text="\0\x1b?" * 10_000),
    InsightQuery(4, rows=2**60, columns=2**60, left=7),
    InsightQuery(1, text="ana" * 20_000),
]
"""What no screen asks for."""


@pytest.fixture
def harness() -> DispatcherHarness:
    return DispatcherHarness()


@pytest.fixture
def config(words: Path) -> RunConfig:
    return small_config(words, max_steps=40, eval_every=1_000)


def start_and_pause(harness: DispatcherHarness, config: RunConfig, steps: int = 5) -> None:
    harness.send(StartRun(config, "", steps))
    harness.run_until_idle()
    harness.clear_events()


def replies_to(harness: DispatcherHarness, *commands: Any) -> list[Any]:
    """Return the replies, encoded and decoded as on the wire."""
    harness.replies.clear()
    harness.send(*commands)
    frames = [encode_frame(event) for event in harness.replies]
    assert all(len(content) < MAX_FRAME_BYTES for content in frames)
    return [decode_event(content[4:]) for content in frames]


def layer_count(harness: DispatcherHarness) -> int:
    return len(harness.dispatcher.active_run.trainer.model.layers)


def set_nan_weights(harness: DispatcherHarness) -> None:
    with torch.no_grad():
        for parameter in harness.dispatcher.active_run.trainer.model.parameters():
            parameter.fill_(math.nan)


@pytest.mark.parametrize("spoilt", [False, True])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"norm": "batch-bug", "activation": "relu"},
        {"norm": "none", "activation": "gelu", "n_hidden": 1, "n_embd": 1},
        {"dilations": (1, 2), "activation": "gated", "batches": "names"},
    ],
)
def test_every_layer_query_gets_reply(
    harness: DispatcherHarness, config: RunConfig, changes: dict[str, object], spoilt: bool
) -> None:
    start_and_pause(harness, replace(config, **changes))
    if spoilt:
        set_nan_weights(harness)
    (probed,) = replies_to(harness, ProbeLayers())
    assert probed.step == 5
    assert probed.seconds > 0
    for place, stats in enumerate(probed.layers):
        for lens in LENSES:
            (reply,) = replies_to(harness, InspectLayer(msgspec.structs.replace(lens, layer=place), request=9))
            assert isinstance(reply, LayerInspected)
            assert (reply.step, reply.request, reply.seconds > 0) == (5, 9, True)
            assert repr(reply.stats) == repr(stats)  # NaN is not equal to itself
            assert type(reply.insight) is KINDS[stats.name]
            if spoilt and isinstance(reply.insight, EmbeddingInsight):
                assert math.isnan(reply.insight.projection.at(0, 0))


def test_wide_layers_and_large_vocabularies_get_reply(
    harness: DispatcherHarness, config: RunConfig, tmp_path: Path
) -> None:
    chance, symbols = random.Random(3), [chr(0x4E00 + number) for number in range(2_000)]
    words = ["".join(chance.sample(symbols, 3)) for _ in range(2_700)]
    path = tmp_path / "many.txt"
    path.write_text("\n".join(words), "utf-8")
    start_and_pause(harness, replace(config, corpus=str(path), context=2, fuse=(2,), n_hidden=2_048), 1)
    embedding, _, wide, norm, tanh, head = range(6)
    few = ProbeBatch(64)
    every = InsightQuery(0, rows=2**60, columns=2**60, singular_values=True)
    found = [
        replies_to(harness, InspectLayer(msgspec.structs.replace(every, layer=place), few))[0] for place in range(6)
    ]
    assert found[embedding].insight.projection.rows > 1_900
    assert found[wide].insight.singular_values.columns == 8
    assert found[norm].insight.gamma.columns == 1_024
    assert (found[tanh].insight.values.rows, found[tanh].insight.values.columns) == (64, 1_024)
    assert found[head].insight.singular_values.rows == 0  # too large
    assert found[head].insight.heatmap.columns <= 1_024


def test_unknown_layer_gets_no_insight(harness: DispatcherHarness, config: RunConfig) -> None:
    start_and_pause(harness, config)
    assert (
        replies_to(harness, *(InspectLayer(InsightQuery(layer)) for layer in (-1, layer_count(harness), 2**62))) == []
    )


def test_layer_query_without_model_refused(harness: DispatcherHarness) -> None:
    for command in (ProbeLayers(), InspectLayer(InsightQuery(0)), ReportUpdateRatios()):
        with pytest.raises(UserError, match="no model yet"):
            harness.send(command)


@pytest.mark.parametrize("command", [ProbeLayers(ProbeBatch(5_000)), InspectLayer(InsightQuery(0), ProbeBatch(1))])
def test_example_count_out_of_bounds_refused(harness: DispatcherHarness, config: RunConfig, command: Any) -> None:
    start_and_pause(harness, config)
    with pytest.raises(UserError, match="ask for 2 to 4,096"):
        harness.send(command)


def test_probe_batch_has_requested_examples_and_seed(harness: DispatcherHarness, config: RunConfig) -> None:
    start_and_pause(harness, config)
    tanh = InsightQuery(4, rows=4_096)
    (one,), (other,), (again,) = (replies_to(harness, InspectLayer(tanh, ProbeBatch(50, seed))) for seed in (1, 2, 1))
    assert (one.insight.examples, one.stats.output_shape[0], len(one.insight.contexts)) == (50, 50, 50)
    assert one.insight.contexts != other.insight.contexts
    assert one.insight == again.insight


def test_one_probe_serves_all_requests_until_next_step(
    harness: DispatcherHarness, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = 0
    look = layer_queries.capture_layers

    def counted(*arguments: Any) -> Any:
        nonlocal taken
        taken += 1
        return look(*arguments)

    monkeypatch.setattr(layer_queries, "capture_layers", counted)
    start_and_pause(harness, config)
    harness.send(ProbeLayers(), *(InspectLayer(InsightQuery(place)) for place in range(5)), ProbeLayers())
    assert taken == 1
    harness.send(ProbeLayers(ProbeBatch(9)))
    assert taken == 2
    harness.send(StepRun())
    harness.run_until_idle()
    harness.send(ProbeLayers(ProbeBatch(9)))
    assert taken == 3
    monkeypatch.setattr(layer_queries, "MAX_CACHED_NUMBERS", 10)
    harness.send(ProbeLayers(), ProbeLayers())
    assert taken == 5


def test_failed_probe_reported_and_does_not_pause(
    harness: DispatcherHarness, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("out of memory\nand more")

    harness.send(StartRun(replace(config, max_steps=10_000_000, eval_every=10_000_000), ""))
    harness.dispatcher.run_slice()
    with monkeypatch.context() as broken:
        broken.setattr(layer_queries, "layer_insight", fail)
        with pytest.raises(
            UserError, match=r"cannot be looked at \(RuntimeError: out of memory\); the run is as it was"
        ):
            harness.send(InspectLayer(InsightQuery(3)))
    assert harness.dispatcher.active_run.state is RunState.TRAINING
    assert len(replies_to(harness, InspectLayer(InsightQuery(3)))) == 1


def test_probing_does_not_change_training(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, bit_identical: Callable[..., bool]
) -> None:
    monkeypatch.setattr(active_run, "BURST_SECONDS", 0.0)
    saved_weights: list[dict[str, Tensor]] = []
    for number, look in enumerate((False, True), 1):
        harness = DispatcherHarness()
        harness.send(StartRun(config, ""))
        request = 0
        while harness.dispatcher.busy:
            if look:
                lens = msgspec.structs.replace(LENSES[request % len(LENSES)], layer=request % layer_count(harness))
                harness.send(InspectLayer(lens, ProbeBatch(seed=request % 3)), ReportUpdateRatios())
                request += 1
            harness.dispatcher.run_slice()
        saved_weights.append(load_weights(harness.store.folder_of(number).checkpoints()[0])[0])
    assert bit_identical(*saved_weights)


def update_ratios(harness: DispatcherHarness) -> tuple[float | None, ...]:
    (probed,) = replies_to(harness, ProbeLayers())
    assert isinstance(probed, LayersProbed)
    return tuple(layer.update_ratio for layer in probed.layers)


def ratio_history(harness: DispatcherHarness) -> UpdateRatiosReported:
    (reply,) = replies_to(harness, ReportUpdateRatios())
    assert isinstance(reply, UpdateRatiosReported)
    return reply


def test_update_ratios_stored_and_moved_with_run(harness: DispatcherHarness, config: RunConfig) -> None:
    harness.send(PrepareRun(config, ""))
    assert set(update_ratios(harness)) == {None}
    assert ratio_history(harness).steps == ()
    start_and_pause(harness, config, 12)
    reply, over_time = update_ratios(harness), ratio_history(harness)
    matrices, norms = (0, 2, 6, 9), (3, 7)
    assert [place for place, ratio in enumerate(reply) if ratio is not None] == sorted((*matrices, *norms))
    assert (over_time.steps, over_time.layers) == (tuple(range(1, 13)), matrices)
    assert list(over_time.ratios.row(11)) == pytest.approx([reply[place] for place in matrices])

    harness.send(StepRun())
    harness.run_until_idle()
    assert update_ratios(harness) != reply
    after, longer = update_ratios(harness), ratio_history(harness)
    assert longer.steps == tuple(range(1, 14))
    assert longer.ratios.numbers.startswith(over_time.ratios.numbers)

    harness.send(ResetRun())
    assert (set(update_ratios(harness)), ratio_history(harness).steps) == ({None}, ())
    for take_up in (OpenRun(1), ForkRun(1)):
        harness.send(take_up)
        assert update_ratios(harness) == after
        assert ratio_history(harness) == longer


def test_rewound_run_has_update_ratios_of_its_save(harness: DispatcherHarness, config: RunConfig) -> None:
    start_and_pause(harness, config, 12)
    reply, over_time = update_ratios(harness), ratio_history(harness)
    harness.send(ResumeRun())
    set_nan_weights(harness)
    harness.dispatcher.run_slice()
    assert harness.dispatcher.active_run.state is RunState.DIVERGED
    harness.send(RewindRun())
    assert update_ratios(harness) == reply
    assert ratio_history(harness) == over_time


def test_run_stored_without_update_ratios_has_none(harness: DispatcherHarness, config: RunConfig) -> None:
    start_and_pause(harness, config)
    standing = load_latest_checkpoint(harness.store.folder_of(1), pytest.fail).resume_state
    known = msgspec.json.decode(msgspec.json.encode(standing))
    del known["ratios"], known["changes"]
    old = msgspec.convert(known, ResumeState)
    assert old == msgspec.structs.replace(standing, ratios=(), changes=ResumeState().changes)
    run = harness.dispatcher.active_run
    run.trainer.update_ratios.restore(old.ratios, old.changes)
    assert (set(run.trainer.update_ratios.ratios), ratio_history(harness).steps) == ({None}, ())
