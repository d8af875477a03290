"""Kept runs that are taken up again: to go on with, to branch off from, to look at."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import torch

from charwave_tui.core.config import RunConfig
from charwave_tui.core.corpora import find_corpus
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.readings import Ghost, Split, State
from charwave_tui.core.records import RunRecord
from charwave_tui.core.runs import RunStore
from charwave_tui.engine.box import Boxed
from charwave_tui.engine.checkpoint import Save, newest_save
from charwave_tui.engine.course import Standing
from charwave_tui.engine.current import CurrentRun, Emit
from charwave_tui.engine.devices import choose_device
from charwave_tui.engine.recording import continued
from charwave_tui.engine.trainer import Trainer


def reopened(store: RunStore, run: int, emit: Emit) -> CurrentRun:
    """The kept `run` as its last save has it, paused where it was in training; raises Mistake."""
    store.read(run)
    lock = store.lock(run)  # from here on nobody else saves it
    try:
        record = store.read(run)
        save = newest_save(store.place(run), store.remark, clear=True)
        current = _taken_up(save, emit)
    except BaseException:
        lock.release()
        raise
    current.hold(store, continued(record), lock, save.record.step)
    current.state = State.PAUSED if save.record.state is State.TRAINING else save.record.state
    if record.state is State.DIVERGED:  # what came behind the save is in the list of runs alone
        current.state, current.divergence = State.DIVERGED, record.divergence
        current.course.take(record.history, Standing(timeline=current.course.timeline))
    current.record = record
    return current


def forked(store: RunStore, run: int, emit: Emit, asked: float) -> CurrentRun:
    """A new run, paused, that begins where the last save of `run` stands; raises Mistake."""
    store.read(run)
    current = _taken_up(newest_save(store.place(run), store.remark), emit)
    current.begin(store, asked, ghost=run)
    current.state = State.PAUSED
    return current


def rewound(current: CurrentRun, store: RunStore) -> None:
    """Bring a diverged run back to its last good save; raises Mistake where it has none."""
    assert current.identity.number is not None
    save = newest_save(store.place(current.identity.number), store.remark, clear=True)
    _load(current, save)
    current.divergence = None
    current.state = State.PAUSED


def due(current: CurrentRun) -> tuple[Split, ...]:
    """What was to be measured when the run's last save was made, and may have been cut off."""
    if current.state in (State.FINISHED, State.STOPPED):
        return (Split.TRAIN, Split.VAL)
    step = current.trainer.step
    between = current.state is State.PAUSED and step > 0 and step % current.config.eval_every == 0
    return (Split.VAL,) if between and not current.trainer.finished else ()


def ghost_of(current: CurrentRun, store: RunStore) -> Ghost | None:
    """The course of the run that stands behind this one's, if it is still kept."""
    with suppress(Mistake):
        if current.identity.ghost is not None:
            record = store.read(current.identity.ghost)
            if record.history.points:
                return Ghost(f"run {record.run}", record.config.max_steps, record.history)
    return None


def open_box(current: CurrentRun, trained: Boxed) -> None:
    """Show the trained model in the box in place of the untrained one; it is not to be trained on."""
    current.trainer.load(trained.weights, trained.record.step)
    current.course.take(trained.record.history)
    current.boxed = True


def to_look_at(store: RunStore, run: int | None) -> tuple[RunRecord, Corpus, Trainer]:
    """The newest save of `run`, by default of the newest trained one, as a trainer that nobody trains; Mistake."""
    record = store.read(run)
    save = newest_save(store.place(record.run), store.remark)
    corpus = _corpus(save.record)
    torch.set_num_threads(save.record.config.checked().threads)
    trainer = Trainer(save.record.config, corpus, choose_device(_usable(save.record.config).device))
    trainer.load(save.tensors, save.record.step)
    trainer.movement.go_to(save.standing.ratios, save.standing.changes)
    return save.record, corpus, trainer


def _taken_up(save: Save, emit: Emit) -> CurrentRun:
    current = CurrentRun(_usable(save.record.config), save.record.preset, emit, _corpus(save.record))
    _load(current, save)
    current.pace.seconds = save.record.training_seconds
    return current


def _load(current: CurrentRun, save: Save) -> None:
    record, standing = save.record, save.standing
    current.trainer.load(save.tensors, record.step, standing.losses, record.history.window)
    current.trainer.first_loss = record.first_loss
    current.trainer.movement.go_to(standing.ratios, standing.changes)
    current.course.take(record.history, standing)
    current.allowance = standing.allowance or record.config.max_steps


def _corpus(record: RunRecord) -> Corpus:
    corpus = find_corpus(record.config.corpus)
    if corpus.sha256 != record.corpus.sha256:
        raise Mistake(
            f"the corpus {record.config.corpus} has changed since run {record.run} learned it",
            "put the old file back, or train a new run",
        )
    return corpus


def _usable(config: RunConfig) -> RunConfig:
    """The config with a device that is here: a run may have been trained on another machine."""
    try:
        choose_device(config.device)
    except Mistake:
        return replace(config, device="auto")
    return config
