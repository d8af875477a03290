"""The trained model in the box: names to read and layers to look into before anything was trained here."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from charwave_tui.core.config.run_config import HYPERPARAMETERS, EditEffect, RunConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.paths import asset_path
from charwave_tui.core.store.checkpoint_metadata import read_record_file
from charwave_tui.core.store.run_folder import STANDALONE_WEIGHTS
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.engine.runs.checkpoint import load_weights

FOLDER = "trained"
"""Where among the assets it lies, in the form of a run's folder."""


NAME = "the box"
"""What it is called where a run has its number."""


IGNORED_FIELDS = ("corpus", "threads", "device")
"""Rebuild fields in which a config may differ from it and still have it: the corpus is known by its hash."""


@dataclass(frozen=True, slots=True)
class PretrainedModel:
    """A run trained before, with its weights."""

    record: RunRecord
    weights: Mapping[str, Tensor]


def find_pretrained(config: RunConfig, corpus: Corpus) -> PretrainedModel | None:
    """The model in the box, if it is one of `config` that learned `corpus`: live fields may differ."""
    try:
        record = read_record_file(asset_path(FOLDER))
        if record.corpus.sha256 != corpus.sha256 or not _one_model(record.config, config):
            return None
        weights, _ = load_weights(asset_path(FOLDER, STANDALONE_WEIGHTS))
    except (FileNotFoundError, UserError) as fault:  # the untrained model serves as well
        logging.getLogger(__name__).warning("the trained model in the box cannot be read: %s", fault)
        return None
    return PretrainedModel(record, weights)


def _one_model(one: RunConfig, other: RunConfig) -> bool:
    return not any(
        HYPERPARAMETERS[name].effect is EditEffect.REBUILD for name in one.changed_fields(other) - {*IGNORED_FIELDS}
    )
