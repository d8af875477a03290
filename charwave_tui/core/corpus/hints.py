"""What a file is that is no list of words, and the command that makes one of it."""

from __future__ import annotations

import ast
import codecs
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from charwave_tui.core.escaping import shell_quote

SAMPLE_CHARACTERS = 2**16  # read at the beginning, in the middle and at the end of a longer text
MOST = 0.8  # from this fraction of lines on, all are taken to be so
SOME = 0.2
MAX_LITERAL_CHARACTERS = 2**22  # of a JSON or Python list that is parsed to see whether it is one
SEPARATORS = "\t,;| "
HEADINGS = frozenset(
    ("name", "names", "word", "words", "firstname", "first_name", "forename", "given_name", "surname", "last_name")
)
COMPRESSED = {  # first bytes, name, command that writes the content to stdout
    b"\x1f\x8b": ("gzip", "gzip -dc"),
    b"PK\x03\x04": ("zip", "unzip -p"),
    b"BZh": ("bzip2", "bzip2 -dc"),
    b"\xfd7zXZ\0": ("xz", "xz -dc"),
    b"\x28\xb5\x2f\xfd": ("zstd", "zstd -dc"),
}

_QUOTES = {'"': '"', "'": "'", "“": "”", "„": "“", "«": "»", "‘": "’", "`": "`"}
_NUMBER = re.compile(r"[-+]?[\d.,_]*\d%?")
_FLAGS = re.compile(r"\S+/[\w,!~-]+")


@dataclass(frozen=True, slots=True)
class Columns:
    """A file in columns: `word` is the first that holds words, `numbers` those of numbers, counted from 1."""

    separator: str
    word: int
    numbers: tuple[int, ...]

    @property
    def name(self) -> str:
        return {"\t": "tabs", " ": "spaces"}.get(self.separator, f"“{self.separator}”")


def mending_command(path: Path, command: str) -> str:
    """Return a shell command that reads `path` by `command`, which names it `{}`, and writes another file."""
    target = "words.txt" if path.name != "words.txt" else "list.txt"
    return f"{command.replace('{}', shell_quote(str(path)))} > {target}"


def compression_of(data: bytes) -> tuple[str, str] | None:
    """Return the name of the compression of a file that begins with `data`, and the command that undoes it."""
    return next((known for magic, known in COMPRESSED.items() if data.startswith(magic)), None)


def utf_encoding(data: bytes) -> str:
    """Return the name of the UTF-16 or UTF-32 encoding of a text, with or without a byte order mark, else ""."""
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "UTF-32"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    if b"\0" in data[:SAMPLE_CHARACTERS]:
        for encoding in ("UTF-32LE", "UTF-32BE", "UTF-16LE", "UTF-16BE"):
            text = data[:SAMPLE_CHARACTERS].decode(encoding, "replace")
            if "\n" in text and all(
                (symbol.isprintable() and symbol != "\ufffd") or symbol in "\t\r\n" for symbol in text
            ):
                return encoding
    return ""


def single_byte_encoding(line: bytes) -> tuple[str, str]:
    """Return the likely encoding of a line that is not UTF-8, as iconv calls it, and how it reads then."""
    letters = [byte for byte in line if byte > 127 or chr(byte).isalpha()]
    is_mostly_high = sum(byte > 127 for byte in letters) > len(letters) / 2  # hardly any Latin script has so many
    encoding = "WINDOWS-1251" if is_mostly_high else "WINDOWS-1252"
    return encoding, line.decode(encoding, "replace").strip()


def sample_lines(text: str) -> list[str]:
    """Return lines that are not blank: all of a short text, else those of three places in it."""
    if len(text) <= 3 * SAMPLE_CHARACTERS:
        lines = text.split("\n")
    else:
        middle, last = len(text) // 2, len(text) - SAMPLE_CHARACTERS
        lines = text[:SAMPLE_CHARACTERS].split("\n")[:-1]  # the last may be cut off
        lines += text[middle : middle + SAMPLE_CHARACTERS].split("\n")[1:-1]
        lines += text[last:].split("\n")[1:]
    return [line.strip(" \r") for line in lines if line.strip()]


def split_line(line: str, separator: str) -> list[str]:
    """Return the fields of a line; runs of spaces separate as one space does, and quoted separators do not."""
    if separator == " ":
        return line.split()
    if '"' not in line:
        return line.split(separator)
    return [
        field.strip('"')
        for field in re.findall(rf'(?:^|{re.escape(separator)})("[^"]*"|[^{re.escape(separator)}]*)', line)
    ]


def find_columns(lines: Sequence[str]) -> Columns | None:
    """Return the columns of lines most of which have equally many fields; None where no column holds words.

    Fields between spaces count only where one is a number, since words may have spaces.
    """
    for separator in SEPARATORS:
        rows = [split_line(line, separator) for line in lines]
        count, frequency = Counter(map(len, rows)).most_common(1)[0]
        if count == 1 or frequency < MOST * len(rows):
            continue
        rows = [row for row in rows if len(row) == count]
        is_number = [sum(map(_is_number, column)) >= MOST * len(rows) for column in zip(*rows, strict=True)]
        numbers = tuple(index for index, numeric in enumerate(is_number, 1) if numeric)
        if not all(is_number) and (numbers or separator != " "):
            return Columns(separator, is_number.index(False) + 1, numbers)
    return None


