"""The marks, and what stands for them where there is ASCII alone."""

import sys
from dataclasses import fields
from types import SimpleNamespace

import pytest
from rich.cells import cell_len

from charwave_tui.ui.glyphs import ASCII, Glyphs, glyphs


def marks(chosen):
    return {field.name: getattr(chosen, field.name) for field in fields(chosen)}


def test_every_mark_is_one_column_wide():
    assert {name for name, mark in marks(Glyphs()).items() if cell_len(mark) != 1} == set()


def test_the_other_form_is_ascii_throughout():
    assert all(mark.isascii() and mark.isprintable() for mark in marks(ASCII).values())


@pytest.mark.parametrize(
    ("one", "other"),
    [("live", "rebuild"), ("running", "ready"), ("new", "corpus"), ("right_so", "wrong"), ("to", "times")],
)
@pytest.mark.parametrize("chosen", [Glyphs(), ASCII])
def test_marks_that_are_told_apart_look_apart(chosen, one, other):
    assert getattr(chosen, one) != getattr(chosen, other)


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("utf-8", Glyphs()), ("UTF8", Glyphs()), ("ascii", ASCII), ("iso-8859-1", ASCII), (None, ASCII)],
)
def test_the_encoding_of_the_real_output_decides(monkeypatch, encoding, expected):
    monkeypatch.setattr(sys, "__stdout__", SimpleNamespace(encoding=encoding))
    assert glyphs() == expected


def test_without_an_output_there_is_ascii(monkeypatch):
    monkeypatch.setattr(sys, "__stdout__", None)
    assert glyphs() == ASCII
