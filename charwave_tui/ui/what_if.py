"""What if one thing were spoilt on purpose: the classical failures of the lessons, made from any config."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from charwave_tui.core.config import HYPERPARAMETERS, RunConfig
from charwave_tui.core.presets import preset


@dataclass(frozen=True, slots=True)
class WhatIf:
    """An extreme: its `name`, what it makes of a config, and the `lesson` preset that says what to look for.

    `normed` says it for a config with BatchNorm, where that is something else.
    """

    name: str
    spoil: Callable[[RunConfig], RunConfig]
    lesson: str
    normed: str = ""

    def look_for(self, config: RunConfig) -> str:
        """What to see in it once `config` is spoilt."""
        return self.normed if self.normed and config.norm != "none" else preset(self.lesson).look_for


WHAT_IFS = (
    WhatIf(
        "gain × 5",
        lambda config: replace(config, init_gain=config.init_gain * 5),
        "lesson-gain",
        "BatchNorm undoes it: the tanh look as before. But the same gradients now meet weights five times as large: "
        "update ratios fall by one and more, and the loss stays behind. Without BatchNorm (lesson-gain) two thirds "
        "of every tanh are flat.",
    ),
    WhatIf("BatchNorm off", lambda config: replace(config, norm="none"), "lesson-no-norm"),
    WhatIf(
        "last layer × 10", lambda config: replace(config, output_scale=config.output_scale * 10), "lesson-confident"
    ),
    WhatIf("lr × 10", lambda config: replace(config, lr=config.lr * 10), "lesson-lr"),
)
"""The extremes in the order in which the lessons come to them."""

AS_IT_WAS = "as it was"
"""The way back from a run that was spoilt: the config from before."""


def spoilt(name: str, config: RunConfig) -> RunConfig:
    """The `config` with the extreme of that name, or as it was; raises Mistake where it leads out of bounds."""
    if name == AS_IT_WAS:
        return config
    return next(item for item in WHAT_IFS if item.name == name).spoil(config).checked()


def changes(item: WhatIf, config: RunConfig) -> str:
    """What the extreme changes of `config`, such as `lr 0.1 → 1.0`; says so where it changes nothing."""
    made = item.spoil(config)
    writes = {name: HYPERPARAMETERS[name].kind.write for name in sorted(config.differences(made))}
    said = [f"{name} {write(getattr(config, name))} → {write(getattr(made, name))}" for name, write in writes.items()]
    return ", ".join(said) or "it is so already"
