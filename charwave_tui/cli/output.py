"""What commands write, in whatever encoding the terminal or the pipe has."""

from __future__ import annotations

import io
import json
import math
import os
import sys
import unicodedata
from collections.abc import Mapping
from typing import Any

from charwave_tui.core.corpus import JOINERS


def make_stdout_lossless() -> None:
    """Have stdout replace what its encoding lacks, and write the names of files as they are on disk."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape" if _carries_all() else "replace")


def print_json(value: Any) -> None:
    """Print `value` as one line of JSON, escaped where stdout cannot carry all characters; raises ValueError on NaN."""
    print(json.dumps(value, ensure_ascii=not _carries_all(), allow_nan=False))


def print_facts(facts: Mapping[str, object], *, as_json: bool) -> None:
    """Print what a command found out by its names, one a line, or as one JSON object; None is a dash or null."""
    if as_json:
        print_json(facts)
        return
    width = max(map(len, facts), default=0) + 1
    for name, value in facts.items():
        print(f"{name:{width}} {_written(value)}")


def finite(value: float | None) -> float | None:
    """The value; None where it is NaN or infinite, for which JSON has no word."""
    return value if value is not None and math.isfinite(value) else None


def _written(value: object) -> str:
    if value is None:
        return or_ascii("–", "-")
    return f"{value:,.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def one_line(text: str) -> str:
    """The text with whatever would break or move the line written as an escape, as names of files may hold it."""
    odd = {symbol for symbol in text if unicodedata.category(symbol) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    return text.translate({ord(it): it.encode("unicode_escape").decode("ascii") for it in odd.difference(JOINERS)})


def or_ascii(symbol: str, twin: str) -> str:
    """The `symbol`, or its ASCII `twin` where stdout may not carry it."""
    return symbol if _carries_all() else twin


def padded(text: str, width: int) -> str:
    """The text in at least so many columns of a terminal, of which some characters take two and some none."""
    from rich.cells import cell_len

    return text + " " * (width - cell_len(text))


def detach_stdio() -> None:
    """Point both streams at nothing: a reader that has gone must not be met again when the interpreter flushes."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _carries_all() -> bool:
    return (getattr(sys.stdout, "encoding", None) or "").lower().startswith("utf")
