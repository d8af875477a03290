"""Kept runs that are taken up again: to go on with, to branch off from, to look at."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import torch

from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.corpus_registry import find_corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import GhostCurve, RunState, Split
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.runs.active_run import ActiveRun, Emit, identity_from_record
from charwave_tui.engine.runs.checkpoint import Checkpoint, load_latest_checkpoint
from charwave_tui.engine.runs.pretrained import PretrainedModel
from charwave_tui.engine.runs.run_history import ResumeState
from charwave_tui.engine.runtime.devices import resolve_device
from charwave_tui.engine.training.trainer import Trainer


def reopen_run(store: RunStore, run: int, emit: Emit) -> ActiveRun:
    """The kept `run` as its last save has it, paused where it was in training; raises Mistake."""
    store.read(run)
    lock = store.lock(run)  # from here on nobody else saves it
    try:
        record = store.read(run)
        save = load_latest_checkpoint(store.folder_of(run), store.on_warning, clear=True)
        current = _taken_up(save, emit)
    except BaseException:
        lock.release()
        raise
    current.attach_store(store, identity_from_record(record), lock, save.record.step)
    current.state = RunState.PAUSED if save.record.state is RunState.TRAINING else save.record.state
    if record.state is RunState.DIVERGED:  # what came behind the save is in the list of runs alone
        current.state, current.divergence = RunState.DIVERGED, record.divergence
        current.course.take(record.history, ResumeState(timeline=current.course.timeline))
    current.record = record
    return current


def fork_run(store: RunStore, run: int, emit: Emit, asked: float) -> ActiveRun:
    """A new run, paused, that begins where the last save of `run` stands; raises Mistake."""
    store.read(run)
    current = _taken_up(load_latest_checkpoint(store.folder_of(run), store.on_warning), emit)
    current.begin(store, asked, ghost=run)
    current.state = RunState.PAUSED
    return current


def rewind_run(current: ActiveRun, store: RunStore) -> None:
    """Bring a diverged run back to its last good save; raises Mistake where it has none."""
    assert current.identity.number is not None
    save = load_latest_checkpoint(store.folder_of(current.identity.number), store.on_warning, clear=True)
    _load(current, save)
    current.divergence = None
    current.state = RunState.PAUSED


def pending_evaluations(current: ActiveRun) -> tuple[Split, ...]:
    """What was to be measured when the run's last save was made, and may have been cut off."""
    if current.state in (RunState.FINISHED, RunState.STOPPED):
        return (Split.TRAIN, Split.VAL)
    step = current.trainer.step
    between = current.state is RunState.PAUSED and step > 0 and step % current.config.eval_every == 0
    return (Split.VAL,) if between and not current.trainer.finished else ()


def load_ghost(current: ActiveRun, store: RunStore) -> GhostCurve | None:
    """The course of the run that stands behind this one's, if it is still kept."""
    with suppress(UserError):
        if current.identity.ghost is not None:
            record = store.read(current.identity.ghost)
            if record.history.points:
                return GhostCurve(f"run {record.run}", record.config.max_steps, record.history)
    return None


def load_pretrained(current: ActiveRun, trained: PretrainedModel) -> None:
    """Show the trained model in the box in place of the untrained one; it is not to be trained on."""
    current.trainer.load_state(trained.weights, trained.record.step)
    current.course.take(trained.record.history)
    current.boxed = True


def load_for_inference(store: RunStore, run: int | None) -> tuple[RunRecord, Corpus, Trainer]:
    """The newest save of `run`, by default of the newest trained one, as a trainer that nobody trains; Mistake."""
    record = store.read(run)
    save = load_latest_checkpoint(store.folder_of(record.run), store.on_warning)
    corpus = _corpus(save.record)
    torch.set_num_threads(save.record.config.validated().threads)
    trainer = Trainer(save.record.config, corpus, resolve_device(_with_available_device(save.record.config).device))
    trainer.load_state(save.tensors, save.record.step)
    trainer.update_ratios.restore(save.standing.ratios, save.standing.changes)
    return save.record, corpus, trainer


def _taken_up(save: Checkpoint, emit: Emit) -> ActiveRun:
    current = ActiveRun(_with_available_device(save.record.config), save.record.preset, emit, _corpus(save.record))
    _load(current, save)
    current.pace.seconds = save.record.training_seconds
    return current


def _load(current: ActiveRun, save: Checkpoint) -> None:
    record, standing = save.record, save.standing
    current.trainer.load_state(save.tensors, record.step, standing.losses, record.history.window)
    current.trainer.first_loss = record.first_loss
    current.trainer.update_ratios.restore(standing.ratios, standing.changes)
    current.course.take(record.history, standing)
    current.allowance = standing.allowance or record.config.max_steps


def _corpus(record: RunRecord) -> Corpus:
    corpus = find_corpus(record.config.corpus)
    if corpus.sha256 != record.corpus.sha256:
        raise UserError(
            f"the corpus {record.config.corpus} has changed since run {record.run} learned it",
            "put the old file back, or train a new run",
        )
    return corpus


def _with_available_device(config: RunConfig) -> RunConfig:
    """The config with a device that is here: a run may have been trained on another machine."""
    try:
        resolve_device(config.device)
    except UserError:
        return replace(config, device="auto")
    return config
