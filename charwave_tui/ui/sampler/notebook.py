"""What a person leaves on the screen of the sampler, for the next time."""

from __future__ import annotations

from dataclasses import dataclass, field

from charwave_tui.core.speaking import WordScored
from charwave_tui.ui.sampler.stepping import Stepping


@dataclass(frozen=True, slots=True)
class Notebook:
    """The mode, the name made step by step, the words that were scored, the last first, and the run to compare with.

    `scored_by` is the model that scored the words, as `mode.model_of` tells models apart.
    """

    mode: str = "names"
    stepping: Stepping = field(default_factory=Stepping)
    words: tuple[WordScored, ...] = ()
    scored_by: tuple[object, ...] = ()
    compared: int | None = None
