"""Names that a person liked: kept beside the runs, in the same database."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path

from charwave_tui.core import star_rows
from charwave_tui.core.database import DatabaseBusy, DatabaseFault, transaction
from charwave_tui.core.ledger import Ledger
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.places import ensure_folder
from charwave_tui.core.sampling import LONGEST_PREFIX, Letters
from charwave_tui.core.speaking import Star

MOST_STARS = 10_000
"""Names that may be starred; all of them fit into one frame."""

HIGHEST = 2**63 - 1
"""The highest number that the database holds."""


class Stars:
    """The starred names in the database at `path`, which is that of `ledger`; one thread alone may use it."""

    def __init__(self, path: Path, ledger: Ledger) -> None:
        self._path = path
        self._ledger = ledger

    def all(self) -> tuple[Star, ...]:
        """All of them, newest first; raises Mistake where they cannot be read."""
        if not self._path.parent.is_dir():
            return ()
        try:
            return self._ledger.ask(star_rows.every)
        except DatabaseFault as fault:
            raise self._refused("read", fault) from None

    def add(self, star: Star) -> None:
        """Keep `star`; a name that is starred already stays as it is. Raises Mistake."""
        _check(star)

        def put(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                star_rows.put(connection, star)
                if star_rows.count(connection) > MOST_STARS:
                    raise Mistake(f"{MOST_STARS:,} names are starred", "let go of one of them first")

        ensure_folder(self._path.parent)
        try:
            self._ledger.ask(put)
        except DatabaseFault as fault:
            raise self._refused("written", fault) from None

    def remove(self, name: str) -> None:
        """Let go of a name, if it is starred; raises Mistake where that cannot be written."""
        if not self._path.parent.is_dir():
            return

        def drop(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                star_rows.drop(connection, name)

        try:
            self._ledger.ask(drop)
        except DatabaseFault as fault:
            raise self._refused("written", fault) from None

    def _refused(self, what: str, fault: DatabaseFault) -> Mistake:
        if isinstance(fault, DatabaseBusy):
            return Mistake(f"another process is writing {self._path}", "try again when it is done")
        return Mistake(f"the starred names cannot be {what} in {self._path} ({fault})", "mend that first")


def _check(star: Star) -> None:
    if not star.name:
        raise Mistake("a name without a character cannot be starred", "choose another one")
    Letters(LONGEST_PREFIX).check("name", star.name)
    if not math.isfinite(star.nll):
        raise Mistake(f"the nll {star.nll} of {star.name} is no number", "star a name that the model scored")
    for what, number in (("run", star.run or 0), ("step", star.step)):
        if not 0 <= number <= HIGHEST:
            raise Mistake(f"{what} {number} is out of bounds", "star a name of a run that there is")
