"""Words from a file: what is read, what is refused and how, and the lecture's split."""

from __future__ import annotations

import os
import random
import unicodedata
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from string import ascii_lowercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charwave_tui.core.corpus.corpus import MIN_WORDS, Corpus, format_character_ranges
from charwave_tui.core.corpus.reading import MAX_FILE_BYTES, MAX_WORD_LENGTH, read_corpus
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import CorpusSummary, RepeatCounts, Split

TEN = ("anna", "ben", "carl", "dora", "emil", "fay", "gus", "hana", "ida", "jo")
"""The least that makes a corpus."""


def write_file(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def refusal(path: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        read_corpus(path, "x")
    assert caught.value.field == "corpus"
    assert str(path) in caught.value.problem
    assert caught.value.remedy
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(path)) * 2
    return caught.value


def test_lecture_words_give_lecture_statistics(lecture_words: Path) -> None:
    card = read_corpus(lecture_words, "makemore").summary()
    assert card.examples == (182_625, 22_655, 22_866)
    assert card.words == 32_033
    assert card.vocab_size == 27


def test_lecture_split_made_like_the_lecture(lecture_words: Path) -> None:
    corpus = read_corpus(lecture_words, "makemore")
    words = lecture_words.read_text().split("\n")
    random.Random(42).shuffle(words)
    assert list(corpus.split(Split.TRAIN)) == words[:25_626]
    assert list(corpus.split(Split.VAL)) == words[25_626:28_829]
    assert list(corpus.split(Split.TEST)) == words[28_829:]
    assert words[:3] == ["yuheng", "diondre", "xavien"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["", "newline", "blanks"])
def test_every_newline_style_and_bom_reads_the_same(tmp_path: Path, newline: str, bom: str, end: str) -> None:
    tail = {"": "", "newline": newline, "blanks": newline + "  " + newline * 3}[end]
    path = write_file(tmp_path / "words.txt", bom + newline.join(TEN) + tail)
    corpus = read_corpus(path, "ten")
    assert corpus.words == TEN
    assert corpus.symbols == "".join(sorted(set("".join(TEN))))
    assert corpus.name == "ten"


def test_inner_spaces_kept_and_outer_ones_stripped(tmp_path: Path) -> None:
    path = write_file(tmp_path / "words.txt", "  mary ann \n\u3000li\u00a0\n" + "\n".join(TEN))
    corpus = read_corpus(path, "x")
    assert corpus.words[:2] == ("mary ann", "li")
    assert corpus.symbols[0] == " "
    assert "\u00a0" not in corpus.symbols


def test_full_stop_is_an_ordinary_character(tmp_path: Path) -> None:
    corpus = read_corpus(write_file(tmp_path / "words.txt", "j. r.\n" + "\n".join(TEN)), "x")
    assert 0 not in corpus.encode("j. r.")
    assert corpus.decode(corpus.encode("j. r.")) == "j. r."


def test_words_normalized_to_nfc(tmp_path: Path) -> None:
    corpus = read_corpus(write_file(tmp_path / "words.txt", "zoe\u0308\n" + "\n".join(TEN)), "x")
    assert corpus.words[0] == "zoë"
    assert "\u0308" not in corpus.symbols


def test_repeated_words_and_order_kept(tmp_path: Path) -> None:
    corpus = read_corpus(write_file(tmp_path / "words.txt", "\n".join(TEN[::-1] + TEN)), "x")
    assert corpus.words == TEN[::-1] + TEN
    assert len(corpus.word_set) == 10


def test_only_newlines_end_a_line(tmp_path: Path) -> None:
    """A line separator is refused rather than taken for a newline, as str.splitlines would."""
    error = refusal(write_file(tmp_path / "words.txt", "\n".join(TEN) + "\nmary\u2028ann"))
    assert "line 11: U+2028 (line separator)" in error.problem


@pytest.mark.parametrize(
    ("symbol", "told"),
    [
        ("\t", "U+0009 (tab)"),
        ("\x1b", "U+001B (control character)"),
        ("\x85", "U+0085 (control character)"),
        ("\u200b", "U+200B (zero width space)"),
        ("\u202e", "U+202E (right-to-left override)"),
        ("\ufeff", "U+FEFF (zero width no-break space)"),
    ],
)
def test_control_and_invisible_characters_refused_with_line(tmp_path: Path, symbol: str, told: str) -> None:
    error = refusal(write_file(tmp_path / "words.txt", "anna\r\n\r\nbe" + symbol + "n\r\n" + "\n".join(TEN)))
    assert f"line 3: {told}" in error.problem


def test_persian_joiners_accepted(tmp_path: Path) -> None:
    corpus = read_corpus(write_file(tmp_path / "words.txt", "علی\u200cرضا\n" + "\n".join(TEN)), "x")
    assert "\u200c" in corpus.symbols


def test_missing_file_is_named(tmp_path: Path) -> None:
    assert "there is no file" in refusal(tmp_path / "none.txt").problem
    write_file(tmp_path / "file", "x")
    assert "there is no file" in refusal(tmp_path / "file" / "none.txt").problem


def test_folder_refused(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path).problem


def test_pipe_refused_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is a device or a pipe" in refusal(tmp_path / "pipe").problem


def test_unreadable_file_refused_with_hint(
    tmp_path: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    path = write_file(tmp_path / "secret.txt", "\n".join(TEN))
    path.chmod(0)
    with unprivileged():
        error = refusal(path)
    assert "may not be read" in error.problem
    assert "chmod" in error.remedy


@pytest.mark.parametrize("path", ["x" * 5_000, "a\0b"])
def test_invalid_path_refused(path: str) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_corpus(Path(path), "x")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is empty"),
        (b"\n\n  \n", "has 0 words"),
        (b"anna\n", "has 1 word;"),
        (b"anna\nben\n", "has 2 words"),
        ("\n".join(TEN).encode("utf-16"), "is UTF-16, not UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is binary: byte 8 is 0"),
        (b"anna\r\nben\r\nc\xe4sar\n", "line 3: byte 12 (0xe4) is not UTF-8"),
        (b"\xef\xbb\xbfanna\rc\xe4sar", "line 2: byte 9 (0xe4) is not UTF-8"),
        (b"x" * 2**20, "line 1: 1,048,576 characters, more than 1,000"),
        ("\n".join(TEN).encode() + b"\n\n" + b"x" * 2**20 + b"\nend", "line 12: 1,048,576 characters"),
    ],
)
def test_non_corpus_file_refused_with_reason(tmp_path: Path, data: bytes, told: str) -> None:
    error = refusal(write_file(tmp_path / "bad", data))
    assert told in str(error)


