"""Files that are no lists of words: each is named, with a command that makes a list of words of it."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from charwave_tui.core.corpus.reading import read_corpus
from charwave_tui.core.corpus.registry import find_corpus
from charwave_tui.core.errors import UserError

WORDS = ("anna", "berta", "carl", "dora", "emil", "frida", "gustav", "helga", "ivo", "jana", "karl", "lena")
FRENCH = ("zoë", "renée", "andré", "chloé", "noël", "inés", "anna", "berta", "carl", "dora")
RUSSIAN = ("анна", "борис", "вера", "галина", "денис", "егор", "жанна", "зоя", "иван", "катя")


def lines(words: Sequence[str], form: str = "{}", newline: str = "\n") -> str:
    """One word a line, in a form that may also have its number."""
    return "".join(form.format(word, number) + newline for number, word in enumerate(words, 1))


def run_in(folder: Path, command: str) -> None:
    subprocess.run(["bash", "-c", command], cwd=folder, check=True, timeout=60)


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("words", lines(WORDS))


REFUSED: dict[str, tuple[str | bytes, Sequence[str], str, str]] = {
    # content, the words in it, what is said, the command's first word
    "SSA": (lines(WORDS, "{},F,{}"), WORDS, "columns, separated by “,”", "cut -d, -f1"),
    "SSA with heading": (
        "name,sex,n\n" + lines(WORDS, "{},F,{}"),
        ("name", *WORDS),
        "columns, separated by “,”",
        "cut",
    ),
    "semicolons": (lines(WORDS, "{1};{0}"), WORDS, "columns, separated by “;”", "cut -d';' -f2"),
    "quoted columns": (lines(WORDS, '{1},{0},"a, b"'), WORDS, "columns, separated by “,”", "cut -d, -f2"),
    "bars": (lines(WORDS, "{}|{}"), WORDS, "columns, separated by “|”", "cut -d'|' -f1"),
    "tabs": (lines(WORDS, "{}\t{}"), WORDS, "columns, separated by tabs", "cut -f1"),
    "tabs between words": (lines(WORDS, "{}\tx"), WORDS, "columns, separated by tabs", "cut -f1"),
    "most lines": (lines(WORDS, "{},{}") + "end", (*WORDS, "end"), "columns, separated by “,”", "cut"),
    "hunspell": ("12\n" + lines(WORDS, "{}/AB"), WORDS, "is a hunspell dictionary", "sed 1d"),
    "hunspell, few flags": (f"12\n{lines(WORDS[:4], '{}/AB')}{lines(WORDS[4:])}", WORDS, "hunspell", "sed 1d"),
    "quotes": (lines(WORDS, '"{}"'), WORDS, "has its words in quotes", "sed"),
    "apostrophes": (lines(WORDS, "'{}'"), WORDS, "has its words in quotes", "sed"),
    "guillemets": (lines(WORDS, "«{}»"), WORDS, "has its words in quotes", "sed"),
    "JSON": (json.dumps(WORDS, indent=1), WORDS, "is a JSON literal", "python3 -c"),
    "JSON in one line": (json.dumps(WORDS), WORDS, "is a JSON literal", "python3 -c"),
    "JSON object": (json.dumps(dict.fromkeys(WORDS, 3)), WORDS, "is a JSON literal", "python3 -c"),
    "Python": (repr(list(WORDS)), WORDS, "is a Python literal", "python3 -c"),
    "Python assignment": (f"names = {list(WORDS)!r}\n", WORDS, "is a Python literal", "python3 -c"),
    "one line": (" ".join(WORDS), WORDS, "has 1 word", "tr -s '[:blank:]'"),
    "one line, commas": (", ".join(WORDS), WORDS, "has 1 word", "tr ,"),
    "one long line": (" ".join(WORDS * 30), WORDS * 30, "line 1: 1,919 characters", "tr -s"),
    "cp1252": (lines(FRENCH).encode("cp1252"), FRENCH, "line 1: byte 2 (0xeb) is not UTF-8", "iconv -f WINDOWS-1252"),
    "cp1251": (lines(RUSSIAN).encode("cp1251"), RUSSIAN, "byte 0 (0xe0) is not UTF-8", "iconv -f WINDOWS-1251"),
    "UTF-16": (lines(FRENCH).encode("utf-16"), FRENCH, "is UTF-16, not UTF-8", "iconv -f UTF-16 "),
    "UTF-16LE": (lines(FRENCH).encode("utf-16-le"), FRENCH, "is UTF-16LE, not UTF-8", "iconv -f UTF-16LE"),
    "UTF-16BE": (lines(RUSSIAN).encode("utf-16-be"), RUSSIAN, "is UTF-16BE, not UTF-8", "iconv -f UTF-16BE"),
    "UTF-32": (lines(FRENCH).encode("utf-32"), FRENCH, "is UTF-32, not UTF-8", "iconv -f UTF-32 "),
    "gzip": (gzip.compress(lines(WORDS).encode()), WORDS, "is compressed by gzip", "gzip -dc"),
    "bzip2": (bz2.compress(lines(WORDS).encode()), WORDS, "is compressed by bzip2", "bzip2 -dc"),
    "xz": (lzma.compress(lines(WORDS).encode()), WORDS, "is compressed by xz", "xz -dc"),
    "zero width": (lines(WORDS) + "a\u200bb\n", (*WORDS, "ab"), "line 13: U+200B", "perl"),
    "a tab": (lines(WORDS) + "a\tb\n", (*WORDS, "ab"), "line 13: U+0009 (tab)", "perl"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_list_is_named_with_a_command_that_makes_one(tmp_path: Path, kind: str) -> None:
    content, words, problem, command = REFUSED[kind]
    path = tmp_path / "a list.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UserError) as caught:
        find_corpus(str(path))
    assert problem in caught.value.problem
    assert caught.value.field == "corpus"
    assert "\n" not in str(caught.value)
    start = caught.value.remedy.index(command)
    if shutil.which(command.split()[0]) is None:
        pytest.skip(f"there is no {command.split()[0]}")
    run_in(tmp_path, caught.value.remedy[start:])
    assert read_corpus(tmp_path / "words.txt", "x").words == tuple(words)


@pytest.mark.skipif(shutil.which("unzip") is None, reason="there is no unzip")
def test_zip_archive_named_with_a_command(tmp_path: Path) -> None:
    zipped(tmp_path / "words.txt")
    with pytest.raises(UserError, match="is compressed by zip") as caught:
        find_corpus(str(tmp_path / "words.txt"))
    run_in(tmp_path, caught.value.remedy)
    assert read_corpus(tmp_path / "list.txt", "x").words == WORDS  # the archive itself is not written over


TOLD: dict[str, tuple[str, Sequence[str], str, str]] = {
    "two columns of words": (lines(WORDS, "{}, x"), WORDS, "“,” between words or numbers", "cut -d, -f1"),
    "counts behind a space": (lines(WORDS, "{} {}"), WORDS, "spaces between words or numbers", "awk"),
    "census": (lines(WORDS, "{:<20} 1.2   {}"), WORDS, "spaces between words or numbers", "awk"),
    "count line": ("12\n" + lines(WORDS), WORDS, "line 1 is a number, 12, and", "tail"),
    "heading": ("Name\n" + lines(WORDS), WORDS, "line 1, Name, may be a heading", "tail"),
    "comments": ("# names\n# more\n" + lines(WORDS), WORDS, "2 lines begin with #", "grep"),
    "a comment": (lines(WORDS) + "// end\n", WORDS, "1 line begins with //", "grep"),
    "flags": (lines(WORDS, "{}/AB"), WORDS, "words have flags behind / (“anna/AB”)", "cut -d/"),
    "mixed case": ("ABE\n" + lines(WORDS), ("abe", *WORDS), "3 of them (A and a)", "tr A-Z a-z"),
    "Cyrillic case": ("АННА\n" + lines(RUSSIAN), ("анна", *RUSSIAN), "2 of them (А and а)", "perl"),
}


@pytest.mark.parametrize("kind", TOLD)
def test_what_may_be_meant_otherwise_is_told_and_left_as_it_is(tmp_path: Path, kind: str) -> None:
    content, words, told, command = TOLD[kind]
    path = tmp_path / "it's.txt"
    path.write_text(content, "utf-8")
    corpus = find_corpus(str(path))
    assert list(corpus.words) == [line.strip() for line in content.splitlines()]
    (hint,) = [hint for hint in corpus.hints if told in hint]
    assert "\n" not in hint
    if shutil.which(command.split()[0]) is None:
        pytest.skip(f"there is no {command.split()[0]}")
    run_in(tmp_path, hint[hint.index(command) :])
    assert read_corpus(tmp_path / "words.txt", "x").words == tuple(words)


@pytest.mark.parametrize(
    "content",
    [
        lines(WORDS),
        lines(("mary ann", "jo", "anna maria", "berta", "carl x", "dora", "ed", "fay", "gus b", "hana")),
        lines(("rue 5", "place", "avenue 12", "quai", "cours 7", "impasse", "pont", "cité 3", "villa", "passage")),
        lines(range(1900, 2000)),  # type: ignore[arg-type]
        lines(RUSSIAN),
        lines(("o'neil", "d'arc", "'twas", "l'île", "rock'n'roll", "n'est", "can't", "won't", "it's", "'em")),
        lines(("and/or", "he/she", "km/h", *WORDS)),
        lines(("[a", "b]", *WORDS)),
    ],
)
def test_ordinary_list_gets_no_hint(tmp_path: Path, content: str) -> None:
    path = tmp_path / "words.txt"
    path.write_text(content, "utf-8")
    corpus = find_corpus(str(path))
    assert (corpus.hints, corpus.structure) == ((), None)


def test_built_in_lists_get_no_hint() -> None:
    assert find_corpus("names").hints == find_corpus("imena").hints == ()


def test_long_list_is_looked_at_in_three_places(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text(lines(WORDS * 20_000) + lines(WORDS * 20_000, "{},{}"), "utf-8")
    assert find_corpus(str(path)).hints == ()  # half of it is no most of it
    path.write_text(lines(WORDS * 40_000, "{},{}"), "utf-8")
    with pytest.raises(UserError, match="has columns"):
        find_corpus(str(path))


def test_commands_quote_what_a_shell_would_take_apart(tmp_path: Path) -> None:
    path = tmp_path / "a\u202eb'c\\d.txt"
    path.write_bytes(lines(FRENCH).encode("cp1252"))
    with pytest.raises(UserError) as caught:
        find_corpus(str(path))
    command = caught.value.remedy[caught.value.remedy.index("iconv") :]
    assert command.isprintable()
    run_in(tmp_path, command)
    assert read_corpus(tmp_path / "words.txt", "x").words == FRENCH
