"""What commands print, in whatever encoding the terminal or the pipe has."""

from __future__ import annotations

import io
import json
import math
import os
import sys
from collections.abc import Mapping
from typing import Any


def make_stdout_lossless() -> None:
    """Let stdout replace what its encoding lacks, and write undecodable file names byte for byte."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape" if _is_utf8() else "replace")


def print_json(value: Any) -> None:
    """Print one line of JSON, escaped where stdout is not UTF-8; raises ValueError on NaN."""
    print(json.dumps(value, ensure_ascii=not _is_utf8(), allow_nan=False))


def print_facts(facts: Mapping[str, object], *, as_json: bool) -> None:
    """Print a command's result, one name and value a line or as one JSON object; None is a dash or null."""
    if as_json:
        print_json(facts)
        return
    width = max(map(len, facts), default=0) + 1
    for name, value in facts.items():
        print(f"{name:{width}} {_format(value)}")


def finite(value: float | None) -> float | None:
    """Return the value, or None where it is NaN or infinite, which JSON cannot express."""
    return value if value is not None and math.isfinite(value) else None


def _format(value: object) -> str:
    if value is None:
        return or_ascii("–", "-")
    return f"{value:,.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def or_ascii(symbol: str, fallback: str) -> str:
    """Return the symbol, or its ASCII fallback where stdout is not UTF-8."""
    return symbol if _is_utf8() else fallback


def columns(text: str) -> int:
    """Return the columns of a terminal that a text takes: some characters take two and some none."""
    from charwave_tui.ui.terminal.cell_width import cell_len

    return cell_len(text)


def padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def shortened(text: str, width: int) -> str:
    """Return a text in at most `width` columns, with an ellipsis at the end where it is longer."""
    from rich.cells import set_cell_size

    return text if columns(text) <= width else f"{set_cell_size(text, width - 1)}{or_ascii('…', '~')}"


def detach_stdio() -> None:
    """Point both streams at /dev/null, so that the interpreter's last flush does not meet the closed pipe again."""
    null = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(null, descriptor)
    os.close(null)


def _is_utf8() -> bool:
    return (getattr(sys.stdout, "encoding", None) or "").lower().startswith("utf")
