"""Questions about the layers of the run in hand: each kind answered, none that harms the run, whatever is asked."""

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
from desk import Desk, small
from torch import Tensor

from charwave_tui.core import archive, protocol
from charwave_tui.core.config import RunConfig
from charwave_tui.core.framing import MAX_FRAME, decode_event, frame
from charwave_tui.core.insights import (
    ActivationInsight,
    EmbeddingInsight,
    Lens,
    LinearInsight,
    NormInsight,
    PlainInsight,
    ProbeBatch,
    TreeInsight,
)
from charwave_tui.core.inspection import ChangesReported, InspectLayer, LayerInspected, ReportChanges
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.protocol import LayersProbed, ProbeLayers
from charwave_tui.core.readings import State
from charwave_tui.engine import current, looks
from charwave_tui.engine.checkpoint import load_weights, newest_save
from charwave_tui.engine.course import Standing

KINDS = {
    "Embedding": EmbeddingInsight,
    "FlattenConsecutive": TreeInsight,
    "FlattenDilated": TreeInsight,
    "Linear": LinearInsight,
    "BatchNorm1d": NormInsight,
    **dict.fromkeys(("Tanh", "ReLU", "GELU", "Gated"), ActivationInsight),
    **dict.fromkeys(("Residual", "Skips"), PlainInsight),
}
"""Which insight each kind of layer has."""

LENSES = [
    Lens(0, symbol=2**60),
    Lens(2, position=-(2**60), top=2**60, left=-(2**60), rows=2**60, columns=2**60, singular=True),
    Lens(3, position=2**60, top=-1, left=2**60, rows=-5, columns=-5, symbol=-1, text="\0\x1b?" * 10_000),
    Lens(4, rows=2**60, columns=2**60, left=7),
    Lens(1, text="ana" * 20_000),
]
"""What no screen asks for."""


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def config(words: Path) -> RunConfig:
    return small(words, max_steps=40, eval_every=1_000)


def paused(desk: Desk, config: RunConfig, steps: int = 5) -> None:
    desk.do(protocol.StartRun(config, "", steps))
    desk.work()
    desk.forget()


def asked(desk: Desk, *commands: Any) -> list[Any]:
    """What the one who asks is told, each as it comes from the wire."""
    desk.answered.clear()
    desk.do(*commands)
    frames = [frame(event) for event in desk.answered]
    assert all(len(content) < MAX_FRAME for content in frames)
    return [decode_event(content[4:]) for content in frames]


def layers_of(desk: Desk) -> int:
    return len(desk.conductor._stage.run.trainer.model.layers)


def spoil(desk: Desk) -> None:
    with torch.no_grad():
        for parameter in desk.conductor._stage.run.trainer.model.parameters():
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
def test_every_layer_query_gets_reply(desk: Desk, config: RunConfig, changes: dict[str, object], spoilt: bool) -> None:
    paused(desk, replace(config, **changes))
    if spoilt:
        spoil(desk)
    (probed,) = asked(desk, ProbeLayers())
    assert probed.step == 5
    assert probed.seconds > 0
    for place, stats in enumerate(probed.layers):
        for lens in LENSES:
            (told,) = asked(desk, InspectLayer(msgspec.structs.replace(lens, layer=place), request=9))
            assert isinstance(told, LayerInspected)
            assert (told.step, told.request, told.seconds > 0) == (5, 9, True)
            assert repr(told.stats) == repr(stats)  # NaN is not equal to itself
            assert type(told.insight) is KINDS[stats.name]
            if spoilt and isinstance(told.insight, EmbeddingInsight):
                assert math.isnan(told.insight.plane.at(0, 0))


def test_wide_layers_and_large_vocabularies_get_reply(desk: Desk, config: RunConfig, tmp_path: Path) -> None:
    chance, symbols = random.Random(3), [chr(0x4E00 + number) for number in range(2_000)]
    words = ["".join(chance.sample(symbols, 3)) for _ in range(2_700)]
    path = tmp_path / "many.txt"
    path.write_text("\n".join(words), "utf-8")
    paused(desk, replace(config, corpus=str(path), context=2, fuse=(2,), n_hidden=2_048), 1)
    embedding, _, wide, norm, tanh, head = range(6)
    few = ProbeBatch(64)
    every = Lens(0, rows=2**60, columns=2**60, singular=True)
    found = [asked(desk, InspectLayer(msgspec.structs.replace(every, layer=place), few))[0] for place in range(6)]
    assert found[embedding].insight.plane.rows > 1_900
    assert found[wide].insight.singular_values.columns == 8
    assert found[norm].insight.gamma.columns == 1_024
    assert (found[tanh].insight.values.rows, found[tanh].insight.values.columns) == (64, 1_024)
    assert found[head].insight.singular_values.rows == 0  # too large
    assert found[head].insight.heat.columns <= 1_024


def test_unknown_layer_gets_no_insight(desk: Desk, config: RunConfig) -> None:
    paused(desk, config)
    assert asked(desk, *(InspectLayer(Lens(layer)) for layer in (-1, layers_of(desk), 2**62))) == []


def test_layer_query_without_model_refused(desk: Desk) -> None:
    for command in (ProbeLayers(), InspectLayer(Lens(0)), ReportChanges()):
        with pytest.raises(Mistake, match="no model yet"):
            desk.do(command)


@pytest.mark.parametrize("command", [ProbeLayers(ProbeBatch(5_000)), InspectLayer(Lens(0), ProbeBatch(1))])
def test_example_count_out_of_bounds_refused(desk: Desk, config: RunConfig, command: Any) -> None:
    paused(desk, config)
    with pytest.raises(Mistake, match="ask for 2 to 4,096"):
        desk.do(command)


