"""Words in one text: a list of millions of `str` would take ten times as much memory as their characters."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate, chain
from typing import overload

BULK_CHARACTERS = 2**20  # from so long a text on, numpy makes the arrays
CHARACTERS_PER_BLOCK, WORDS_PER_BLOCK = 2**20, 2**16


class WordList(Sequence[str]):
    """The lines of `text`, which are words, in the order of the line numbers `order`; by default as they stand."""

    def __init__(self, text: str, order: memoryview | None = None, starts: memoryview | None = None) -> None:
        self.text = text
        if starts is not None:
            self.starts = starts
        self.order: memoryview | range = range(len(self.starts) - 1) if order is None else order

    @staticmethod
    def of(words: Sequence[str]) -> WordList:
        return words if isinstance(words, WordList) else WordList("\n".join(words)) if words else EMPTY

    @cached_property
    def starts(self) -> memoryview:
        """Where each line begins, and at last where another would: int32 [lines + 1]."""
        if self.is_long:
            from charwave_tui.core.corpus import bulk

            return bulk.word_starts(self.text).data
        lengths = (len(word) + 1 for word in self.text.split("\n")) if self.text else ()
        return memoryview(array("i", accumulate(lengths, initial=0)))

    @property
    def is_long(self) -> bool:
        return len(self.text) >= BULK_CHARACTERS

    def take(self, positions: memoryview) -> WordList:
        """Return the words with those numbers, in that order."""
        if isinstance(self.order, range):
            return WordList(self.text, positions, self.starts)
        lines = memoryview(array("i", map(self.order.__getitem__, positions)))
        return WordList(self.text, lines, self.starts)

    def distinct(self) -> WordList:
        """Return each distinct word once, where it is for the first time; the list itself if it has no other."""
        if self.is_long:
            from charwave_tui.core.corpus import bulk

            positions = bulk.distinct_positions(self).data
        else:
            first = {
                word: position for position, word in zip(range(len(self) - 1, -1, -1), reversed(self), strict=True)
            }
            positions = memoryview(array("i", sorted(first.values())))
        return self if len(positions) == len(self) else self.take(positions)

    @property
    def lengths(self) -> memoryview:
        """The number of characters of each word."""
        if self.is_long:
            from charwave_tui.core.corpus import bulk

            return bulk.lengths(self.starts, self.order).data
        return memoryview(array("i", map(len, self)))

    @property
    def positions(self) -> int:
        """The number of characters and ends."""
        if self.is_long:
            from charwave_tui.core.corpus import bulk

            return bulk.total(self.lengths) + len(self)
        return sum(self.lengths) + len(self)

    @property
    def longest(self) -> int:
        """The number of characters of the longest word."""
        if self.is_long:
            from charwave_tui.core.corpus import bulk

            return bulk.largest(self.lengths)
        return max(self.lengths, default=0)

    def __len__(self) -> int:
        return len(self.order)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...

    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(self._word(line) for line in self.order[index])
        return self._word(self.order[index])

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self.blocks())

    def blocks(self) -> Iterator[Sequence[str]]:
        """Yield the words in blocks of some megabytes of characters."""
        if not isinstance(self.order, range):
            for first in range(0, len(self), WORDS_PER_BLOCK):
                yield self[first : first + WORDS_PER_BLOCK]
        elif self.order:
            start = 0
            while (end := self.text.find("\n", start + CHARACTERS_PER_BLOCK)) >= 0:
                yield self.text[start:end].split("\n")
                start = end + 1
            yield self.text[start:].split("\n")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(str.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self):,} words>"

    def _word(self, line: int) -> str:
        return self.text[self.starts[line] : self.starts[line + 1] - 1]


EMPTY = WordList("")
