"""A word list read from a text file: UTF-8, one word a line, without characters that a terminal does not show."""

from __future__ import annotations

import codecs
import hashlib
import stat
import unicodedata
from pathlib import Path

from charwave_tui.core.corpus.corpus import MIN_WORDS, Corpus, corpus_error, format_word_count
from charwave_tui.core.escaping import INVISIBLE_CATEGORIES, JOINERS

MAX_WORD_LENGTH = 1_000
MAX_FILE_BYTES = 128 * 2**20  # about sixteen million names

_SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"


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
        raise corpus_error(
            f"{path}, line {number:,}: {length:,} characters, more than {MAX_WORD_LENGTH:,}",
            "put each word on a line of its own",
        )
    if len(words) < MIN_WORDS:
        raise corpus_error(
            f"{path} has {format_word_count(len(words))}", f"take a file of at least {MIN_WORDS}, one a line"
        )
    return Corpus(name, words, "".join(sorted(set("".join(words)))), hashlib.sha256(data).hexdigest())


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
                "take a part of it, say with head -n",
            )
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise corpus_error(f"there is no file {path}", "check the path") from None
    except PermissionError:
        raise corpus_error(f"{path} may not be read", f"allow it with chmod u+r {path}, or take a copy") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise corpus_error(f"{path} cannot be read: {reason}", "check the path") from None
    if not data:
        raise corpus_error(f"{path} is empty", f"take a file of at least {MIN_WORDS} words, one a line")
    return data


def _decode_text(path: Path, data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise corpus_error(f"{path} is UTF-16, not UTF-8", "convert it with iconv -f UTF-16 -t UTF-8")
    nul = data.find(0)
    if nul >= 0:
        raise corpus_error(f"{path} is binary: byte {nul:,} is 0", "name a UTF-8 text file, one word a line")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec counts from after the BOM, the message from the first byte of the file.
        offset = error.start + len(data) - len(error.object)
        line = _unix_newlines(data[:offset].decode("latin-1")).count("\n") + 1
        raise corpus_error(
            f"{path}, line {line:,}: byte {offset:,} (0x{data[offset]:02x}) is not UTF-8", "save the file as UTF-8"
        ) from None
    return unicodedata.normalize("NFC", _unix_newlines(text))


def _refuse_invisible(path: Path, text: str) -> None:
    allowed = JOINERS + "\n"
    refused = {symbol for symbol in set(text) - set(allowed) if unicodedata.category(symbol) in INVISIBLE_CATEGORIES}
    if refused:
        index = min(text.index(symbol) for symbol in refused)
        symbol = text[index]
        name = "tab" if symbol == "\t" else unicodedata.name(symbol, "control character").lower()
        line = text.count("\n", 0, index) + 1
        raise corpus_error(
            f"{path}, line {line:,}: U+{ord(symbol):04X} ({name}) is not allowed in a word",
            "take it out of the file",
        )


def _unix_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