def test_probe_batch_has_requested_examples_and_seed(desk: Desk, config: RunConfig) -> None:
    paused(desk, config)
    tanh = Lens(4, rows=4_096)
    (one,), (other,), (again,) = (asked(desk, InspectLayer(tanh, ProbeBatch(50, seed))) for seed in (1, 2, 1))
    assert (one.insight.examples, one.stats.output_shape[0], len(one.insight.contexts)) == (50, 50, 50)
    assert one.insight.contexts != other.insight.contexts
    assert one.insight == again.insight


def test_one_probe_serves_all_requests_until_next_step(
    desk: Desk, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = 0
    look = looks.looked

    def counted(*arguments: Any) -> Any:
        nonlocal taken
        taken += 1
        return look(*arguments)

    monkeypatch.setattr(looks, "looked", counted)
    paused(desk, config)
    desk.do(ProbeLayers(), *(InspectLayer(Lens(place)) for place in range(5)), ProbeLayers())
    assert taken == 1
    desk.do(ProbeLayers(ProbeBatch(9)))
    assert taken == 2
    desk.do(protocol.StepRun())
    desk.work()
    desk.do(ProbeLayers(ProbeBatch(9)))
    assert taken == 3
    monkeypatch.setattr(looks, "SMALL", 10)
    desk.do(ProbeLayers(), ProbeLayers())
    assert taken == 5


def test_failed_probe_reported_and_does_not_pause(
    desk: Desk, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("out of memory\nand more")

    desk.do(protocol.StartRun(replace(config, max_steps=10_000_000, eval_every=10_000_000), ""))
    desk.conductor.work()
    with monkeypatch.context() as broken:
        broken.setattr(looks, "inside", fail)
        with pytest.raises(Mistake, match=r"cannot be looked at \(RuntimeError: out of memory\); the run is as it was"):
            desk.do(InspectLayer(Lens(3)))
    assert desk.conductor._stage.run.state is State.TRAINING
    assert len(asked(desk, InspectLayer(Lens(3)))) == 1


def test_probing_does_not_change_training(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch, same_bits: Callable[..., bool]
) -> None:
    monkeypatch.setattr(current, "BURST", 0.0)
    kept: list[dict[str, Tensor]] = []
    for number, look in enumerate((False, True), 1):
        desk = Desk()
        desk.do(protocol.StartRun(config, ""))
        request = 0
        while desk.conductor.busy:
            if look:
                lens = msgspec.structs.replace(LENSES[request % len(LENSES)], layer=request % layers_of(desk))
                desk.do(InspectLayer(lens, ProbeBatch(seed=request % 3)), ReportChanges())
                request += 1
            desk.conductor.work()
        kept.append(load_weights(desk.store.place(number).saves()[0])[0])
    assert same_bits(*kept)


def ratios(desk: Desk) -> tuple[float | None, ...]:
    (probed,) = asked(desk, ProbeLayers())
    assert isinstance(probed, LayersProbed)
    return tuple(layer.update_ratio for layer in probed.layers)


def series(desk: Desk) -> ChangesReported:
    (told,) = asked(desk, ReportChanges())
    assert isinstance(told, ChangesReported)
    return told


def test_update_ratios_stored_and_moved_with_run(desk: Desk, config: RunConfig) -> None:
    desk.do(protocol.PrepareRun(config, ""))
    assert set(ratios(desk)) == {None}
    assert series(desk).steps == ()
    paused(desk, config, 12)
    told, over_time = ratios(desk), series(desk)
    matrices, norms = (0, 2, 6, 9), (3, 7)
    assert [place for place, ratio in enumerate(told) if ratio is not None] == sorted((*matrices, *norms))
    assert (over_time.steps, over_time.layers) == (tuple(range(1, 13)), matrices)
    assert list(over_time.ratios.row(11)) == pytest.approx([told[place] for place in matrices])

    desk.do(protocol.StepRun())
    desk.work()
    assert ratios(desk) != told
    after, longer = ratios(desk), series(desk)
    assert longer.steps == tuple(range(1, 14))
    assert longer.ratios.numbers.startswith(over_time.ratios.numbers)

    desk.do(protocol.ResetRun())
    assert (set(ratios(desk)), series(desk).steps) == ({None}, ())
    for take_up in (archive.OpenRun(1), archive.ForkRun(1)):
        desk.do(take_up)
        assert ratios(desk) == after
        assert series(desk) == longer


def test_rewound_run_has_update_ratios_of_its_save(desk: Desk, config: RunConfig) -> None:
    paused(desk, config, 12)
    told, over_time = ratios(desk), series(desk)
    desk.do(protocol.ResumeRun())
    spoil(desk)
    desk.conductor.work()
    assert desk.conductor._stage.run.state is State.DIVERGED
    desk.do(protocol.RewindRun())
    assert ratios(desk) == told
    assert series(desk) == over_time


def test_run_stored_without_update_ratios_has_none(desk: Desk, config: RunConfig) -> None:
    paused(desk, config)
    standing = newest_save(desk.store.place(1), pytest.fail).standing
    known = msgspec.json.decode(msgspec.json.encode(standing))
    del known["ratios"], known["changes"]
    old = msgspec.convert(known, Standing)
    assert old == msgspec.structs.replace(standing, ratios=(), changes=Standing().changes)
    run = desk.conductor._stage.run
    run.trainer.movement.go_to(old.ratios, old.changes)
    assert (set(run.trainer.movement.ratios), series(desk).steps) == ({None}, ())