def test_too_large_file_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    assert "134,217,729 bytes" in refusal(tmp_path / "huge").problem


def test_limits_themselves_accepted(tmp_path: Path) -> None:
    words = ("x" * MAX_WORD_LENGTH, *TEN[1:])
    assert len(words) == MIN_WORDS
    corpus = read_corpus(write_file(tmp_path / "words.txt", "\n".join(words)), "x")
    assert corpus.words == words
    assert [len(corpus.split(split)) for split in Split] == [8, 1, 1]


def test_million_lines_accepted(tmp_path: Path) -> None:
    path = write_file(tmp_path / "million.txt", "".join(f"name{number}\n" for number in range(1_000_000)))
    card = read_corpus(path, "million").summary()
    assert card.words == 1_000_000
    assert card.symbols == "0123456789aemn"
    assert sum(card.examples) == path.stat().st_size


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), min_size=10))
def test_ids_and_words_convert_both_ways(words: list[str]) -> None:
    symbols = "".join(sorted(set("".join(words))))
    corpus = Corpus("x", tuple(words), symbols, "")
    for word in words:
        ids = corpus.encode(word)
        assert all(1 <= number < corpus.vocab_size for number in ids)
        assert corpus.decode([0, *ids, 0]) == word


@given(st.lists(st.text("abc", min_size=1), min_size=10))
def test_splits_cover_all_words_and_examples_all_characters(words: list[str]) -> None:
    corpus = Corpus("x", tuple(words), "abc", "")
    parts = [corpus.split(split) for split in Split]
    assert sorted(word for part in parts for word in part) == sorted(words)
    assert corpus.summary().examples == tuple(len("".join(part)) + len(part) for part in parts)


def test_unknown_characters_refused_with_known_ones(tmp_path: Path) -> None:
    corpus = read_corpus(write_file(tmp_path / "words.txt", "\n".join(TEN)), "ten")
    with pytest.raises(UserError, match="“q”, “é” do not occur in the corpus ten; its characters are a–j l–o rs u y"):
        corpus.encode("aqéq")


