"""Commands in, events out: each key of the lab as the session obeys it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from desk import WORDS, small

from charwave_tui.core import protocol
from charwave_tui.core.config import RunConfig
from charwave_tui.core.places import runs_dir
from charwave_tui.core.protocol import Event
from charwave_tui.core.readings import Split, State
from charwave_tui.core.runs import RunStore
from charwave_tui.core.sampling import Sampling
from charwave_tui.engine import saves
from charwave_tui.engine.checkpoint import load_weights
from charwave_tui.engine.names import Names
from charwave_tui.engine.session import Session


class Talk:
    """A session on its own thread, and what it told: `everything`, and what no wait has passed by yet."""

    def __init__(self) -> None:
        self.told: list[tuple[Event, int | None]] = []
        self.everything: list[Event] = []
        self._heard = threading.Condition()
        self.session = Session(self._hear, RunStore(runs_dir()))
        self._thread = threading.Thread(target=self.session.run)
        self._thread.start()

    def _hear(self, event: Event, viewer: int | None) -> None:
        with self._heard:
            self.told.append((event, viewer))
            self.everything.append(event)
            self._heard.notify_all()

    def wait(self, kind: type[Event], timeout: float = 20, **fields: Any) -> Any:
        """The first event since the last wait that fits."""
        deadline = time.monotonic() + timeout
        seen = 0
        with self._heard:
            while True:
                for index in range(seen, len(self.told)):
                    event = self.told[index][0]
                    if isinstance(event, kind) and all(getattr(event, k) == v for k, v in fields.items()):
                        del self.told[: index + 1]
                        return event
                seen = len(self.told)
                assert self._heard.wait(deadline - time.monotonic()), f"no {kind.__name__} {fields}: {self.told[-5:]}"

    def end(self) -> None:
        self.session.close()
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def config(words: Path) -> RunConfig:
    return small(words, max_steps=400, eval_every=100)


@pytest.fixture
def talk() -> Iterator[Talk]:
    talk = Talk()
    yield talk
    talk.end()


def endless(config: RunConfig) -> RunConfig:
    return replace(config, max_steps=10_000_000, eval_every=10_000_000)


def test_run_trains_to_end_and_is_evaluated_and_saved(talk: Talk, config: RunConfig) -> None:
    talk.session.submit(protocol.StartRun(config, "playground"))
    opened = talk.wait(protocol.RunOpened)
    assert (opened.run, opened.step, opened.corpus.words, opened.published) == (1, 0, len(WORDS), None)
    assert talk.wait(protocol.SplitEvaluated).evaluation.step == 100
    talk.wait(protocol.RunChanged, state=State.FINISHED, step=400)
    assert talk.wait(protocol.SplitEvaluated).evaluation.split is Split.TRAIN
    val = talk.wait(protocol.SplitEvaluated).evaluation
    talk.wait(protocol.RunSaved, step=400)
    record = RunStore(runs_dir()).read(1)
    assert (record.state, record.step, record.val) == (State.FINISHED, 400, val.loss)
    assert record.train is not None
    assert record.val is not None
    assert record.val < 2.5 < (record.first_loss or 0)
    assert len(record.history.points) == 200


def test_pause_step_and_resume_act_between_steps(talk: Talk, config: RunConfig) -> None:
    talk.session.submit(protocol.StartRun(endless(config), ""))
    talk.wait(protocol.Progress)
    asked = time.monotonic()
    talk.session.submit(protocol.PauseRun())
    paused = talk.wait(protocol.RunChanged, state=State.PAUSED)
    assert time.monotonic() - asked < 5
    for further in (1, 2):
        talk.session.submit(protocol.StepRun())
        assert talk.wait(protocol.RunChanged, state=State.PAUSED).step == paused.step + further
    talk.session.submit(protocol.ResumeRun())
    talk.wait(protocol.RunChanged, state=State.TRAINING)
    assert talk.wait(protocol.Progress).step >= paused.step + 2
    talk.session.submit(protocol.StepRun())
    talk.wait(protocol.RunChanged, state=State.PAUSED)


def test_single_step_starts_run_and_is_reported_at_once(talk: Talk, config: RunConfig) -> None:
    talk.session.submit(protocol.StartRun(config, "", steps=1))
    progress = talk.wait(protocol.Progress, step=1)
    assert progress.partial is not None or progress.points
    talk.wait(protocol.RunChanged, state=State.PAUSED, step=1)


def test_fast_step_requests_are_all_taken(talk: Talk, config: RunConfig) -> None:
    for command in (protocol.StartRun(endless(config), "", steps=1), protocol.StepRun(), protocol.StepRun()):
        talk.session.submit(command)
    talk.wait(protocol.RunChanged, state=State.PAUSED, step=3)


def test_resume_dispatched_before_pending_single_step(talk: Talk, config: RunConfig) -> None:
    for command in (protocol.StartRun(endless(config), "", steps=1), protocol.ResumeRun()):
        talk.session.submit(command)
    while talk.wait(protocol.Progress).step < 10:
        pass
    talk.session.submit(protocol.PauseRun())
    assert talk.wait(protocol.RunChanged, state=State.PAUSED).step >= 10


def test_pause_immediate_even_during_evaluation(talk: Talk, config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charwave_tui.engine.errands.PATIENCE", 0)
    monkeypatch.setattr("charwave_tui.engine.evaluation.BLOCK_WORK", 5_000)
    monkeypatch.setattr("charwave_tui.engine.evaluation.LEAST", 1)
    talk.session.submit(protocol.StartRun(endless(config), ""))
    talk.wait(protocol.Progress)
    under_way = threading.Event()
    blocks = iter(range(10))

    def looking_on(self: Names, positions: int) -> Iterator[Any]:
        for block in whole_blocks(self, positions):
            if next(blocks, 0) == 3:  # well within the first split
                talk.session.submit(protocol.PauseRun())
                under_way.set()
            yield block

    whole_blocks = Names.blocks
    monkeypatch.setattr(Names, "blocks", looking_on)
    talk.session.submit(protocol.EvaluateSplits((Split.TRAIN, Split.VAL, Split.TEST)))
    assert under_way.wait(20)
    talk.wait(protocol.SplitEvaluated)
    talk.wait(protocol.SplitEvaluated)
    talk.wait(protocol.SplitEvaluated)
    order = [
        event.state if isinstance(event, protocol.RunChanged) else event.evaluation.split
        for event in talk.everything
        if isinstance(event, protocol.RunChanged | protocol.SplitEvaluated)
    ]
    assert order == [State.TRAINING, State.PAUSED, Split.TRAIN, Split.VAL, Split.TEST]


def test_reset_restores_same_weights_and_keeps_ghost(talk: Talk, config: RunConfig) -> None:
    talk.session.submit(protocol.StartRun(config, ""))
    talk.wait(protocol.RunSaved, step=0)
    first, _ = load_weights(RunStore(runs_dir()).place(1).saves()[0])
    talk.wait(protocol.RunChanged, state=State.FINISHED)
    talk.session.submit(protocol.ResetRun())
    opened = talk.wait(protocol.RunOpened)
    talk.wait(protocol.RunChanged, state=State.PAUSED, step=0)
    assert (opened.run, opened.step) == (2, 0)
    assert opened.ghost is not None
    assert opened.ghost.name == "run 1"
    assert opened.ghost.history.points[-1].step == 400
    talk.wait(protocol.RunSaved, run=2)
    again, _ = load_weights(RunStore(runs_dir()).place(2).saves()[0])
    assert first.keys() == again.keys()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_live_edit_takes_effect_with_mark(talk: Talk, config: RunConfig) -> None:
    talk.session.submit(protocol.StartRun(endless(config), ""))
    talk.wait(protocol.Progress)
    talk.session.submit(protocol.EditRun(replace(endless(config), lr=0.05)))
    assert talk.wait(protocol.RunMarked).mark.text == "lr 0.1 → 0.05"
    assert talk.wait(protocol.RunEdited).config.lr == 0.05


def test_edit_of_rebuild_field_refused_and_run_continues(talk: Talk, config: RunConfig) -> None:
    talk.session.submit(protocol.StartRun(endless(config), ""))
    talk.wait(protocol.Progress)
    talk.session.submit(protocol.EditRun(replace(endless(config), n_hidden=9)), viewer=7)
    refused = talk.wait(protocol.CommandRefused)
    assert "n_hidden" in refused.problem
    step = talk.wait(protocol.Progress).step
    assert talk.wait(protocol.Progress).step > step


def test_lr_drop_is_marked(talk: Talk, config: RunConfig) -> None:
    talk.session.submit(protocol.StartRun(config, ""))
    mark = talk.wait(protocol.RunMarked).mark
    assert (mark.step, mark.text) == (300, "lr 0.1 → 0.01")


def test_extend_trains_for_as_many_steps_again(talk: Talk, config: RunConfig) -> None:
    talk.session.submit(protocol.StartRun(config, ""))
    talk.wait(protocol.RunChanged, state=State.FINISHED)
    talk.session.submit(protocol.ExtendRun())
    assert talk.wait(protocol.RunEdited).config.max_steps == 800
    talk.wait(protocol.RunChanged, state=State.FINISHED, step=800)


def test_new_run_saves_old_one_and_keeps_it_as_ghost(talk: Talk, config: RunConfig) -> None:
    talk.session.submit(protocol.StartRun(endless(config), ""))
    talk.wait(protocol.Progress)
    talk.wait(protocol.Progress)
    talk.session.submit(protocol.StartRun(config, ""))
    talk.wait(protocol.RunSaved, run=1)
    opened = talk.wait(protocol.RunOpened)
    assert (opened.run, opened.ghost is not None) == (2, True)
    assert RunStore(runs_dir()).read(1).state is State.STOPPED


def test_unbuildable_run_keeps_old_one_training(talk: Talk, config: RunConfig) -> None:
    talk.session.submit(protocol.StartRun(endless(config), ""))
    talk.wait(protocol.Progress)
    talk.session.submit(protocol.StartRun(replace(config, corpus="/nowhere/at/all.txt"), ""), viewer=3)
    assert "/nowhere/at/all.txt" in talk.wait(protocol.CommandRefused).problem
    step = talk.wait(protocol.Progress).step
    assert talk.wait(protocol.Progress).step > step


def test_prepared_model_can_be_probed_and_is_the_one_trained(talk: Talk, config: RunConfig) -> None:
    talk.session.submit(protocol.PrepareRun(config, ""))
    opened = talk.wait(protocol.RunOpened)
    assert (opened.run, opened.state) == (None, State.READY)
    talk.session.submit(protocol.ProbeLayers(), viewer=1)
    layers = talk.wait(protocol.LayersProbed).layers
    assert [layer.name for layer in layers][:2] == ["Embedding", "FlattenConsecutive"]
    talk.session.submit(protocol.SampleNames(Sampling(count=3), 5), viewer=1)
    names = talk.wait(protocol.NamesSampled, request=5).names
    assert len(names) == 3
    talk.session.submit(protocol.StartRun(config, "", steps=0))
    assert talk.wait(protocol.RunOpened).run == 1
    talk.session.submit(protocol.ProbeLayers(), viewer=1)
    assert talk.wait(protocol.LayersProbed).layers == layers


def test_diverging_run_stops_and_keeps_last_good_weights(talk: Talk, config: RunConfig) -> None:
    wild = replace(config, norm="none", activation="relu", init_gain=100.0, output_scale=100.0, lr=10.0)
    talk.session.submit(protocol.StartRun(wild, ""))
    changed = talk.wait(protocol.RunChanged, state=State.DIVERGED)
    assert "lr 10" in changed.reason
    weights, _ = load_weights(RunStore(runs_dir()).place(1).saves()[0])
    assert all(tensor.isfinite().all() for tensor in weights.values())
    talk.session.submit(protocol.StepRun(), viewer=1)
    assert "NaN" in talk.wait(protocol.CommandRefused).problem
    talk.session.submit(protocol.ResetRun())
    talk.wait(protocol.RunChanged, state=State.PAUSED, step=0)


def test_commands_unavailable_in_state_do_nothing(talk: Talk, config: RunConfig) -> None:
    untimely = [
        protocol.PauseRun(),
        protocol.ResumeRun(),
        protocol.StepRun(),
        protocol.StopRun(),
        protocol.ResetRun(),
        protocol.ExtendRun(),
        protocol.EditRun(config),
        protocol.EvaluateSplits((Split.VAL,)),
    ]
    for command in untimely:
        talk.session.submit(command, viewer=1)
    talk.session.submit(protocol.ProbeLayers(), viewer=1)
    assert "no model" in talk.wait(protocol.CommandRefused).problem
    talk.session.submit(protocol.PrepareRun(config, ""))
    for command in untimely:
        talk.session.submit(command, viewer=1)
    talk.session.submit(protocol.ProbeLayers(), viewer=1)
    talk.wait(protocol.LayersProbed)
    assert list(map(type, talk.everything)) == [protocol.CommandRefused, protocol.RunOpened, protocol.LayersProbed]


def test_training_continues_on_full_disk(talk: Talk, config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saves, "write_save", refuse)
    talk.session.submit(protocol.StartRun(config, ""))
    assert "No space" in talk.wait(protocol.SaveFailed).problem
    talk.wait(protocol.RunChanged, state=State.FINISHED, step=400)


def test_close_pauses_and_saves_active_run(config: RunConfig) -> None:
    talk = Talk()
    talk.session.submit(protocol.StartRun(endless(config), ""))
    while talk.wait(protocol.Progress).step == 0:
        pass
    talk.end()
    record = RunStore(runs_dir()).read(1)
    assert record.state is State.PAUSED
    assert record.step > 0
