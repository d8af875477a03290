"""Learning rate schedules: step, cosine with warmup, one-cycle."""

from __future__ import annotations

import math

from charwave_tui.core.config.choices import Schedule
from charwave_tui.core.config.run_config import RunConfig

STEP_DIVISOR = 10  # of the schedule `step`
ONE_CYCLE_START_DIVISOR = 25  # `div_factor` of torch's OneCycleLR
ONE_CYCLE_END_DIVISOR = 25e4  # its `div_factor` · `final_div_factor`


def learning_rate(config: RunConfig, step: int) -> float:
    """Return the learning rate of the update that follows `step` steps; past max_steps, that of the last."""
    match config.schedule:
        case Schedule.COSINE:
            return _cosine(config, step)
        case Schedule.ONE_CYCLE:
            return _one_cycle(config, step)
    drop = lr_drop_step(config)
    return config.lr if drop is None or step < drop else config.lr / STEP_DIVISOR


def lr_drop_step(config: RunConfig) -> int | None:
    """Return after how many steps the schedule `step` divides the rate; None where it never does."""
    return int(config.lr_drop * config.max_steps) if config.schedule == Schedule.STEP and config.lr_drop < 1 else None


def _cosine(config: RunConfig, step: int) -> float:
    """Linear warmup, then half a cosine to 0: Loshchilov and Hutter 2017 (SGDR), equation 5, one period."""
    warmup_steps = config.warmup * config.max_steps
    if step < warmup_steps:
        return config.lr * min((step + 1) / warmup_steps, 1.0)
    return _cosine_interpolate(config.lr, 0.0, _fraction(step, warmup_steps, config.max_steps))


def _one_cycle(config: RunConfig, step: int) -> float:
    """Up and down along cosines: Smith and Topin 2018, section 2, in the two phases of torch's OneCycleLR."""
    peak, last = config.warmup * config.max_steps - 1, config.max_steps - 1
    step = min(step, last)
    if step <= peak:
        return _cosine_interpolate(config.lr / ONE_CYCLE_START_DIVISOR, config.lr, _fraction(step, 0, peak))
    return _cosine_interpolate(config.lr, config.lr / ONE_CYCLE_END_DIVISOR, _fraction(step, peak, last))


def _fraction(step: int, start: float, end: float) -> float:
    return min((step - start) / (end - start), 1.0) if end > start else 1.0


def _cosine_interpolate(start: float, end: float, fraction: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * fraction)) / 2
