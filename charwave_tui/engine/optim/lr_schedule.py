"""The course of the learning rate over a run."""

from __future__ import annotations

import math

from charwave_tui.core.config.run_config import RunConfig

DROP = 10
"""By how much the schedule `step` divides the learning rate."""


START = 25
"""By how much `one-cycle` divides the learning rate for the first step: torch's OneCycleLR."""


END = 25e4
"""By how much `one-cycle` divides the learning rate for the last step: torch's OneCycleLR."""


def learning_rate(config: RunConfig, step: int) -> float:
    """The rate at which the step after `step` steps moves the weights; past max_steps, the rate of the end."""
    match config.schedule:
        case "cosine":
            return _cosine(config, step)
        case "one-cycle":
            return _one_cycle(config, step)
    drop = lr_drop_step(config)
    return config.lr if drop is None or step < drop else config.lr / DROP


def lr_drop_step(config: RunConfig) -> int | None:
    """The steps after which the rate falls all at once, which is worth a mark; None where it never does."""
    return int(config.lr_drop * config.max_steps) if config.schedule == "step" and config.lr_drop < 1 else None


def _cosine(config: RunConfig, step: int) -> float:
    """Up by equal steps to lr, then half a cosine to 0: Loshchilov and Hutter 2017 (SGDR), equation 5, one period."""
    rising = config.warmup * config.max_steps
    if step < rising:
        return config.lr * min((step + 1) / rising, 1.0)
    return _cosine_interpolate(config.lr, 0.0, _share(step, rising, config.max_steps))


def _one_cycle(config: RunConfig, step: int) -> float:
    """Up and down along cosines: Smith and Topin 2018, section 2, in the two phases of torch's OneCycleLR."""
    peak, last = config.warmup * config.max_steps - 1, config.max_steps - 1
    step = min(step, last)
    if step <= peak:
        return _cosine_interpolate(config.lr / START, config.lr, _share(step, 0, peak))
    return _cosine_interpolate(config.lr, config.lr / END, _share(step, peak, last))


def _share(step: int, start: float, end: float) -> float:
    return min((step - start) / (end - start), 1.0) if end > start else 1.0


def _cosine_interpolate(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
