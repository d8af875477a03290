"""Whole words as the prefixes that they are made of, which several of them may share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Prefixes:
    """Rows to score, each the beginning of some word: P rows for the N positions of whole words.

    A word of L characters has L + 1 positions, each with the prefix before it and the symbol that follows, the last of
    which is the boundary. Positions with one prefix may share a row; the empty prefix is among the rows.

    `ids` [P]: the last symbol of each prefix, the boundary for the empty one.
    `depth` [P]: its length.
    `back`: for each offset, the row [P] of the prefix so many symbols shorter, the empty one's where none are left.
    `of` [N]: the row of each position, words in order. `targets` [N]: the symbol that follows there.
    `shares` [P, V]: how much of what follows the prefix each symbol is, where more is known of it than `targets` say.
    `kept` [P]: 0 where the embedded last symbol is blotted out, else 1; None where all are kept.
    `scales` [P, levels]: what each level's output at the prefix is multiplied by; None where nothing is dropped.
    """

    ids: Tensor
    depth: Tensor
    back: Mapping[int, Tensor]
    of: Tensor
    targets: Tensor
    shares: Tensor | None = None
    kept: Tensor | None = None
    scales: Tensor | None = None

    def apart(self) -> Prefixes:
        """The same words with a row for each position, in their order, so that each counts once: P = N."""
        rows = torch.arange(len(self.of), device=self.of.device)
        depth = self.depth[self.of]  # [P] → [N]
        return Prefixes(
            ids=self.ids[self.of],
            depth=depth,
            # Right before a position stand those of its word's shorter prefixes.
            back={offset: rows - depth.clamp(max=offset) for offset in self.back},
            of=rows,
            targets=self.targets,
            shares=None if self.shares is None else self.shares[self.of],
            kept=None if self.kept is None else self.kept[self.of],
            scales=None if self.scales is None else self.scales[self.of],
        )
