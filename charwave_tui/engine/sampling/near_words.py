"""Corpus words one edit away from a name: one character inserted, deleted or replaced."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from charwave_tui.core.corpus.corpus import Corpus
from charwave_tui.engine.data.window_dataset import encode_words
from charwave_tui.engine.runtime.cooperative import Cooperative
from charwave_tui.engine.runtime.random_streams import derived_generator

CHARACTERS_PER_CHUNK = 200_000  # indexed between two yields: about 30 ms of one core
MAX_CORPUS_CHARACTERS = 20_000_000  # the index takes 12 bytes for each; larger corpora have none
HINT_BITS = 20  # leading bits of a key that tell whether it may be in the index

_BASE = 0x9E3779B97F4A7C15  # odd, hence invertible modulo 2**64
_BASE_INVERSE = pow(_BASE, -1, 2**64)


def is_one_edit_apart(first: str, second: str) -> bool:
    """Return whether inserting, deleting or replacing one character turns `first` into `second`."""
    if len(first) == len(second):
        return sum(map(str.__ne__, first, second)) == 1
    shorter, longer = sorted((first, second), key=len)
    prefix = next((index for index, symbol in enumerate(shorter) if symbol != longer[index]), len(shorter))
    return len(longer) == len(shorter) + 1 and shorter[prefix:] == longer[prefix + 1 :]


class _HashIndex:
    """Sorted int64 `keys` [keys] and the index of the corpus word of each, `words` [keys]."""

    def __init__(self, keys: Tensor, words: Tensor) -> None:
        self._keys, order = keys.sort(stable=True)  # of equal keys the first word stays first
        self._words = words[order].int()
        self._hints = torch.zeros(2**HINT_BITS, dtype=torch.bool)
        self._hints[_hint(keys)] = True

    def lookup(self, keys: Tensor) -> tuple[Tensor, Tensor]:
        """Return the positions in `keys` of those in the index, and the first word of each."""
        candidates = self._hints[_hint(keys)].nonzero()[:, 0]  # spares most keys the binary search
        queries = keys[candidates]
        positions = torch.searchsorted(self._keys, queries).clamp_(max=len(self._keys) - 1)
        hits = self._keys[positions] == queries
        return candidates[hits], self._words[positions[hits]].long()


def _hint(keys: Tensor) -> Tensor:
    hints: Tensor = (keys >> (64 - HINT_BITS)) & (2**HINT_BITS - 1)
    return hints


class NearWordIndex:
    """The words of `corpus`, indexed by hashes of each word with one character replaced by a gap.

    A word with one character replaced or inserted shares such a hash with the name, in which the gap replaces a
    character or stands between two; a word with one character less has the hash of the name without a character.
    Words of equal hashes are compared.
    """

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self._max_length = corpus.longest_word + 2
        self._powers = _signed([pow(_BASE, index, 2**64) for index in range(self._max_length + 1)])
        # One random value for each id, and the last one for the gap; the same for every run.
        values = torch.randint(
            -(2**63), 2**63 - 1, (corpus.vocab_size + 1,), generator=derived_generator(0, "nearness")
        )
        self._values, self._gap = values[:-1], values[-1]
        self._gapped: list[_HashIndex] = []
        self._whole: list[_HashIndex] = []

    def build(self) -> Cooperative[None]:
        """Index all words; yields after each chunk."""
        words, first, indexed, size = self.corpus.words, 0, 0, 0
        for end, word in enumerate(words, 1):
            size += len(word)
            if size - indexed >= CHARACTERS_PER_CHUNK or end == len(words):
                hashes = _RollingHashes(words[first:end], self.corpus.symbols, self._values, self._powers)
                self._gapped.append(_HashIndex(hashes.replaced(self._gap), hashes.owners + first))
                self._whole.append(_HashIndex(hashes.whole, torch.arange(first, end)))
                first, indexed = end, size
                yield

    def find(self, names: Sequence[str]) -> list[str]:
        """Return for each of `names` the first corpus word that is one edit away, "" where there is none."""
        words = self.corpus.words
        short = [index for index, name in enumerate(names) if len(name) < self._max_length]
        matches = [""] * len(names)
        if short:
            for index, word in zip(short, self._first_words([names[index] for index in short]).tolist(), strict=True):
                if word >= 0:
                    name = names[index]
                    matches[index] = words[word]
                    if not is_one_edit_apart(name, words[word]):  # a hash collision: every word is compared
                        matches[index] = next(
                            (candidate for candidate in words if is_one_edit_apart(name, candidate)), ""
                        )
        return matches

    def _first_words(self, names: list[str]) -> Tensor:
        """Return the index of the first word with a hash of each of `names`, -1 where there is none: int64 [names]."""
        hashes = _RollingHashes(names, self.corpus.symbols, self._values, self._powers)
        lookups = [
            (self._gapped, hashes.replaced(self._gap), hashes.owners),
            (self._whole, hashes.deleted(), hashes.owners),
            (self._gapped, *hashes.inserted(self._gap)),
        ]
        no_word = len(self.corpus.words)
        first_words = torch.full((len(names),), no_word)
        for indexes, keys, owners in lookups:
            for index in indexes:
                hits, words = index.lookup(keys)
                first_words.scatter_reduce_(0, owners[hits], words, "amin")
        return torch.where(first_words == no_word, -1, first_words)


class _RollingHashes:
    """Polynomial hashes of `words` modulo 2**64, and of the prefix and suffix at each of their characters.

    `whole` [words] are those of the words, `owners` [characters] the index of each character's word.
    """

    def __init__(self, words: Sequence[str], symbols: str, values: Tensor, powers: Tensor) -> None:
        lengths = torch.tensor([len(word) for word in words])
        stream = encode_words(words, symbols, 1)
        ids = stream[stream != 0]  # [characters]
        self.owners = torch.repeat_interleave(torch.arange(len(words)), lengths)
        offsets = torch.arange(len(ids)) - (lengths.cumsum(0) - lengths)[self.owners]
        self._lengths = lengths
        self._powers = powers
        self._power = powers[offsets]
        self._term = values[ids] * self._power
        sums = self._term.cumsum(0)
        zero = sums.new_zeros(1)
        ends = torch.cat((zero, sums))[lengths.cumsum(0)]  # of all words up to and including each
        begins = torch.cat((zero, ends[:-1]))
        self.whole = ends - begins
        self._prefix = sums - begins[self.owners]  # including the character itself
        self._suffix = self.whole[self.owners] - self._prefix

    def replaced(self, gap: Tensor) -> Tensor:
        return self.whole[self.owners] - self._term + gap * self._power

    def deleted(self) -> Tensor:
        """Return the hashes of each word without each of its characters [characters]."""
        return self._prefix - self._term + self._suffix * _signed([_BASE_INVERSE])

    def inserted(self, gap: Tensor) -> tuple[Tensor, Tensor]:
        """Return the hashes of each word with a gap before each character and at its end, and the word of each."""
        inside = self._prefix - self._term + gap * self._power + (self._suffix + self._term) * _signed([_BASE])
        at_end = self.whole + gap * self._powers[self._lengths]
        return torch.cat((inside, at_end)), torch.cat((self.owners, torch.arange(len(at_end))))


def _signed(values: list[int]) -> Tensor:
    """Return `values` modulo 2**64 as int64, which has the same arithmetic."""
    return torch.tensor([value - 2**64 if value >= 2**63 else value for value in values])


_cached: NearWordIndex | None = None


def near_word_index(corpus: Corpus) -> Cooperative[NearWordIndex | None]:
    """Return the index of `corpus`, built unless it was the last one requested; None for one too large or missing."""
    global _cached
    if _cached is None or corpus is not _cached.corpus:
        if corpus.missing is not None or len(corpus.words.text) > MAX_CORPUS_CHARACTERS:
            return None
        index = NearWordIndex(corpus)
        yield from index.build()
        _cached = index
    return _cached
