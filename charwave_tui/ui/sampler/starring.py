"""Which names are starred, as a person sees it before the engine has told."""

from __future__ import annotations

from charwave_tui.core.protocol import Command
from charwave_tui.core.readings import SampledName
from charwave_tui.core.speaking import Star, StarName, UnstarName


class Starring:
    """The stars as they were told, and what was done since."""

    def __init__(self) -> None:
        self._told: frozenset[str] = frozenset()
        self._since: dict[str, bool] = {}

    @property
    def names(self) -> frozenset[str]:
        """The names that are starred."""
        gone = {name for name, starred in self._since.items() if not starred}
        return (self._told | {name for name, starred in self._since.items() if starred}) - gone

    def tell(self, stars: tuple[Star, ...] | None) -> None:
        """Take in what the engine told; it has the last word."""
        self._told = frozenset(star.name for star in stars or ())
        self._since.clear()

    def toggled(self, sampled: SampledName, run: int | None, step: int) -> Command:
        """The command that stars the name, or lets it go."""
        starred = sampled.name in self.names
        self._since[sampled.name] = not starred
        return UnstarName(sampled.name) if starred else StarName(sampled.name, sampled.nll, run, step)
