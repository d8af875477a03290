"""Words: reading a text file of them, its vocabulary, and the lecture's split in three."""

from __future__ import annotations

import codecs
import hashlib
import random
import stat
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import CorpusSummary, Split

MIN_WORDS = 10
"""Words that a corpus needs, so that each split has at least one."""


MAX_WORD_LENGTH = 1_000
"""Characters that a word may have; a longer line is no word but a paragraph or a broken file."""


LARGEST_FILE = 128 * 2**20
"""Bytes that a corpus may have: some sixteen million names."""


JOINERS = "\u200c\u200d"
"""The invisible characters that are admitted, because Persian and the scripts of India are spelled with them."""


_REFUSED = frozenset({"Cc", "Cf", "Zl", "Zp"})  # what moves the cursor, hides or turns text around on a terminal


_SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"


_SPLIT_SEED = 42


@dataclass(frozen=True)
class Corpus:
    """Words in the order of their file, their characters sorted (`symbols`), and the SHA-256 of the file's bytes.

    A character's id is its place in `symbols` from 1; id 0 is the boundary between words and no character at all.
    """

    name: str
    words: tuple[str, ...] = field(repr=False)
    symbols: str
    sha256: str

    @property
    def vocab_size(self) -> int:
        """Characters and the boundary."""
        return len(self.symbols) + 1

    @cached_property
    def word_set(self) -> frozenset[str]:
        """The words, for asking if one is among them."""
        return frozenset(self.words)

    def encode(self, word: str) -> list[int]:
        """The ids of a word's characters, without the boundary; raises Mistake naming the unknown ones."""
        unknown = [symbol for symbol in dict.fromkeys(word) if symbol not in self._ids]
        if unknown:
            listed = ", ".join(f"“{symbol}”" for symbol in unknown[:5])
            known = format_character_ranges(self.symbols)
            shown = known if len(known) <= 40 else f"{known[:40]}…"
            verb = "does" if len(unknown) == 1 else "do"
            small = word.lower()
            remedy = f"write {small}" if all(symbol in self._ids for symbol in small) else f"its characters are {shown}"
            raise UserError(f"{listed} {verb} not occur in the corpus {self.name}", remedy)
        return [self._ids[symbol] for symbol in word]

    def decode(self, ids: Iterable[int]) -> str:
        """The characters of `ids`; the boundary adds none."""
        return "".join(self.symbols[number - 1] for number in ids if number)

    def split(self, split: Split) -> tuple[str, ...]:
        """The words of one split: 80, 10 and 10 per cent after the lecture's shuffle with seed 42."""
        return self._splits[split]

    def summary(self) -> CorpusSummary:
        """The corpus in figures; each word gives an example for every character and its end, at any `context`."""
        return CorpusSummary(self.name, self.sha256, len(self.words), self.symbols, self._examples)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: number for number, symbol in enumerate(self.symbols, 1)}

    @cached_property
    def _splits(self) -> dict[Split, tuple[str, ...]]:
        shuffled = list(self.words)
        random.Random(_SPLIT_SEED).shuffle(shuffled)
        first, second = int(0.8 * len(shuffled)), int(0.9 * len(shuffled))
        parts = shuffled[:first], shuffled[first:second], shuffled[second:]
        return {split: tuple(part) for split, part in zip(Split, parts, strict=True)}

    @cached_property
    def _examples(self) -> tuple[int, int, int]:
        train, val, test = (sum(map(len, words)) + len(words) for words in self._splits.values())
        return train, val, test


def read_corpus(path: Path, name: str) -> Corpus:
    """The corpus in a UTF-8 file, one word a line, brought to NFC; blank lines are skipped, repeated words stay.

    Raises Mistake (field `corpus`) with the place and the remedy where the file is none: see the bounds above. Control
    characters, tabs among them, and invisible ones other than JOINERS are refused: they would garble the screen.
    """
    data = _bytes(path)
    text = _text(path, data)
    _refuse_invisible(path, text)
    lines = text.split("\n")
    words = tuple(word for line in lines if (word := line.strip(_SPACES)))
    if words and max(map(len, words)) > MAX_WORD_LENGTH:
        number, length = next(
            (n, len(line)) for n, line in enumerate(lines, 1) if len(line.strip(_SPACES)) > MAX_WORD_LENGTH
        )
        raise _mistake(
            f"{path}, line {number:,}: {length:,} characters, more than {MAX_WORD_LENGTH:,}",
            "put each word on a line of its own",
        )
    if len(words) < MIN_WORDS:
        count = "1 word" if len(words) == 1 else f"{len(words)} words"
        raise _mistake(f"{path} has {count}", f"take a file of at least {MIN_WORDS}, one a line")
    return Corpus(name, words, "".join(sorted(set("".join(words)))), hashlib.sha256(data).hexdigest())


def _bytes(path: Path) -> bytes:
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise _mistake(f"{path} is a folder", "name a text file in it")
        if not stat.S_ISREG(found.st_mode):
            raise _mistake(f"{path} is a device or a pipe", "write the words to a file and name that")
        if found.st_size > LARGEST_FILE:
            raise _mistake(
                f"{path} has {found.st_size:,} bytes, more than {LARGEST_FILE:,}", "take a part of it, say with head -n"
            )
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise _mistake(f"there is no file {path}", "check the path") from None
    except PermissionError:
        raise _mistake(f"{path} may not be read", f"allow it with chmod u+r {path}, or take a copy") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise _mistake(f"{path} cannot be read: {reason}", "check the path") from None
    if not data:
        raise _mistake(f"{path} is empty", f"take a file of at least {MIN_WORDS} words, one a line")
    return data


def _text(path: Path, data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _mistake(f"{path} is UTF-16, not UTF-8", "convert it with iconv -f UTF-16 -t UTF-8")
    zero = data.find(0)
    if zero >= 0:
        raise _mistake(f"{path} is binary: byte {zero:,} is 0", "name a UTF-8 text file, one word a line")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec counts from behind a BOM, people from the file's first byte.
        place = error.start + len(data) - len(error.object)
        line = _unix_newlines(data[:place].decode("latin-1")).count("\n") + 1
        raise _mistake(
            f"{path}, line {line:,}: byte {place:,} (0x{data[place]:02x}) is not UTF-8", "save the file as UTF-8"
        ) from None
    return unicodedata.normalize("NFC", _unix_newlines(text))


def _refuse_invisible(path: Path, text: str) -> None:
    refused = {
        symbol for symbol in set(text) if unicodedata.category(symbol) in _REFUSED and symbol not in JOINERS + "\n"
    }
    if refused:
        place = min(text.index(symbol) for symbol in refused)
        symbol = text[place]
        known = "tab" if symbol == "\t" else unicodedata.name(symbol, "control character").lower()
        line = text.count("\n", 0, place) + 1
        raise _mistake(
            f"{path}, line {line:,}: U+{ord(symbol):04X} ({known}) is not allowed in a word",
            "take it out of the file",
        )


def format_character_ranges(symbols: str) -> str:
    """The `symbols`, which rise, or what is shorter: of four or more that follow one another the ends, as in `a–z`."""
    runs: list[str] = []
    for symbol in symbols:
        if runs and ord(symbol) == ord(runs[-1][-1]) + 1:
            runs[-1] += symbol
        else:
            runs.append(symbol)
    short = " ".join(run if len(run) < 4 else f"{run[0]}–{run[-1]}" for run in runs)
    return min(symbols, short, key=len)


def _unix_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _mistake(problem: str, remedy: str) -> UserError:
    return UserError(problem, remedy, "corpus")
