"""Names that a person liked: kept beside the runs, in the same database."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path

from charwave_tui.core.config.sampling_config import LONGEST_PREFIX, CharacterText
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import StarredName
from charwave_tui.core.paths import ensure_dir
from charwave_tui.core.store.database import DatabaseBusy, DatabaseError, transaction
from charwave_tui.core.store.recovery import RecoveringDatabase
from charwave_tui.core.store.tables import count_stars, delete_star, fetch_stars, insert_star

MOST_STARS = 10_000
"""Names that may be starred; all of them fit into one frame."""


HIGHEST = 2**63 - 1
"""The highest number that the database holds."""


class StarredNames:
    """The starred names in the database at `path`, which is that of `ledger`; one thread alone may use it."""

    def __init__(self, path: Path, ledger: RecoveringDatabase) -> None:
        self._path = path
        self._ledger = ledger

    def all(self) -> tuple[StarredName, ...]:
        """All of them, newest first; raises Mistake where they cannot be read."""
        if not self._path.parent.is_dir():
            return ()
        try:
            return self._ledger.execute(fetch_stars)
        except DatabaseError as fault:
            raise self._refused("read", fault) from None

    def add(self, star: StarredName) -> None:
        """Keep `star`; a name that is starred already stays as it is. Raises Mistake."""
        _check(star)

        def put(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                insert_star(connection, star)
                if count_stars(connection) > MOST_STARS:
                    raise UserError(f"{MOST_STARS:,} names are starred", "let go of one of them first")

        ensure_dir(self._path.parent)
        try:
            self._ledger.execute(put)
        except DatabaseError as fault:
            raise self._refused("written", fault) from None

    def remove(self, name: str) -> None:
        """Let go of a name, if it is starred; raises Mistake where that cannot be written."""
        if not self._path.parent.is_dir():
            return

        def drop(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                delete_star(connection, name)

        try:
            self._ledger.execute(drop)
        except DatabaseError as fault:
            raise self._refused("written", fault) from None

    def _refused(self, what: str, fault: DatabaseError) -> UserError:
        if isinstance(fault, DatabaseBusy):
            return UserError(f"another process is writing {self._path}", "try again when it is done")
        return UserError(f"the starred names cannot be {what} in {self._path} ({fault})", "mend that first")


def _check(star: StarredName) -> None:
    if not star.name:
        raise UserError("a name without a character cannot be starred", "choose another one")
    CharacterText(LONGEST_PREFIX).validate("name", star.name)
    if not math.isfinite(star.nll):
        raise UserError(f"the nll {star.nll} of {star.name} is no number", "star a name that the model scored")
    for what, number in (("run", star.run or 0), ("step", star.step)):
        if not 0 <= number <= HIGHEST:
            raise UserError(f"{what} {number} is out of bounds", "star a name of a run that there is")
