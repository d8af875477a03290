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

from charwave_tui.core import database, star_rows, stars
from charwave_tui.core.database import MIGRATIONS, connect
from charwave_tui.core.framing import MAX_FRAME, frame
from charwave_tui.core.mistake import Mistake
from charwave_tui.core.records import RunRecord
from charwave_tui.core.runs import DATABASE, RunStore
from charwave_tui.core.sampling import LONGEST_PREFIX
from charwave_tui.core.speaking import Star, StarsListed
from charwave_tui.core.stars import MOST_STARS

MARA = Star("mara", 1.5, 7, 300, "2026-01-01T00:00:00+00:00")
BEPPO = Star("беппо🎈", -0.0, None, 0, "2026-01-02T00:00:00+00:00")


@pytest.fixture
def starred(store: RunStore) -> RunStore:
    store.stars.add(MARA)
    store.stars.add(BEPPO)
    return store


def harm(store: RunStore, statement: str) -> None:
    store.close()
    with closing(sqlite3.connect(store.folder / DATABASE, isolation_level=None)) as connection:
        connection.execute(statement)


def test_they_come_back_newest_first_and_one_twice_stays_as_it_was(starred: RunStore) -> None:
    starred.stars.add(msgspec.structs.replace(MARA, nll=9.0))
    assert starred.stars.all() == (BEPPO, MARA)
    starred.close()
    assert RunStore(starred.folder).stars.all() == (BEPPO, MARA)


def test_one_is_let_go_of_and_one_that_is_not_there_too(starred: RunStore) -> None:
    for _ in range(2):
        starred.stars.remove("mara")
    assert starred.stars.all() == (BEPPO,)


def test_before_there_is_anything_there_are_none(store: RunStore) -> None:
    assert store.stars.all() == ()
    store.stars.remove("mara")
    assert not store.folder.exists()


@given(st.builds(Star, name=st.text(min_size=1), nll=st.floats(allow_nan=False, allow_infinity=False)))
def test_any_row_comes_back_as_it_went(star: Star) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(MIGRATIONS[1])
        try:
            star_rows.put(connection, star)
        except (UnicodeEncodeError, OverflowError):  # which `Stars` refuses
            return
        assert star_rows.every(connection) == tuple(star_rows.readable(connection)) == (star,)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "a name without a character cannot be starred; choose another one"),
        ({"name": "a\x1bb"}, "name holds a control character; type letters"),
        ({"name": "a\udce9"}, "name holds a control character; type letters"),
        ({"name": "a" * 65}, "a name of 65 characters is too long; try at most 64 characters"),
        ({"nll": float("nan")}, "the nll nan of mara is no number; star a name that the model scored"),
        ({"run": 2**63}, "run 9223372036854775808 is out of bounds; star a name of a run that there is"),
        ({"step": -1}, "step -1 is out of bounds; star a name of a run that there is"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_a_line(store: RunStore, wrong: dict[str, object], said: str) -> None:
    with pytest.raises(Mistake) as refused:
        store.stars.add(msgspec.structs.replace(MARA, **wrong))
    assert str(refused.value) == said
    assert store.stars.all() == ()


def test_more_than_the_most_are_refused_and_the_most_fit_in_a_frame(
    starred: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stars, "MOST_STARS", 2)
    with pytest.raises(Mistake, match="2 names are starred"):
        starred.stars.add(msgspec.structs.replace(MARA, name="maro"))
    starred.stars.add(MARA)
    assert starred.stars.all() == (BEPPO, MARA)
    largest = Star("🎈" * LONGEST_PREFIX, 1.0 / 7, 2**63 - 1, 2**63 - 1, BEPPO.starred)
    assert len(frame(StarsListed((largest,) * MOST_STARS))) < MAX_FRAME


def test_a_database_from_before_them_gets_the_table_and_keeps_its_runs(
    store: RunStore, record: Callable[..., RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", MIGRATIONS[:1])
        number = store.create()
        store.write(record(number))
        store.close()
    store.stars.add(MARA)
    assert store.stars.all() == (MARA,)
    assert [row.run for row in store.list()] == [number]
    assert (store.folder / f"{DATABASE}.schema-1").exists()


def test_they_are_saved_out_of_a_damaged_database_but_for_those_that_are_not_what_was_written(
    starred: RunStore, tmp_path: Path
) -> None:
    told: list[str] = []
    starred.remark = told.append
    harm(starred, "UPDATE stars SET name = 'marx' WHERE name = 'mara'")
    assert starred.stars.all() == (BEPPO,)
    assert len(told) == 1
    assert "made anew" in told[0]


def test_they_outlive_a_damaged_list_of_runs(starred: RunStore, record: Callable[..., RunRecord]) -> None:
    starred.remark = lambda text: None
    starred.write(record(starred.create()))
    harm(starred, "UPDATE runs SET step = 7777")
    starred.list()
    assert starred.stars.all() == (BEPPO, MARA)


def test_they_outlive_a_database_that_is_deleted_while_it_is_open(starred: RunStore) -> None:
    starred.remark = lambda text: None
    (starred.folder / DATABASE).unlink()
    starred.stars.add(msgspec.structs.replace(MARA, name="maro"))
    assert [star.name for star in starred.stars.all()] == ["maro", "беппо🎈", "mara"]


def test_a_damaged_database_without_the_table_is_saved_too(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old")) as connection:
        assert tuple(star_rows.readable(connection)) == ()
    with closing(connect(tmp_path / "new")) as connection:
        assert tuple(star_rows.readable(connection)) == ()


def test_on_a_full_disk_they_are_refused_in_a_line_and_kept_when_there_is_room(
    starred: RunStore, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    star = msgspec.structs.replace(MARA, name="maro")
    with full_disk():
        with pytest.raises(Mistake, match=r"the starred names cannot be written in .*runs\.db"):
            starred.stars.add(star)
        with pytest.raises(Mistake, match="cannot be written"):
            starred.stars.remove("mara")
    assert starred.stars.all() == (BEPPO, MARA)
    starred.stars.add(star)
    assert starred.stars.all() == (star, BEPPO, MARA)
