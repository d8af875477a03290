"""Which nodes of a tree of levels join which: places alone, no figures."""

from __future__ import annotations

from dataclasses import dataclass

from charwave_tui.core.insights import TreeInsight


@dataclass(frozen=True, slots=True)
class Family:
    """How many nodes each level has, the characters being level 0, and whether levels overlap (dilated)."""

    counts: tuple[int, ...]
    dilated: bool

    @staticmethod
    def of(insight: TreeInsight, dilated: bool) -> Family:
        """That of an insight."""
        return Family((len(insight.context), *(len(level.strengths) for level in insight.levels)), dilated)

    def apart(self, level: int) -> int:
        """How many nodes of the level below one of `level` joins; where levels overlap, how far apart the two stand."""
        below, here = self.counts[level - 1], self.counts[level]
        return below - here if self.dilated else below // max(here, 1)

    def joined(self, level: int, node: int) -> tuple[int, ...]:
        """The nodes of the level below that one node joins, from the left."""
        apart, below = self.apart(level), self.counts[level - 1]
        found = (node, node + apart) if self.dilated else range(node * apart, (node + 1) * apart)
        return tuple(place for place in dict.fromkeys(found) if 0 <= place < below)

    def seen(self, level: int, node: int) -> tuple[frozenset[int], ...]:
        """What one node is made of: the nodes of each level from the characters up to its own, itself among them."""
        levels = [frozenset({node})]
        for at in range(level, 0, -1):
            levels.append(frozenset(below for one in levels[-1] for below in self.joined(at, one)))
        return tuple(reversed(levels))

    def stands(self) -> tuple[tuple[float, ...], ...]:
        """The place among the characters above which each node stands, level by level from the characters up.

        Between those that it joins; where levels overlap above the last one, for that is whose turn it is.
        """
        levels: list[tuple[float, ...]] = [tuple(float(place) for place in range(self.counts[0]))]
        for level in range(1, len(self.counts)):
            below, places = levels[-1], []
            for node in range(self.counts[level]):
                under = [below[one] for one in self.joined(level, node)] or [float(node)]
                places.append(under[-1] if self.dilated else (under[0] + under[-1]) / 2)
            levels.append(tuple(places))
        return tuple(levels)
