"""The word list's arrays for a long list, by numpy, which is imported for one alone: it takes longer than a short list.

Each function returns what the plain Python beside its caller returns; tests compare them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from charwave_tui.core.metrics import RepeatCounts

if TYPE_CHECKING:
    from charwave_tui.core.corpus.word_list import WordList

Positions = NDArray[np.int32]

CHUNK = 2**20  # characters, words or random numbers at a time
DRAWS_PER_CHUNK = 2**13
MIN_BULK_BOUND = 2**14  # below, draws are taken one by one


def word_starts(text: str) -> Positions:
    """Return where each line of `text` begins, and at last where another would."""
    starts = [np.zeros(1, np.int32)]
    for offset in range(0, len(text), CHUNK):
        codes = np.frombuffer(text[offset : offset + CHUNK].encode("ascii", "replace"), np.uint8)  # one a character
        starts.append((np.flatnonzero(codes == ord("\n")) + (offset + 1)).astype(np.int32))
    return np.concatenate([*starts, np.array([len(text) + 1], np.int32)])


def lengths(starts: memoryview, lines: memoryview | range) -> Positions:
    """Return the number of characters of each of those lines."""
    every = np.diff(np.asarray(starts)) - 1
    return every if isinstance(lines, range) else every[np.asarray(lines)]


def total(lengths: memoryview) -> int:
    return int(np.asarray(lengths).sum(dtype=np.int64))


def largest(lengths: memoryview) -> int:
    return int(np.asarray(lengths).max())


def shuffled_positions(count: int, seed: int) -> Positions:
    """Return 0 … count − 1 in the order of `random.Random(seed).shuffle`.

    The shuffle swaps place i with place j ≤ i for i = count − 1 … 1. What place x holds before its own step i = x came
    there by the earlier step with j = x that is the last in time, so that all contents follow from the sorted steps.
    """
    order = np.arange(count, dtype=np.int32)
    if count < 2:
        return order
    steps = _draws(count, seed)
    steps <<= 32
    steps |= np.arange(count - 1, 0, -1, dtype=np.int32)
    steps.sort()  # by j, then by i, which falls in time
    i, j = (steps & 0xFFFFFFFF).astype(np.int32), (steps >> 32).astype(np.int32)
    del steps
    follows = np.zeros(count, bool)  # whether the step before in time has the same j
    follows[:-2] = j[1:] == j[:-1]
    follows = follows[: count - 1]
    first = np.ones(count - 1, bool)
    first[1:] = ~follows[:-1]
    contents = order.copy()  # of each place before its step: itself, or what a place further on held before its own
    (heads,) = np.nonzero(first & (i > j))
    contents[j[heads]] = i[heads]
    (own,) = np.nonzero(first & (i == j) & follows)
    contents[j[own]] = i[own + 1]
    places = order
    while len(places):  # follow each until it is itself
        before = contents[places]
        contents[places] = further = contents[before]
        places = places[further != before]
    order[i] = np.where(follows, contents[np.append(i[1:], 0)], j)
    order[0] = contents[0]
    return order


def _draws(count: int, seed: int) -> NDArray[np.int64]:
    """Return the place j that `random.Random(seed).shuffle` swaps with i, for i = count − 1 … 1.

    That is the next number of bit_length(i + 1) random bits that is not above i; one is the high bits of a word of the
    Mersenne Twister, and several words are had at once.
    """
    generator = random.Random(seed)
    draws = np.empty(count - 1, np.int64)
    i, done = count - 1, 0
    words = np.empty(0, np.uint32)
    while i:
        bits = (i + 1).bit_length()
        if len(words) < DRAWS_PER_CHUNK:
            more = generator.getrandbits(32 * CHUNK).to_bytes(4 * CHUNK, "little")
            words = np.concatenate((words, np.frombuffer(more, "<u4")))
        chunk = (words[:DRAWS_PER_CHUNK] >> np.uint32(32 - bits)).astype(np.int64)
        wanted = min(i, i + 2 - 2 ** (bits - 1))  # as long as i + 1 has as many bits
        if i < MIN_BULK_BOUND:
            taken: list[int] = []
            for used, draw in enumerate(chunk.tolist(), 1):  # noqa: B007
                if draw <= i - len(taken):
                    taken.append(draw)
                    if len(taken) == wanted:
                        break
            accepted = np.array(taken, np.int64)
        else:
            is_taken = chunk <= i - len(chunk)
            for place in np.flatnonzero((chunk <= i) & ~is_taken):  # depends on how many were taken before
                is_taken[place] = chunk[place] <= i - np.count_nonzero(is_taken[:place])
            places = np.flatnonzero(is_taken)[:wanted]
            accepted = chunk[places]
            used = len(chunk) if len(places) < wanted else int(places[-1]) + 1
        draws[done : done + len(accepted)] = accepted
        done += len(accepted)
        i -= len(accepted)
        words = words[used:]
    return draws


class HashedWords:
    """The words of a list in some order, found by their hashes in 8 bytes a word.

    `repeat_counts` are those of an order whose first `train_end` words are train, and those up to `val_end` val. They
    take words of an equal 64-bit hash for equal, which four million different ones are with a probability of one in a
    million; `positions` compares words.
    """

    def __init__(self, words: WordList, order: memoryview, train_end: int, val_end: int) -> None:
        self._words = words
        self._order = order
        hashes = _hashes(words)[np.asarray(order)]
        self._positions = np.argsort(hashes).astype(np.int32)
        hashes = hashes[self._positions]
        starts = _group_starts(hashes)
        self._hashes = _keys(hashes)
        del hashes
        first = np.minimum.reduceat(self._positions, starts)  # of each distinct word
        sizes = np.diff(np.append(starts, len(self._positions)))
        is_val = (self._positions >= train_end) & (self._positions < val_end)
        in_train = int(np.count_nonzero(is_val & np.repeat(first < train_end, sizes)))
        distinct_train = int(np.count_nonzero(first < train_end))
        self.repeat_counts = RepeatCounts(len(first), distinct_train, in_train / (val_end - train_end))

    def positions(self, words: Sequence[str]) -> list[int]:
        """Return the first place of each word in the order, or the number of places if the list does not have it."""
        keys = _keys(np.fromiter(map(hash, words), np.int64, len(words)).view(np.uint64))
        starts, ends = (np.searchsorted(self._hashes, keys, side).tolist() for side in ("left", "right"))
        return [self._first(word, start, end) for word, start, end in zip(words, starts, ends, strict=True)]

    def _first(self, word: str, start: int, end: int) -> int:
        places = self._positions[start:end].tolist()
        return min((place for place in places if self._words[self._order[place]] == word), default=len(self._order))


def distinct_positions(words: WordList) -> Positions:
    """Return where `words` have each distinct word for the first time, in order."""
    hashes = _hashes(words)
    order = np.argsort(hashes)
    positions = np.minimum.reduceat(order, _group_starts(hashes[order])).astype(np.int32)
    positions.sort()
    return positions


def _hashes(words: WordList) -> NDArray[np.uint64]:
    hashes = [np.fromiter(map(hash, block), np.int64, len(block)) for block in words.blocks()]
    return np.concatenate(hashes).view(np.uint64)


def _keys(hashes: NDArray[np.uint64]) -> NDArray[np.uint32]:
    return (hashes >> np.uint64(32)).astype(np.uint32)


def _group_starts(values: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Return where each run of equal values begins."""
    return np.flatnonzero(np.append(True, values[1:] != values[:-1])).astype(np.int32)
