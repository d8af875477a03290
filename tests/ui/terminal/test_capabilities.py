"""What a terminal can show, by its name, the locale and environment variables."""

from __future__ import annotations

import locale
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from rich.color import ColorSystem

from charwave_tui.ui.terminal.capabilities import (
    CharacterSet,
    TerminalCapabilities,
    detect_capabilities,
    terminal_encoding,
    terminfo_color_count,
)

TRUE, MANY, SIXTEEN = ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT, ColorSystem.STANDARD


LISTED = {"xterm": 8, "screen": 8, "tmux": 8, "ansi": 8, "xterm-mono": 0, "rxvt-88color": 88, "st": 256}


def capabilities_of(**variables: str) -> TerminalCapabilities:
    return detect_capabilities(variables, "utf-8", LISTED.get)


@pytest.mark.parametrize(
    ("variables", "colours"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, TRUE),
        ({"TERM": "xterm", "COLORTERM": "24bit"}, TRUE),
        ({"TERM": "xterm-direct"}, TRUE),
        ({"TERM": "xterm-kitty"}, TRUE),
        ({"TERM": "alacritty"}, TRUE),
        ({"TERM": "xterm-256color"}, MANY),
        ({"TERM": "tmux-256color"}, MANY),
        ({"TERM": "screen-256color", "COLORTERM": "truecolor", "TMUX": "/tmp/tmux,1,0"}, TRUE),
        ({"TERM": "screen-256color", "COLORTERM": "truecolor", "STY": "1.pts"}, MANY),
        ({"TERM": "st"}, MANY),
        ({"TERM": "xterm"}, SIXTEEN),
        ({"TERM": "screen"}, SIXTEEN),
        ({"TERM": "tmux"}, SIXTEEN),
        ({"TERM": "rxvt-88color"}, SIXTEEN),
        ({"TERM": "linux", "COLORTERM": "truecolor"}, SIXTEEN),
        ({"TERM": "linux-16color"}, SIXTEEN),
        ({"TERM": "nobody-knows-it"}, SIXTEEN),
        ({"TERM": "xterm-mono"}, None),
        ({"TERM": "vt100"}, None),
        ({"TERM": "vt220", "COLORTERM": "truecolor"}, None),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, None),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, MANY),
    ],
)
def test_colours_follow_terminal_name_and_variables(variables: dict[str, str], colours: ColorSystem | None) -> None:
    assert capabilities_of(**variables).color_system is colours


@pytest.mark.parametrize(
    ("variables", "theme"),
    [
        ({"TERM": "xterm-256color"}, "charwave-dark"),
        ({"TERM": "xterm-256color", "COLORFGBG": "15;0"}, "charwave-dark"),
        ({"TERM": "xterm-256color", "COLORFGBG": "12;8"}, "charwave-dark"),
        ({"TERM": "xterm-256color", "COLORFGBG": "0;15"}, "charwave-light"),
        ({"TERM": "xterm-256color", "COLORFGBG": "0;default;7"}, "charwave-light"),
        ({"TERM": "xterm-256color", "COLORFGBG": "0;default"}, "charwave-dark"),
        ({"TERM": "xterm", "COLORFGBG": "0;15"}, "charwave-16"),
        ({"TERM": "linux"}, "charwave-16"),
        ({"TERM": "vt100"}, "charwave-16"),
    ],
)
def test_theme_follows_colours_and_background(variables: dict[str, str], theme: str) -> None:
    assert capabilities_of(**variables).default_theme == theme


def test_background_known_only_from_colorfgbg() -> None:
    grounds = ("15;0", "0;15", "", "0;default", "0;x")
    assert [capabilities_of(COLORFGBG=ground).has_light_background for ground in grounds] == [
        False,
        True,
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("name", "written", "characters", "modern", "shades"),
    [
        ("xterm-256color", "UTF-8", CharacterSet.ALL, True, True),
        ("xterm", "utf8", CharacterSet.ALL, True, False),
        ("screen", "ISO-8859-1", CharacterSet.ASCII, True, False),
        ("xterm-256color", "ANSI_X3.4-1968", CharacterSet.ASCII, True, False),
        ("linux", "utf-8", CharacterSet.CONSOLE, False, False),
        ("linux", "iso-8859-15", CharacterSet.ASCII, False, False),
        ("vt100", "utf-8", CharacterSet.ASCII, False, False),
    ],
)
def test_characters_follow_encoding_and_font(
    name: str, written: str, characters: CharacterSet, modern: bool, shades: bool
) -> None:
    known = detect_capabilities({"TERM": name}, written, LISTED.get)
    assert (known.character_set, known.is_modern, known.has_shades) == (characters, modern, shades)


def test_unlisted_terminal_name_has_no_colour_count() -> None:
    assert terminfo_color_count("nobody-knows-it") is None


@pytest.mark.parametrize(
    ("stream", "locales", "expected"),
    [("utf-8", "UTF-8", "UTF-8"), ("utf-8", "ANSI_X3.4-1968", "ANSI_X3.4-1968"), ("iso-8859-1", "UTF-8", "iso-8859-1")],
)
def test_python_utf_8_with_terminal_of_other_encoding(
    monkeypatch: pytest.MonkeyPatch, stream: str, locales: str, expected: str
) -> None:
    monkeypatch.setattr(sys, "__stderr__", SimpleNamespace(encoding=stream))
    monkeypatch.setattr(locale, "getencoding", lambda: locales)
    assert terminal_encoding() == expected


def test_no_output_stream_means_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "__stderr__", None)
    assert terminal_encoding() == "ascii"


def test_c_locale_is_ascii_even_if_python_writes_utf_8() -> None:
    ask = (
        "import sys; from charwave_tui.ui.terminal.capabilities import TERMINAL; "
        "print(sys.stderr.encoding, TERMINAL.character_set.name)"
    )
    environment = {**os.environ, "LC_ALL": "C", "TERM": "xterm-256color"}
    said = subprocess.run([sys.executable, "-c", ask], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["utf-8", "ASCII"]
