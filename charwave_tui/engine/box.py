"""The trained model in the box: names to read and layers to look into before anything was trained here."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from charwave_tui.core.config import HYPERPARAMETERS, RunConfig
from charwave_tui.core.corpus import Corpus
from charwave_tui.core.fields import Effect
from charwave_tui.core.folder_record import read_record
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.places import asset
from charwave_tui.core.records import RunRecord
from charwave_tui.core.run_folder import ALONE
from charwave_tui.engine.checkpoint import load_weights

FOLDER = "trained"
"""Where among the assets it lies, in the form of a run's folder."""

NAME = "the box"
"""What it is called where a run has its number."""

NO_MATTER = ("corpus", "threads", "device")
"""Rebuild fields in which a config may differ from it and still have it: the corpus is known by its hash."""


@dataclass(frozen=True, slots=True)
class Boxed:
    """A run trained before, with its weights."""

    record: RunRecord
    weights: Mapping[str, Tensor]


def boxed(config: RunConfig, corpus: Corpus) -> Boxed | None:
    """The model in the box, if it is one of `config` that learned `corpus`: live fields may differ."""
    try:
        record = read_record(asset(FOLDER))
        if record.corpus.sha256 != corpus.sha256 or not _one_model(record.config, config):
            return None
        weights, _ = load_weights(asset(FOLDER, ALONE))
    except (FileNotFoundError, Mistake) as fault:  # the untrained model serves as well
        logging.getLogger(__name__).warning("the trained model in the box cannot be read: %s", fault)
        return None
    return Boxed(record, weights)


def _one_model(one: RunConfig, other: RunConfig) -> bool:
    return not any(HYPERPARAMETERS[name].effect is Effect.REBUILD for name in one.differences(other) - {*NO_MATTER})
