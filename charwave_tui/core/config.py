"""RunConfig: every hyperparameter once, with its default, bounds, label, help and effect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import msgspec

from charwave_tui.core.fields import Effect, Group, Hyperparameter, hyperparameter
from charwave_tui.core.kinds import Choice, Counter, Text, Value
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.receptive import check_context, receptive_field
from charwave_tui.core.training_config import TrainingConfig

_run = partial(hyperparameter, Group.RUN, Effect.REBUILD)


@dataclass(frozen=True, slots=True)
class RunConfig(TrainingConfig):
    """The hyperparameters of a run, in the order of the form; only `checked` tells that an instance is sound."""

    corpus: str = _run(
        "names",
        Text("a name or a path"),
        "words to learn",
        "A text file, one word a line.",
        "Built-in and fetched ones go by name; any UTF-8 file by its path. Its characters become the vocabulary.",
    )
    seed: int = _run(
        42,
        Counter(0, 2**32 - 1),
        "randomness",
        "Same seed, same run, to the bit.",
        "It decides the first weights and every batch. 42 is the lecture's.",
    )
    threads: int = _run(
        1,
        Counter(1, 64),
        "of torch",
        "More help wide models alone.",
        "Bits depend on it, so it belongs to the run.",
    )
    device: str = _run(
        "auto",
        Choice(("auto", "cpu", "cuda", "mps")),
        "where it computes",
        "auto: a GPU if there is one.",
        "Models of this size are often quickest on the cpu.",
    )

    def checked(self) -> RunConfig:
        """Itself, if every field and their mix are sound; raises Mistake on the first that is not."""
        for name, spec in HYPERPARAMETERS.items():
            spec.kind.check(name, getattr(self, name))
        check_context(self.context, self.fuse, self.dilations)
        if self.batches == "names" and self.norm == "batch-bug":
            raise Mistake(
                "batches names cannot have norm batch-bug, whose statistics belong to places in a window",
                "set norm to batch, or batches to windows",
                "batches",
            )
        if self.precision == "bfloat16" and self.step == "plain":
            raise Mistake(
                "precision bfloat16 is not for step plain, the oracle",
                "set step to fast, or precision to float32",
                "precision",
            )
        return self

    @property
    def receptive_field(self) -> int:
        """How many characters the levels see."""
        return receptive_field(self.fuse, self.dilations)

    def with_values(self, values: Mapping[str, Any]) -> RunConfig:
        """A copy with the named fields set; neither bounds nor mix are judged (see `checked`)."""
        return replace(self, **values)

    def with_text(self, settings: Mapping[str, str]) -> RunConfig:
        """A copy with fields read from text, each within its bounds; the mix is not judged (see `checked`)."""
        return self.with_values({name: parse(name, text) for name, text in settings.items()})

    def differences(self, other: RunConfig) -> frozenset[str]:
        """Names of the fields in which `other` differs."""
        return frozenset(name for name in HYPERPARAMETERS if getattr(self, name) != getattr(other, name))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a record on disk."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> RunConfig:
        """The config that `to_dict` gave, checked; raises Mistake where it is none."""
        unknown = [name for name in values if name not in HYPERPARAMETERS]
        if unknown:
            raise unknown_hyperparameter(unknown[0])
        try:
            return msgspec.convert(values, RunConfig).checked()
        except msgspec.ValidationError as error:
            raise Mistake(f"the configuration does not fit: {error}", "start a new run from a preset") from None


HYPERPARAMETERS: dict[str, Hyperparameter] = {
    item.name: Hyperparameter(item.name, *item.metadata["spec"]) for item in fields(RunConfig)
}
"""Every hyperparameter by name, in the order of the form."""


def unknown_hyperparameter(name: str) -> Mistake:
    """The mistake of naming a hyperparameter that is none, with the ones there are."""
    return Mistake(f"{name} is no hyperparameter", f"there are {', '.join(HYPERPARAMETERS)}")


def parse(name: str, text: str) -> Value:
    """The value of the hyperparameter `name` written as `text`; raises Mistake."""
    if name not in HYPERPARAMETERS:
        raise unknown_hyperparameter(name)
    return HYPERPARAMETERS[name].kind.parse(name, text)
