"""Stored runs as active runs: reopen, fork and rewind them, load them for inference."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import torch

from charwave_tui.core.config.choices import Device
from charwave_tui.core.config.run_config import RunConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.corpus.registry import find_learned_corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import GhostCurve, RunState, Split
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.run_store import RunStore
from charwave_tui.engine.runs.active_run import ActiveRun, Emit
from charwave_tui.engine.runs.checkpoint import Checkpoint, load_latest_checkpoint
from charwave_tui.engine.runtime.devices import resolve_device
from charwave_tui.engine.training.trainer import Trainer


def reopen_run(store: RunStore, number: int, emit: Emit) -> ActiveRun:
    """Return a stored run as in its latest checkpoint, paused if that was made in training; raises UserError."""
    store.read(number)
    lock = store.lock(number)
    try:
        record = store.read(number)  # again: another process may have saved it before the lock
        checkpoint = load_latest_checkpoint(store.folder_of(number), store.on_warning, quarantine=True)
        run = _run_from(checkpoint, emit)
    except BaseException:
        lock.release()
        raise
    run.reopen(store, record, checkpoint, lock)
    return run


def fork_run(store: RunStore, number: int, emit: Emit, requested_at: float) -> ActiveRun:
    """Return a new run, paused, that starts from the latest checkpoint of a stored one; raises UserError."""
    store.read(number)
    run = _run_from(load_latest_checkpoint(store.folder_of(number), store.on_warning), emit)
    run.corpus.require_words()
    run.begin(store, requested_at, ghost=number)
    return run


def pending_evaluations(run: ActiveRun) -> tuple[Split, ...]:
    """Return the evaluations that followed the latest checkpoint of a reopened run, and may have been cut off."""
    if run.state in (RunState.FINISHED, RunState.STOPPED):
        return (Split.TRAIN, Split.VAL)
    step = run.trainer.step
    was_evaluating = run.state is RunState.PAUSED and step > 0 and step % run.config.eval_every == 0
    return (Split.VAL,) if was_evaluating and not run.trainer.finished else ()


def load_ghost(run: ActiveRun, store: RunStore) -> GhostCurve | None:
    """Return the curve of the run's ghost, None if there is none in the store."""
    with suppress(UserError):
        if run.identity.ghost is not None:
            record = store.read(run.identity.ghost)
            if record.history.points:
                return GhostCurve(f"run {record.run}", record.config.max_steps, record.history, record.corpus)
    return None


def load_for_inference(store: RunStore, number: int | None, corpus_path: str = "") -> tuple[RunRecord, Corpus, Trainer]:
    """Load the latest checkpoint of a run, by default the newest trained one; raises UserError.

    `corpus_path` says where its words are, if they have moved; where they are missing, the store warns. Sets torch's
    number of threads to that of the run.
    """
    record = store.read(number)
    checkpoint = load_latest_checkpoint(store.folder_of(record.run), store.on_warning)
    record, resume_state = checkpoint.record, checkpoint.resume_state
    corpus = find_learned_corpus(record, corpus_path)
    if corpus.missing is not None:
        store.on_warning(corpus.missing.consequence)
    torch.set_num_threads(record.config.validated().threads)
    trainer = Trainer(record.config, corpus, resolve_device(_with_available_device(record.config).device))
    trainer.load_state(checkpoint.tensors, record.step)
    trainer.update_ratios.restore(resume_state.ratios, resume_state.changes)
    return record, trainer.corpus, trainer


def _run_from(checkpoint: Checkpoint, emit: Emit) -> ActiveRun:
    record = checkpoint.record
    return ActiveRun.from_checkpoint(
        checkpoint, _with_available_device(record.config), find_learned_corpus(record), emit
    )


def _with_available_device(config: RunConfig) -> RunConfig:
    """Return the config with a device of this machine: the run may come from another one."""
    try:
        resolve_device(config.device)
    except UserError:
        return replace(config, device=Device.AUTO)
    return config
