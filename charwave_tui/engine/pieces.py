"""Long work in pieces of a few milliseconds, so that whoever drives it can turn to something else between them."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

Result = TypeVar("Result")
"""What the work comes to."""

Pieces = Generator[None, None, Result]
"""Work that yields between its pieces and returns its result."""


def whole(work: Pieces[Result]) -> Result:
    """Do all of `work` at once and give its result."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: Result = end.value
            return result
