"""A word list, its vocabulary, and the lecture's split into train, val and test."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

from charwave_tui.core.errors import UserError
from charwave_tui.core.escaping import escape_invisible, shown_alone
from charwave_tui.core.metrics import CorpusSummary, RepeatCounts, Split, describe_repeats

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
    words: tuple[str, ...] = field(repr=False)
    symbols: str
    sha256: str
    missing: MissingWords | None = None
    removed_repeats: int = 0
    hints: tuple[str, ...] = ()
    structure: tuple[str, str] | None = None

    @staticmethod
    def without_words(missing: MissingWords) -> Corpus:
        learned = missing.learned
        return Corpus(learned.name, (), learned.symbols, learned.sha256, missing)

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
        words = tuple(dict.fromkeys(self.words))
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

    @cached_property
    def longest_word(self) -> int:
        """The number of characters of the longest word; 0 if the words are missing and it was not recorded."""
        return self.missing.learned.longest_word if self.missing else max(map(len, self.words), default=0)

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

    def split(self, split: Split) -> tuple[str, ...]:
        """Return the words of one split: 80, 10 and 10 % after the lecture's shuffle with seed 42."""
        return self._splits[split]

    def summary(self) -> CorpusSummary:
        if self.missing is not None:
            return self.missing.learned
        # Each word gives an example for each character and one for its end, whatever the context.
        train, val, test = (sum(map(len, words)) + len(words) for words in self._splits.values())
        words = len(self.words) + self.removed_repeats
        examples, repeats, longest = (train, val, test), self.repeat_counts, self.longest_word
        return CorpusSummary(self.name, self.sha256, words, self.symbols, examples, repeats, longest)

    @property
    def repeats_text(self) -> str:
        """What `describe_repeats` says of the words that are used."""
        return describe_repeats(len(self.words) + self.removed_repeats, self.repeat_counts)

    @cached_property
    def repeat_counts(self) -> RepeatCounts:
        if len(self.word_set) == len(self.words):  # which spares the shuffle of a large list
            return RepeatCounts(len(self.words), int(0.8 * len(self.words)), 0.0)
        val = self.split(Split.VAL)
        in_train = sum(word in self.train_words for word in val)
        return RepeatCounts(len(self.word_set), len(self.train_words), in_train / len(val) if val else 0.0)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: number for number, symbol in enumerate(self.symbols, 1)}

    @cached_property
    def _splits(self) -> dict[Split, tuple[str, ...]]:
        shuffled = list(self.words)
        random.Random(_SPLIT_SEED).shuffle(shuffled)
        train_end, val_end = int(0.8 * len(shuffled)), int(0.9 * len(shuffled))
        parts = shuffled[:train_end], shuffled[train_end:val_end], shuffled[val_end:]
        return {split: tuple(words) for split, words in zip(Split, parts, strict=True)}


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
