"""Commands and events by which a corpus file goes along to an engine on another machine, once, by its content."""

from __future__ import annotations

from charwave_tui.core.protocol import Command, Event

PART = 48 * 1024
"""Bytes of a file that are sent at once."""


class OfferCorpus(Command, frozen=True):
    """Say where the corpus of that SHA-256 lies with the engine, or that it is wanted; `name` is that of the file."""

    sha256: str
    name: str


class SendCorpus(Command, frozen=True):
    """A part of a corpus that is wanted, which has `size` bytes, from `offset` on; the last one has it placed."""

    sha256: str
    name: str
    size: int
    offset: int
    part: bytes


class CorpusPlaced(Event, frozen=True):
    """The corpus lies at `path`, where the engine is."""

    sha256: str
    path: str


class CorpusWanted(Event, frozen=True):
    """The engine does not have the corpus."""

    sha256: str


class CorpusRefused(Event, frozen=True):
    """The engine does not take the corpus: why, and what to do."""

    sha256: str
    problem: str
    remedy: str
