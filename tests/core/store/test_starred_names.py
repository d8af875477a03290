"""Starred names: kept in order, bounded, refused in a line, and saved out of an old or a damaged database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charwave_tui.core.config.sampling_config import MAX_NAME_LENGTH
from charwave_tui.core.errors import UserError
from charwave_tui.core.metrics import StarredName, TrainingHistory
from charwave_tui.core.protocol.events import StarsListed
from charwave_tui.core.protocol.framing import MAX_FRAME_BYTES, encode_frame
from charwave_tui.core.store import starred_names
from charwave_tui.core.store.database import MIGRATIONS, connect
from charwave_tui.core.store.run_record import RunRecord
from charwave_tui.core.store.run_store import DATABASE_FILE, RunStore
from charwave_tui.core.store.star_table import fetch_readable_stars, fetch_stars, insert_star
from charwave_tui.core.store.starred_names import MAX_STARRED_CHARACTERS, MAX_STARS
from charwave_tui.core.store.tables import LATER_COLUMNS

MARA = StarredName("mara", 1.5, 7, 300, "2026-01-01T00:00:00+00:00")


BEPPO = StarredName("беппо🎈", -0.0, None, 0, "2026-01-02T00:00:00+00:00")


@pytest.fixture
def starred_store(store: RunStore) -> RunStore:
    store.stars.add(MARA)
    store.stars.add(BEPPO)
    return store


def damage(store: RunStore, statement: str) -> None:
    store.close()
    with closing(sqlite3.connect(store.folder / DATABASE_FILE, isolation_level=None)) as connection:
        connection.execute(statement)


def test_stars_listed_newest_first_and_repeat_is_unchanged(starred_store: RunStore) -> None:
    starred_store.stars.add(msgspec.structs.replace(MARA, nll=9.0))
    assert starred_store.stars.all() == (BEPPO, MARA)
    starred_store.close()
    assert RunStore(starred_store.folder).stars.all() == (BEPPO, MARA)


def test_star_removed_and_missing_star_ignored(starred_store: RunStore) -> None:
    for _ in range(2):
        starred_store.stars.remove("mara")
    assert starred_store.stars.all() == (BEPPO,)


def test_empty_store_has_no_stars(store: RunStore) -> None:
    assert store.stars.all() == ()
    store.stars.remove("mara")
    assert not store.folder.exists()


@given(st.builds(StarredName, name=st.text(min_size=1), nll=st.floats(allow_nan=False, allow_infinity=False)))
def test_any_star_round_trips(star: StarredName) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(MIGRATIONS[1])
        try:
            insert_star(connection, star)
        except (UnicodeEncodeError, OverflowError):  # which `Stars` refuses
            return
        assert fetch_stars(connection) == tuple(fetch_readable_stars(connection)) == (star,)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "a name without a character cannot be starred; choose another one"),
        ({"name": "a\x1bb"}, "name holds a control character; type letters"),
        ({"name": "a\udce9"}, "name holds a control character; type letters"),
        ({"name": "a" * 1_001}, "a name of 1,001 characters is too long; try at most 1,000 characters"),
        ({"nll": float("nan")}, "the nll nan of mara is no number; star a name that the model scored"),
        ({"run": 2**63}, "run 9223372036854775808 is out of bounds; star a name of a run that there is"),
        ({"step": -1}, "step -1 is out of bounds; star a name of a run that there is"),
    ],
)
def test_invalid_star_refused_in_one_line(store: RunStore, wrong: dict[str, object], said: str) -> None:
    with pytest.raises(UserError) as refused:
        store.stars.add(msgspec.structs.replace(MARA, **wrong))
    assert str(refused.value) == said
    assert store.stars.all() == ()


def test_stars_beyond_limit_refused_and_limit_fits_in_frame(
    starred_store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starred_names, "MAX_STARS", 2)
    with pytest.raises(UserError, match="2 names are starred"):
        starred_store.stars.add(msgspec.structs.replace(MARA, name="maro"))
    starred_store.stars.add(MARA)
    assert starred_store.stars.all() == (BEPPO, MARA)
    length = MAX_STARRED_CHARACTERS // MAX_STARS
    largest = StarredName("🎈" * length, 1.0 / 7, 2**63 - 1, 2**63 - 1, BEPPO.starred)
    assert len(encode_frame(StarsListed((largest,) * MAX_STARS))) < MAX_FRAME_BYTES


def test_long_stars_refused_where_they_would_not_fit_in_frame(
    starred_store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starred_names, "MAX_STARRED_CHARACTERS", 1_010)
    starred_store.stars.add(msgspec.structs.replace(MARA, name="x" * MAX_NAME_LENGTH))
    with pytest.raises(UserError, match=r"would have more than 1,010 characters; let go of a long one first"):
        starred_store.stars.add(msgspec.structs.replace(MARA, name="yyyy"))
    assert len(starred_store.stars.all()) == 3


def test_older_database_gains_stars_table_and_keeps_runs(store: RunStore, record: Callable[..., RunRecord]) -> None:
    number = store.create()
    store.write(record(number, history=TrainingHistory(), val_unseen=None))
    store.close()
    with closing(sqlite3.connect(store.folder / DATABASE_FILE)) as connection:
        connection.execute("DROP TABLE stars")
        for column in LATER_COLUMNS:
            connection.execute(f"ALTER TABLE runs DROP COLUMN {column}")
        connection.execute("ALTER TABLE evaluations DROP COLUMN unseen")
        connection.execute("PRAGMA user_version = 1")
    store.stars.add(MARA)
    assert store.stars.all() == (MARA,)
    assert [row.run for row in store.summaries()] == [number]
    assert (store.folder / f"{DATABASE_FILE}.schema-1").exists()


def test_stars_recovered_from_damaged_database_except_altered_ones(starred_store: RunStore, tmp_path: Path) -> None:
    told: list[str] = []
    starred_store.on_warning = told.append
    damage(starred_store, "UPDATE stars SET name = 'marx' WHERE name = 'mara'")
    assert starred_store.stars.all() == (BEPPO,)
    assert len(told) == 1
    assert "made anew" in told[0]


def test_stars_outlive_damaged_runs_table(starred_store: RunStore, record: Callable[..., RunRecord]) -> None:
    starred_store.on_warning = lambda text: None
    starred_store.write(record(starred_store.create()))
    damage(starred_store, "UPDATE runs SET step = 7777")
    starred_store.summaries()
    assert starred_store.stars.all() == (BEPPO, MARA)


def test_stars_outlive_database_deleted_while_open(starred_store: RunStore) -> None:
    starred_store.on_warning = lambda text: None
    (starred_store.folder / DATABASE_FILE).unlink()
    starred_store.stars.add(msgspec.structs.replace(MARA, name="maro"))
    assert [star.name for star in starred_store.stars.all()] == ["maro", "беппо🎈", "mara"]


def test_damaged_database_without_stars_table_recovered(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old")) as connection:
        assert tuple(fetch_readable_stars(connection)) == ()
    with closing(connect(tmp_path / "new")) as connection:
        assert tuple(fetch_readable_stars(connection)) == ()


def test_star_refused_on_full_disk_and_stored_later(
    starred_store: RunStore, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    star = msgspec.structs.replace(MARA, name="maro")
    with full_disk():
        with pytest.raises(UserError, match=r"the starred names cannot be written in .*runs\.db"):
            starred_store.stars.add(star)
        with pytest.raises(UserError, match="cannot be written"):
            starred_store.stars.remove("mara")
    assert starred_store.stars.all() == (BEPPO, MARA)
    starred_store.stars.add(star)
    assert starred_store.stars.all() == (star, BEPPO, MARA)
