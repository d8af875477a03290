"""A word list, its vocabulary, and the lecture's split into train, val and test."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from charwave_tui.core.corpus.word_list import EMPTY, WordList
from charwave_tui.core.errors import UserError
from charwave_tui.core.escaping import escape_invisible, shown_alone
from charwave_tui.core.metrics import CorpusSummary, RepeatCounts, Split, describe_repeats

if TYPE_CHECKING:
    from charwave_tui.core.corpus.bulk import HashedWords

MIN_WORDS = 10  # with fewer, a split would be empty

_SPLIT_SEED = 42


@dataclass(frozen=True, slots=True)
class MissingWords:
    """Why the words that a run `learned` are not there, and what to do."""

    learned: CorpusSummary
    problem: str
    remedy: str

    @property
    def consequence(self) -> str:
        """What a person should know before looking at the run, in one line."""
        effect = "so names are not compared with them, and layers are shown on names that the model writes"
        return escape_invisible(f"{self.problem}, {effect}; {self.remedy}")


@dataclass(frozen=True)
class Corpus:
    """Words in file order, their distinct characters sorted (`symbols`), and the SHA-256 of the file's bytes.

    The id of a character is its index in `symbols` plus 1; id 0 is the boundary between words, the lecture's `.`.
    With `missing` there are no words: the run that learned them still has its characters. `removed_repeats` counts the
    words of the file that are left out because they repeat an earlier one. `hints` are what a person may want to know
    before training, a line each; `structure` is the problem and the remedy of a file whose lines are certainly no
    words.
    """

    name: str
    words: WordList = field(repr=False, compare=False)
    symbols: str
    sha256: str
    missing: MissingWords | None = None
    removed_repeats: int = 0
    hints: tuple[str, ...] = ()
    structure: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", WordList.of(self.words))

    @staticmethod
    def without_words(missing: MissingWords) -> Corpus:
        learned = missing.learned
        return Corpus(learned.name, EMPTY, learned.symbols, learned.sha256, missing)

    def require_words(self) -> None:
        """Raise UserError if the words are missing."""
        if self.missing is not None:
            raise corpus_error(self.missing.problem, self.missing.remedy)

    @property
    def vocab_size(self) -> int:
        """Number of ids: the characters and the boundary."""
        return len(self.symbols) + 1

    @cached_property
    def without_repeats(self) -> Corpus:
        """The corpus with each distinct word once, where it occurs first. Raises UserError if too few are left."""
        words = self.words.distinct()
        if len(words) == len(self.words):
            return self
        if len(words) < MIN_WORDS:
            raise UserError(
                f"{self.name} has only {format_word_count(len(words))} without repeats",
                f"take a file of at least {MIN_WORDS}, or set repeats to keep",
                "repeats",
            )
        return replace(self, words=words, removed_repeats=self.removed_repeats + len(self.words) - len(words))

    @cached_property
    def word_set(self) -> frozenset[str]:
        return frozenset(self.words)

    @cached_property
    def train_words(self) -> frozenset[str]:
        return frozenset(self.split(Split.TRAIN))

    def in_corpus(self, words: Sequence[str]) -> list[bool]:
        """Return for each word whether the corpus has it; unlike `word_set` that takes a long list little memory."""
        return self._among(words, len(self.words)) if self._hashed else [word in self.word_set for word in words]

    def in_train(self, words: Sequence[str]) -> list[bool]:
        """Return for each word whether it is a word of train, likewise."""
        return self._among(words, self._split_ends[0]) if self._hashed else [word in self.train_words for word in words]

    def _among(self, words: Sequence[str], end: int) -> list[bool]:
        assert self._hashed is not None
        return [position < end for position in self._hashed.positions(words)]

    @cached_property
    def longest_word(self) -> int:
        """The number of characters of the longest word; 0 if the words are missing and it was not recorded."""
        return self.missing.learned.longest_word if self.missing else self.words.longest

    def encode(self, word: str) -> list[int]:
        """Return the ids of the characters of `word`, without a boundary. Raises UserError for unknown characters."""
        unknown = [symbol for symbol in dict.fromkeys(word) if symbol not in self._ids]
        if unknown:
            quoted = ", ".join(f"“{shown_alone(symbol)}”" for symbol in unknown[:5])
            verb = "does" if len(unknown) == 1 else "do"
            lower = word.lower()
            if all(symbol in self._ids for symbol in lower):
                remedy = f"write {lower}"
            else:
                ranges = format_character_ranges(self.symbols)
                remedy = f"its characters are {ranges if len(ranges) <= 40 else f'{ranges[:40]}…'}"
            raise UserError(f"{quoted} {verb} not occur in the corpus {self.name}", remedy)
        return [self._ids[symbol] for symbol in word]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the characters of `ids`, skipping boundaries."""
        return "".join(self.symbols[number - 1] for number in ids if number)

    def split(self, split: Split) -> WordList:
        """Return the words of one split: 80, 10 and 10 % after the lecture's shuffle with seed 42."""
        index = list(Split).index(split)
        start, end = (0, *self._split_ends)[index : index + 2]
        return self.words.take(self._shuffled[start:end])

    def summary(self) -> CorpusSummary:
        return self.missing.learned if self.missing is not None else self._summary

    @cached_property
    def _summary(self) -> CorpusSummary:
        # Each word gives an example for each character and one for its end, whatever the context.
        train, val, test = (self.split(split).positions for split in Split)
        words = len(self.words) + self.removed_repeats
        examples, repeats, longest = (train, val, test), self.repeat_counts, self.longest_word
        return CorpusSummary(self.name, self.sha256, words, self.symbols, examples, repeats, longest)

    @property
    def repeats_text(self) -> str:
        """What `describe_repeats` says of the words that are used."""
        return describe_repeats(len(self.words) + self.removed_repeats, self.repeat_counts)

    @cached_property
    def repeat_counts(self) -> RepeatCounts:
        if self._hashed:
            return self._hashed.repeat_counts
        distinct, val = len(self.word_set), self.split(Split.VAL)
        in_train = sum(self.in_train(val))
        return RepeatCounts(distinct, len(self.train_words), in_train / len(val) if val else 0.0)

    @cached_property
    def _hashed(self) -> HashedWords | None:
        """The words in the order of the splits, if they are many."""
        if not self.words.is_long:
            return None
        from charwave_tui.core.corpus import bulk

        train_end, val_end, _ = self._split_ends
        return bulk.HashedWords(self.words, self._shuffled, train_end, val_end)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: number for number, symbol in enumerate(self.symbols, 1)}

    @property
    def _split_ends(self) -> tuple[int, int, int]:
        return int(0.8 * len(self.words)), int(0.9 * len(self.words)), len(self.words)

    @cached_property
    def _shuffled(self) -> memoryview:
        """The line numbers of the words in the order of the splits."""
        if self.words.is_long:
            from charwave_tui.core.corpus import bulk

            return bulk.shuffled_positions(len(self.words), _SPLIT_SEED).data
        order = array("i", range(len(self.words)))
        random.Random(_SPLIT_SEED).shuffle(order)
        return memoryview(order)


def format_character_ranges(symbols: str) -> str:
    """Return sorted `symbols` with runs of four or more as ranges (`a–z`), or unchanged if that is shorter."""
    runs: list[str] = []
    for symbol in symbols:
        if runs and ord(symbol) == ord(runs[-1][-1]) + 1:
            runs[-1] += symbol
        else:
            runs.append(symbol)
    ranges = " ".join(
        "".join(map(shown_alone, run)) if len(run) < 4 else f"{shown_alone(run[0])}–{shown_alone(run[-1])}"
        for run in runs
    )
    return min("".join(map(shown_alone, symbols)), ranges, key=len)


def format_word_count(words: int) -> str:
    return "1 word" if words == 1 else f"{words:,} words"


def corpus_error(problem: str, remedy: str) -> UserError:
    return UserError(problem, remedy, "corpus")
