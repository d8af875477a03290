"""Words of a corpus that are one edit away from a name: a character put in, taken out or exchanged."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from charwave_tui.core.corpus import Corpus
from charwave_tui.engine.data.window_dataset import encode_words
from charwave_tui.engine.runtime.cooperative import Cooperative
from charwave_tui.engine.runtime.random_streams import derived_generator

BLOCK = 200_000
"""Characters of words that are made ready in one piece: some thirty milliseconds of one core, once for a corpus."""


MOST_CHARACTERS = 20_000_000
"""Characters of the largest corpus in which near words are looked for: what is kept takes twelve bytes of each."""


HINT_BITS = 20
"""Of each key the first so many bits tell whether it may be there at all."""


_BASE = 0x9E3779B97F4A7C15  # odd, so that it can be divided by


_ODD_INVERSE = pow(_BASE, -1, 2**64)


def is_one_edit_apart(one: str, other: str) -> bool:
    """Whether a single character put in, taken out or exchanged makes `other` of `one`."""
    if len(one) == len(other):
        return sum(map(str.__ne__, one, other)) == 1
    shorter, longer = sorted((one, other), key=len)
    same = next((place for place, symbol in enumerate(shorter) if symbol != longer[place]), len(shorter))
    return len(longer) == len(shorter) + 1 and shorter[same:] == longer[same + 1 :]


class _HashIndex:
    """Int64 `keys`, each of a word or a word with a gap, and which word of the corpus that is."""

    def __init__(self, keys: Tensor, words: Tensor) -> None:
        self._keys, order = keys.sort(stable=True)  # of equals the first word stays first
        self._words = words[order].int()
        self._hints = torch.zeros(2**HINT_BITS, dtype=torch.bool)
        self._hints[_hint(keys)] = True

    def first(self, keys: Tensor) -> tuple[Tensor, Tensor]:
        """Which of `keys` are there, by their places, and the first word of each of them."""
        maybe = self._hints[_hint(keys)].nonzero()[:, 0]  # most are not there, and need not be searched for
        wanted = keys[maybe]
        places = torch.searchsorted(self._keys, wanted).clamp_(max=len(self._keys) - 1)
        there = self._keys[places] == wanted
        return maybe[there], self._words[places[there]].long()


def _hint(keys: Tensor) -> Tensor:
    hints: Tensor = (keys >> (64 - HINT_BITS)) & (2**HINT_BITS - 1)
    return hints


class NearWordIndex:
    """The words of `corpus` by what is left of them with a gap in the place of one character.

    A word that is one character exchanged or put in away from a name has one such rest in common with it, where the gap
    of the name stands for one of its characters or between two; one that is shorter is the name without a character.
    Words are known by a polynomial of their characters modulo 2**64, and compared where those agree.
    """

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        longest = max(map(len, corpus.words)) + 2
        self._powers = _signed([pow(_BASE, place, 2**64) for place in range(longest + 1)])
        # One value for each id, and the last for a gap; of no run's stream, so that they are the same for all.
        values = torch.randint(
            -(2**63), 2**63 - 1, (corpus.vocab_size + 1,), generator=derived_generator(0, "nearness")
        )
        self._values, self._gap = values[:-1], values[-1]
        self._longest = longest
        self._gapped: list[_HashIndex] = []
        self._whole: list[_HashIndex] = []

    def serves(self, corpus: Corpus) -> bool:
        """Whether it is that of `corpus`."""
        return corpus is self._corpus

    def build(self) -> Cooperative[None]:
        """Make all words ready, a block at a time."""
        words, first, begun, size = self._corpus.words, 0, 0, 0
        for number, word in enumerate(words, 1):
            size += len(word)
            if size - begun >= BLOCK or number == len(words):
                self._add(first, words[first:number])
                first, begun = number, size
                yield

    def near(self, names: Sequence[str]) -> list[str]:
        """For each of `names` the first word of the corpus that is one edit away, empty where there is none."""
        found = [-1] * len(names)
        short = [number for number, name in enumerate(names) if len(name) < self._longest]
        if short:
            for number, word in zip(short, self._first([names[number] for number in short]).tolist(), strict=True):
                found[number] = word
        words = self._corpus.words
        return [
            "" if word < 0 else words[word] if is_one_edit_apart(name, words[word]) else self._searched(name)
            for name, word in zip(names, found, strict=True)
        ]

    def _searched(self, name: str) -> str:
        """As `near`, word by word: for two rests that differ and yet agree in their polynomial."""
        return next((word for word in self._corpus.words if is_one_edit_apart(name, word)), "")

    def _first(self, names: list[str]) -> Tensor:
        """The number of the first word that is near each of `names`, −1 where none is."""
        read = _RollingHashes(names, self._corpus.symbols, self._values, self._powers)
        wanted = [
            (self._gapped, read.exchanged(self._gap), read.owners),
            (self._whole, read.taken_out(), read.owners),
            (self._gapped, *read.put_in(self._gap)),
        ]
        none = len(self._corpus.words)
        least = torch.full((len(names),), none)
        for stock, keys, owners in wanted:
            for part in stock:
                there, words = part.first(keys)
                least.scatter_reduce_(0, owners[there], words, "amin")
        return torch.where(least == none, -1, least)

    def _add(self, first: int, words: Sequence[str]) -> None:
        read = _RollingHashes(words, self._corpus.symbols, self._values, self._powers)
        self._gapped.append(_HashIndex(read.exchanged(self._gap), read.owners + first))
        self._whole.append(_HashIndex(read.whole, torch.arange(first, first + len(words))))


class _RollingHashes:
    """`words` as polynomials: of each whole [words], of each character's place [characters] those before and behind.

    `owners` [characters] is whose each character is. All arithmetic is modulo 2**64.
    """

    def __init__(self, words: Sequence[str], symbols: str, values: Tensor, powers: Tensor) -> None:
        lengths = torch.tensor([len(word) for word in words])
        stream = encode_words(words, symbols, 1)
        ids = stream[stream != 0]  # [characters]
        self.owners = torch.repeat_interleave(torch.arange(len(words)), lengths)
        places = torch.arange(len(ids)) - (lengths.cumsum(0) - lengths)[self.owners]
        self._lengths = lengths
        self._powers = powers
        self._power = powers[places]
        self._term = values[ids] * self._power
        sums = self._term.cumsum(0)
        zero = sums.new_zeros(1)
        ends = torch.cat((zero, sums))[lengths.cumsum(0)]  # of all words up to each
        begins = torch.cat((zero, ends[:-1]))
        self.whole = ends - begins
        self._upto = sums - begins[self.owners]
        self._behind = self.whole[self.owners] - self._upto

    def exchanged(self, gap: Tensor) -> Tensor:
        """Each word with a gap in the place of each of its characters [characters]."""
        return self.whole[self.owners] - self._term + gap * self._power

    def taken_out(self) -> Tensor:
        """Each word without each of its characters [characters]."""
        return self._upto - self._term + self._behind * _signed([_ODD_INVERSE])

    def put_in(self, gap: Tensor) -> tuple[Tensor, Tensor]:
        """Each word with a gap before each of its characters and at its end, and whose each is."""
        inside = self._upto - self._term + gap * self._power + (self._behind + self._term) * _signed([_BASE])
        at_end = self.whole + gap * self._powers[self._lengths]
        return torch.cat((inside, at_end)), torch.cat((self.owners, torch.arange(len(at_end))))


def _signed(numbers: list[int]) -> Tensor:
    """`numbers` modulo 2**64 as int64, whose arithmetic is the same."""
    return torch.tensor([number - 2**64 if number >= 2**63 else number for number in numbers])


_kept: NearWordIndex | None = None


def nearness(corpus: Corpus) -> Cooperative[NearWordIndex | None]:
    """That of `corpus`, kept until another corpus is asked about; None where it has more than MOST_CHARACTERS."""
    global _kept
    if _kept is None or not _kept.serves(corpus):
        if sum(map(len, corpus.words)) > MOST_CHARACTERS:
            return None
        made = NearWordIndex(corpus)
        yield from made.build()
        _kept = made
    return _kept