def _is_number(field: str) -> bool:
    return _NUMBER.fullmatch(field.strip()) is not None


def cut_command(path: Path, columns: Columns) -> str:
    """Return the command that writes the column of words."""
    if columns.separator == " ":
        return mending_command(path, f"awk '{{print ${columns.word}}}' {{}}")
    delimiter = "" if columns.separator == "\t" else f" -d{shell_quote(columns.separator)}"
    return mending_command(path, f"cut{delimiter} -f{columns.word} {{}}")


def structure_problem(path: Path, text: str) -> tuple[str, str] | None:
    """Return what a text is, if its lines are certainly no words, and the command that makes words of it."""
    lines = sample_lines(text)
    if literal := _literal(text):
        kind, command = literal
        return f"{path} is a {kind}, not a word a line", mending_command(path, command)
    if not lines:
        return None
    if lines[0].isdecimal() and sum(map(bool, map(_FLAGS.fullmatch, lines))) >= SOME * len(lines):
        problem = f"{path} is a hunspell dictionary: a count in line 1, and flags behind / (“{_first(lines, '/')}”)"
        return problem, mending_command(path, "sed 1d {} | cut -d/ -f1")
    columns = find_columns(lines)
    if columns is not None and columns.numbers and columns.separator != " ":
        return f"{path} has columns, separated by {columns.name} (“{lines[0]}”)", cut_command(path, columns)
    for left, right in _QUOTES.items():
        if sum(len(line) > 1 and line[0] == left and line[-1] == right for line in lines) >= MOST * len(lines):
            return f"{path} has its words in quotes (“{lines[-1]}”)", _without_quotes(path, left, right)
    return None


def _without_quotes(path: Path, left: str, right: str) -> str:
    symbols = left if left == right else left + right
    return mending_command(path, f"sed {shell_quote(f's/[{symbols}]//g')} {{}}")


def _first(lines: Sequence[str], part: str) -> str:
    return next(line for line in lines if part in line)


def _literal(text: str) -> tuple[str, str] | None:
    """Return the language of a literal with words in it, and the command that writes them."""
    head = re.match(r"\s*(\w+\s*=\s*)?[\[({]", text)
    if head is None or len(text) > MAX_LITERAL_CHARACTERS:
        return None
    program = "import json,sys; words=json.load(sys.stdin)", "JSON"
    try:
        value = json.loads(text)
    except ValueError:
        try:
            value = ast.literal_eval(text[len(head[1] or "") :].strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
        source = 'sys.stdin.read().split("=",1)[1].strip()' if head[1] else "sys.stdin.read()"
        program = f"import ast,sys; words=ast.literal_eval({source})", "Python"
    if (
        not isinstance(value, list | tuple | set | dict)
        or not value
        or not all(isinstance(word, str) for word in value)
    ):
        return None
    code, language = program
    return f"{language} literal", f"python3 -c {shell_quote(f'{code}; print(*words, sep=chr(10))')} < {{}}"


def word_separator(line: str) -> str:
    """Return the character between the words of a line that holds many, empty where none does."""
    counts = {separator: line.count(separator) for separator in ",;|\t "}
    separator = max(counts, key=lambda symbol: counts[symbol])
    return separator if counts[separator] else ""


def split_words_command(path: Path, separator: str) -> str:
    if separator in "\t ":
        return mending_command(path, f"tr -s {'[:blank:]'!r} '\\n' < {{}}")
    return mending_command(path, f"tr {shell_quote(separator)} '\\n' < {{}} | sed 's/^ *//'")


def word_list_hints(path: Path, text: str, symbols: str) -> tuple[str, ...]:
    """Return what a person may want to know of a list of words before training on it, each with a command."""
    lines = sample_lines(text)
    hints = []
    columns = find_columns(lines)
    if columns is not None:
        hints.append(
            f"most lines have {columns.name} between words or numbers (“{lines[0]}”), and are learned whole; "
            f"one column alone: {cut_command(path, columns)}"
        )
    first, without_first = lines[0], mending_command(path, "tail -n +2 {}")
    if first.isdecimal() and not lines[-1].isdecimal():
        hints.append(f"line 1 is a number, {first}, and would be learned too; {without_first}")
    elif first.casefold().replace(" ", "_") in HEADINGS:
        hints.append(f"line 1, {first}, may be a heading and would be learned too; {without_first}")
    for mark in ("#", "//"):
        if comments := sum(line.startswith(mark) for line in lines):
            verb = "line begins" if comments == 1 else "lines begin"
            command = mending_command(path, f"grep -v {shell_quote(f'^{mark}')} {{}}")
            hints.append(f"{comments:,} {verb} with {mark} and would be learned too; {command}")
    if not first.isdecimal() and sum(map(bool, map(_FLAGS.fullmatch, lines))) >= len(lines) / 2:
        hints.append(f"words have flags behind / (“{_first(lines, '/')}”); {mending_command(path, 'cut -d/ -f1 {}')}")
    both = [symbol for symbol in symbols if symbol.isupper() and symbol.lower() in symbols]
    if both:
        command = "tr A-Z a-z < {}" if text.isascii() else "perl -CSD -ne 'print lc' {}"
        example = f"{both[0]} and {both[0].lower()}"
        hints.append(
            f"upper and lower case are learned as different characters, {len(both)} of them ({example}); "
            f"to learn them as one: {mending_command(path, command)}"
        )
    return tuple(hints)
