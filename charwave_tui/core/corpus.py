"""A word list: read from a text file, its vocabulary, and the lecture's split into train, val and test."""

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

MIN_WORDS = 10  # with fewer, a split would be empty
MAX_WORD_LENGTH = 1_000
MAX_FILE_BYTES = 128 * 2**20  # about sixteen million names
JOINERS = "\u200c\u200d"  # invisible, but needed to spell Persian and the scripts of India

_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp"})  # what moves the cursor, hides or reorders text on a terminal
_SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_SPLIT_SEED = 42


@dataclass(frozen=True)
class Corpus:
    """Words in file order, their distinct characters sorted (`symbols`), and the SHA-256 of the file's bytes.

    The id of a character is its index in `symbols` plus 1; id 0 is the boundary between words, the lecture's `.`.
    """

    name: str
    words: tuple[str, ...] = field(repr=False)
    symbols: str
    sha256: str

    @property
    def vocab_size(self) -> int:
        """Number of ids: the characters and the boundary."""
        return len(self.symbols) + 1

    @cached_property
    def word_set(self) -> frozenset[str]:
        return frozenset(self.words)

    @cached_property
    def longest_word(self) -> int:
        """The number of characters of the longest word."""
        return max(map(len, self.words), default=0)

    def encode(self, word: str) -> list[int]:
        """Return the ids of the characters of `word`, without a boundary. Raises UserError for unknown characters."""
        unknown = [symbol for symbol in dict.fromkeys(word) if symbol not in self._ids]
        if unknown:
            quoted = ", ".join(f"“{symbol}”" for symbol in unknown[:5])
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
        # Each word gives an example for each character and one for its end, whatever the context.
        train, val, test = (sum(map(len, words)) + len(words) for words in self._splits.values())
        return CorpusSummary(self.name, self.sha256, len(self.words), self.symbols, (train, val, test))

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


def read_corpus(path: Path, name: str) -> Corpus:
    """Read a UTF-8 file of one word a line and normalise it to NFC; blank lines are skipped, duplicates stay.

    Raises UserError (field `corpus`), with the line where there is one, if the file is outside the limits above, or
    holds control characters (tabs too) or invisible characters other than JOINERS: they would garble the screen.
    """
    data = _read_bytes(path)
    text = _decode_text(path, data)
    _refuse_invisible(path, text)
    lines = text.split("\n")
    words = tuple(word for line in lines if (word := line.strip(_SPACES)))
    if words and max(map(len, words)) > MAX_WORD_LENGTH:
        number, length = next(
            (n, len(line)) for n, line in enumerate(lines, 1) if len(line.strip(_SPACES)) > MAX_WORD_LENGTH
        )
        raise _corpus_error(
            f"{path}, line {number:,}: {length:,} characters, more than {MAX_WORD_LENGTH:,}",
            "put each word on a line of its own",
        )
    if len(words) < MIN_WORDS:
        count = "1 word" if len(words) == 1 else f"{len(words)} words"
        raise _corpus_error(f"{path} has {count}", f"take a file of at least {MIN_WORDS}, one a line")
    return Corpus(name, words, "".join(sorted(set("".join(words)))), hashlib.sha256(data).hexdigest())


def _read_bytes(path: Path) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise _corpus_error(f"{path} is a folder", "name a text file in it")
        if not stat.S_ISREG(status.st_mode):
            raise _corpus_error(f"{path} is a device or a pipe", "write the words to a file and name that")
        if status.st_size > MAX_FILE_BYTES:
            raise _corpus_error(
                f"{path} has {status.st_size:,} bytes, more than {MAX_FILE_BYTES:,}",
                "take a part of it, say with head -n",
            )
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise _corpus_error(f"there is no file {path}", "check the path") from None
    except PermissionError:
        raise _corpus_error(f"{path} may not be read", f"allow it with chmod u+r {path}, or take a copy") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise _corpus_error(f"{path} cannot be read: {reason}", "check the path") from None
    if not data:
        raise _corpus_error(f"{path} is empty", f"take a file of at least {MIN_WORDS} words, one a line")
    return data


def _decode_text(path: Path, data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _corpus_error(f"{path} is UTF-16, not UTF-8", "convert it with iconv -f UTF-16 -t UTF-8")
    nul = data.find(0)
    if nul >= 0:
        raise _corpus_error(f"{path} is binary: byte {nul:,} is 0", "name a UTF-8 text file, one word a line")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec counts from after the BOM, the message from the first byte of the file.
        offset = error.start + len(data) - len(error.object)
        line = _unix_newlines(data[:offset].decode("latin-1")).count("\n") + 1
        raise _corpus_error(
            f"{path}, line {line:,}: byte {offset:,} (0x{data[offset]:02x}) is not UTF-8", "save the file as UTF-8"
        ) from None
    return unicodedata.normalize("NFC", _unix_newlines(text))


def _refuse_invisible(path: Path, text: str) -> None:
    allowed = JOINERS + "\n"
    refused = {symbol for symbol in set(text) - set(allowed) if unicodedata.category(symbol) in _REFUSED_CATEGORIES}
    if refused:
        index = min(text.index(symbol) for symbol in refused)
        symbol = text[index]
        name = "tab" if symbol == "\t" else unicodedata.name(symbol, "control character").lower()
        line = text.count("\n", 0, index) + 1
        raise _corpus_error(
            f"{path}, line {line:,}: U+{ord(symbol):04X} ({name}) is not allowed in a word",
            "take it out of the file",
        )


def format_character_ranges(symbols: str) -> str:
    """Return sorted `symbols` with runs of four or more as ranges (`a–z`), or unchanged if that is shorter."""
    runs: list[str] = []
    for symbol in symbols:
        if runs and ord(symbol) == ord(runs[-1][-1]) + 1:
            runs[-1] += symbol
        else:
            runs.append(symbol)
    ranges = " ".join(run if len(run) < 4 else f"{run[0]}–{run[-1]}" for run in runs)
    return min(symbols, ranges, key=len)


def _unix_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _corpus_error(problem: str, remedy: str) -> UserError:
    return UserError(problem, remedy, "corpus")
