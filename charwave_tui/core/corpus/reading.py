"""A word list read from a text file: UTF-8, one word a line, without characters that a terminal does not show."""

from __future__ import annotations

import hashlib
import stat
import unicodedata
from pathlib import Path

from charwave_tui.core.corpus import hints
from charwave_tui.core.corpus.corpus import MIN_WORDS, Corpus, corpus_error, format_word_count
from charwave_tui.core.corpus.word_list import CHARACTERS_PER_BLOCK, WordList
from charwave_tui.core.escaping import INVISIBLE_CATEGORIES, JOINERS, shell_quote

MAX_WORD_LENGTH = 1_000
MAX_FILE_BYTES = 128 * 2**20  # about sixteen million names

_SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"


def read_corpus(path: Path, name: str) -> Corpus:
    """Read a UTF-8 file of one word a line and normalise it to NFC; blank lines are skipped, duplicates stay.

    Raises UserError (field `corpus`), with the line where there is one, if the file is outside the limits above, or
    holds control characters (tabs too) or invisible characters other than JOINERS: they would garble the screen.
    """
    data = _read_bytes(path)
    sha256 = hashlib.sha256(data).hexdigest()
    text = _decode_text(path, data)
    del data  # both at once would take as much memory as all that follows
    symbols = _distinct(text)
    _refuse_invisible(path, text, symbols)
    structure = hints.structure_problem(path, text)
    words = _words_of(text, symbols)
    if words.longest > MAX_WORD_LENGTH:
        number, line = next(
            (n, line) for n, line in enumerate(text.split("\n"), 1) if len(line.strip(_SPACES)) > MAX_WORD_LENGTH
        )
        raise corpus_error(
            f"{path}, line {number:,}: {len(line):,} characters, more than {MAX_WORD_LENGTH:,}",
            _one_word_a_line(path, line),
        )
    if len(words) < MIN_WORDS:
        if structure is not None:
            raise corpus_error(*structure)
        remedy = _one_word_a_line(path, max(words, key=len, default=""))
        raise corpus_error(
            f"{path} has {format_word_count(len(words))}", f"take a file of at least {MIN_WORDS}, one a line: {remedy}"
        )
    alphabet = "".join(sorted((symbols if words.text is text else _distinct(words.text)) - {"\n"}))
    list_hints = () if structure is not None else hints.word_list_hints(path, text, alphabet)
    return Corpus(name, words, alphabet, sha256, hints=list_hints, structure=structure)


def _words_of(text: str, symbols: set[str]) -> WordList:
    """Return the lines that are not blank, without the spaces around them."""
    if not symbols.isdisjoint(_SPACES) or "\n\n" in text:
        text = "\n".join(word for line in text.split("\n") if (word := line.strip(_SPACES)))
    return WordList(text.strip("\n"))


def _distinct(text: str) -> set[str]:
    """Return the characters of a text; few of a long one are left once those of its beginning are taken out."""
    if not text.isascii():
        return set(text)
    frequent = set(text[:CHARACTERS_PER_BLOCK])
    without = bytes(map(ord, frequent))
    parts = (text[start : start + CHARACTERS_PER_BLOCK] for start in range(0, len(text), CHARACTERS_PER_BLOCK))
    return frequent.union(*(part.encode("ascii").translate(None, without).decode("ascii") for part in parts))


def _one_word_a_line(path: Path, line: str) -> str:
    """Return the command that writes the words of a long line one a line, if it has any."""
    separator = hints.word_separator(line)
    return hints.split_words_command(path, separator) if separator else "put each word on a line of its own"


def _read_bytes(path: Path) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise corpus_error(f"{path} is a folder", "name a text file in it")
        if not stat.S_ISREG(status.st_mode):
            raise corpus_error(f"{path} is a device or a pipe", "write the words to a file and name that")
        if status.st_size > MAX_FILE_BYTES:
            raise corpus_error(
                f"{path} has {status.st_size:,} bytes, more than {MAX_FILE_BYTES:,}",
                hints.mending_command(path, "head -n 4000000 {}"),
            )
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise corpus_error(f"there is no file {path}", "check the path") from None
    except PermissionError:
        remedy = f"allow it with chmod u+r {shell_quote(str(path))}, or take a copy"
        raise corpus_error(f"{path} may not be read", remedy) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise corpus_error(f"{path} cannot be read: {reason}", "check the path") from None
    if not data:
        raise corpus_error(f"{path} is empty", f"take a file of at least {MIN_WORDS} words, one a line")
    return data


def _decode_text(path: Path, data: bytes) -> str:
    if compression := hints.compression_of(data):
        kind, command = compression
        raise corpus_error(f"{path} is compressed by {kind}", hints.mending_command(path, f"{command} {{}}"))
    if encoding := hints.utf_encoding(data):
        raise corpus_error(f"{path} is {encoding}, not UTF-8", _iconv(path, encoding))
    nul = data.find(0)
    if nul >= 0:
        raise corpus_error(f"{path} is binary: byte {nul:,} is 0", "name a UTF-8 text file, one word a line")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec counts from after the BOM, the message from the first byte of the file.
        offset = error.start + len(data) - len(error.object)
        line = _unix_newlines(data[:offset].decode("latin-1")).count("\n") + 1
        start, end = data.rfind(b"\n", 0, offset) + 1, data.find(b"\n", offset)
        encoding, reading = hints.single_byte_encoding(data[start : end if end >= 0 else len(data)][:100])
        raise corpus_error(
            f"{path}, line {line:,}: byte {offset:,} (0x{data[offset]:02x}) is not UTF-8",
            f"if it should read “{reading}”: {_iconv(path, encoding)}",
        ) from None
    return unicodedata.normalize("NFC", _unix_newlines(text))


def _iconv(path: Path, encoding: str) -> str:
    return hints.mending_command(path, f"iconv -f {encoding} -t UTF-8 {{}}")


def _refuse_invisible(path: Path, text: str, symbols: set[str]) -> None:
    refused = {
        symbol for symbol in symbols - set(JOINERS + "\n") if unicodedata.category(symbol) in INVISIBLE_CATEGORIES
    }
    if refused:
        columns = hints.find_columns(hints.sample_lines(text)) if "\t" in refused else None
        if columns is not None and columns.separator == "\t":
            problem = f"{path} has columns, separated by tabs (“{hints.sample_lines(text)[0]}”)"
            raise corpus_error(problem, hints.cut_command(path, columns))
        index = min(text.index(symbol) for symbol in refused)
        symbol = text[index]
        name = "tab" if symbol == "\t" else unicodedata.name(symbol, "control character").lower()
        line = text.count("\n", 0, index) + 1
        raise corpus_error(
            f"{path}, line {line:,}: U+{ord(symbol):04X} ({name}) is not allowed in a word",
            hints.mending_command(path, f"perl -CSD -pe 's/\\x{{{ord(symbol):x}}}//g' {{}}"),
        )


def _unix_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
