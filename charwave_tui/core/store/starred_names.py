"""The starred names, stored in the same database as the runs."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from pathlib import Path

from charwave_tui.core.config.sampling_config import MAX_NAME_LENGTH, CharacterText
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import StarredName
from charwave_tui.core.paths import ensure_dir
from charwave_tui.core.store.database import DatabaseBusy, DatabaseError
from charwave_tui.core.store.recovery import RecoveringDatabase
from charwave_tui.core.store.star_table import (
    count_starred_characters,
    count_stars,
    delete_star,
    fetch_stars,
    insert_star,
)

# all of them fit into one frame
MAX_STARS = 10_000
MAX_STARRED_CHARACTERS = 2_000_000
MAX_SQLITE_INTEGER = 2**63 - 1


class StarredNames:
    """The starred names in the database at `path`. Not thread-safe; every error is a UserError."""

    def __init__(self, path: Path, database: RecoveringDatabase) -> None:
        self._path = path
        self._database = database

    def all(self) -> tuple[StarredName, ...]:
        """Return all starred names, newest first."""
        if not self._path.parent.is_dir():
            return ()
        try:
            return self._database.execute(fetch_stars)
        except DatabaseError as error:
            raise self._user_error("read", error) from None

    def add(self, star: StarredName) -> None:
        """Add a name; one that is starred already stays as it is."""
        _validate(star)

        def insert(connection: sqlite3.Connection) -> None:
            insert_star(connection, star)
            if count_stars(connection) > MAX_STARS:
                raise UserError(f"{MAX_STARS:,} names are starred", "let go of one of them first")
            if count_starred_characters(connection) > MAX_STARRED_CHARACTERS:
                problem = f"the starred names would have more than {MAX_STARRED_CHARACTERS:,} characters"
                raise UserError(problem, "let go of a long one first")

        ensure_dir(self._path.parent)
        self._write(insert)

    def remove(self, name: str) -> None:
        if self._path.parent.is_dir():
            self._write(lambda connection: delete_star(connection, name))

    def _write(self, statements: Callable[[sqlite3.Connection], object]) -> None:
        try:
            self._database.execute_in_transaction(statements)
        except DatabaseError as error:
            raise self._user_error("written", error) from None

    def _user_error(self, action: str, error: DatabaseError) -> UserError:
        if isinstance(error, DatabaseBusy):
            return UserError(f"another process is writing {self._path}", "try again when it is done")
        return UserError(f"the starred names cannot be {action} in {self._path} ({error})", "mend that first")


def _validate(star: StarredName) -> None:
    if not star.name:
        raise UserError("a name without a character cannot be starred", "choose another one")
    CharacterText(MAX_NAME_LENGTH).validate("name", star.name)
    if not math.isfinite(star.nll):
        raise UserError(f"the nll {star.nll} of {star.name} is no number", "star a name that the model scored")
    for field, number in (("run", star.run or 0), ("step", star.step)):
        if not 0 <= number <= MAX_SQLITE_INTEGER:
            raise UserError(f"{field} {number} is out of bounds", "star a name of a run that there is")