@pytest.mark.parametrize(
    ("symbols", "written"),
    [
        ("", ""),
        ("a", "a"),
        ("abc", "abc"),
        ("abcd", "a–d"),
        ("abcdfhjl", "abcdfhjl"),
        ("-abcdefghxyzабвг", "- a–h xyz а–г"),
        (ascii_lowercase, "a–z"),
        ("a\u093e\u093f\u0940\u0941\u200d", "a ◌\u093e–◌\u0941 U+200D"),
        ("\u0301", "◌\u0301"),
    ],
)
def test_consecutive_symbols_shown_as_range(symbols: str, written: str) -> None:
    assert format_character_ranges(symbols) == written


def test_long_vocabulary_shortened_in_error() -> None:
    corpus = Corpus("x", TEN, "".join(map(chr, range(0x4E00, 0x5E00, 2))), "")
    with pytest.raises(UserError) as caught:
        corpus.encode("a")
    assert len(str(caught.value)) < 150


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_any_line_read_as_nfc_or_refused(tmp_path_factory: pytest.TempPathFactory, line: str) -> None:
    path = write_file(tmp_path_factory.getbasetemp() / "line.txt", "\n".join((*TEN, line)))
    try:
        corpus = read_corpus(path, "x")
    except UserError:
        return
    for word in corpus.words:
        assert unicodedata.is_normalized("NFC", word)
        assert corpus.decode(corpus.encode(word)) == word


REPEATED = ("anna", "ben", "anna") * 3 + TEN
"""Nineteen words, ten of them distinct."""


def test_lecture_words_report_repeats(lecture_words: Path) -> None:
    summary = read_corpus(lecture_words, "makemore").summary()
    assert summary.repeats == RepeatCounts(29_494, 24_002, 424 / 3_203)
    assert summary.repeats_text == "32,033 words, 29,494 distinct; 13 % of val also in train"


@given(st.lists(st.text("ab", min_size=1, max_size=4), min_size=10))
def test_repeats_counted_by_definition(words: list[str]) -> None:
    corpus = Corpus("x", tuple(words), "ab", "")
    train, val = corpus.split(Split.TRAIN), corpus.split(Split.VAL)
    assert corpus.repeat_counts == RepeatCounts(
        len(set(words)), len(set(train)), sum(word in train for word in val) / len(val)
    )
    assert bool(corpus.summary().repeats_text) == (len(set(words)) < len(words))


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.0, "none of val in train"),
        (0.0004, "0.04 % of val also in train"),
        (0.468, "47 % of val also in train"),
        (0.997, "over 99 % of val also in train"),
        (1.0, "100 % of val also in train"),
    ],
)
def test_overlap_is_never_rounded_to_none_or_all(fraction: float, text: str) -> None:
    summary = CorpusSummary("x", "", 20, "ab", (8, 1, 1), RepeatCounts(19, 15, fraction))
    assert summary.repeats_text == f"20 words, 19 distinct; {text}"


def test_summary_without_repeats_or_of_unknown_ones_has_no_text() -> None:
    assert Corpus("x", TEN, "abc", "").summary().repeats_text == ""
    assert CorpusSummary("x", "", 20, "ab", (8, 1, 1)).repeats_text == ""


def test_without_repeats_each_word_once_in_order_and_split_without_overlap() -> None:
    once = Corpus("x", REPEATED, "abc", "0" * 64).without_repeats
    assert once.words == ("anna", "ben", *TEN[2:])
    assert once.without_repeats is once
    summary = once.summary()
    assert (summary.words, summary.sha256, summary.repeats) == (19, "0" * 64, RepeatCounts(10, 8, 0.0))
    assert summary.repeats_text == "19 words, 10 distinct; none of val in train"


def test_corpus_without_repeats_is_itself_and_too_few_words_are_refused() -> None:
    corpus = Corpus("x", TEN, "abc", "")
    assert corpus.without_repeats is corpus
    with pytest.raises(UserError, match="x has only 9 words without repeats; take a file of at least 10") as caught:
        Corpus("x", TEN[:9] * 2, "abc", "").without_repeats  # noqa: B018
    assert caught.value.field == "repeats"


def test_unknown_mark_is_named_on_a_circle() -> None:
    corpus = Corpus("some", ("aक",), "aक", "0" * 64)
    with pytest.raises(UserError, match="“◌\u093e” does not occur in the corpus some"):
        corpus.encode("क\u093e")
