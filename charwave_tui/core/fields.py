"""What is declared of a hyperparameter beside its value, once for the form, the help, the presets and the commands."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from charwave_tui.core.kinds import Kind


class Effect(StrEnum):
    """When an edit takes hold: in the running training, or with the next run."""

    LIVE = "live"
    REBUILD = "rebuild"


class Group(StrEnum):
    """The headings under which the form and the help list the hyperparameters."""

    MODEL = "model"
    TRAINING = "training"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """All that is known of one field of RunConfig: what the form, the command line, the presets and the help show.

    `label` says it in words, `help` in one line of the form (33 columns), `about` in a sentence or two.
    """

    name: str
    label: str
    help: str
    about: str
    group: Group
    effect: Effect
    kind: Kind


def hyperparameter(group: Group, effect: Effect, default: Any, kind: Kind, label: str, help: str, about: str) -> Any:
    """The declaration of a field of a config, with all that Hyperparameter says of it under `spec`."""
    return field(default=default, metadata={"spec": (label, help, about, group, effect, kind)})
