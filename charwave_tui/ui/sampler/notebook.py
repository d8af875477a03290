"""What a person leaves on the screen of the sampler, for the next time."""

from __future__ import annotations

from dataclasses import dataclass, field

from charwave_tui.core.speaking import WordScored
from charwave_tui.ui.sampler.stepping import Stepping


@dataclass(frozen=True, slots=True)
class Notebook:
    """The mode, the name made step by step, the words that were scored, the last first, and the run to compare with."""

    mode: str = "names"
    stepping: Stepping = field(default_factory=Stepping)
    words: tuple[WordScored, ...] = ()
    compared: int | None = None
