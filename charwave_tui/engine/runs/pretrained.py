"""The trained model that comes with the program, to sample and inspect before any training."""

from __future__ import annotations

import logging

from charwave_tui.core.config.run_config import HYPERPARAMETERS, EditEffect, RunConfig
from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import asset_path
from charwave_tui.core.store.folder_record import read_record_file
from charwave_tui.core.store.run_folder import STANDALONE_WEIGHTS
from charwave_tui.engine.runs.checkpoint import Checkpoint, load_weights
from charwave_tui.engine.runs.run_history import ResumeState

ASSET_FOLDER = "trained"  # in the format of a run's folder
PRETRAINED_NAME = "pretrained"  # shown where a run has its number
IGNORED_FIELDS = {"corpus", "threads", "device"}  # rebuild fields that may differ; the corpus is compared by its hash


def find_pretrained(config: RunConfig, corpus: Corpus) -> Checkpoint | None:
    """Return the trained model if it learned `corpus` with the rebuild fields of `config`."""
    try:
        record = read_record_file(asset_path(ASSET_FOLDER))
        if record.corpus.sha256 != corpus.sha256 or any(
            HYPERPARAMETERS[name].effect is EditEffect.REBUILD
            for name in record.config.changed_fields(config) - IGNORED_FIELDS
        ):
            return None
        weights, _ = load_weights(asset_path(ASSET_FOLDER, STANDALONE_WEIGHTS))
    except (FileNotFoundError, UserError) as error:  # the untrained model takes its place
        logging.getLogger(__name__).warning("the pretrained model cannot be read: %s", error)
        return None
    return Checkpoint(record, ResumeState(), weights)
